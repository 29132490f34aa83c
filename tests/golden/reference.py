"""What the golden scripts share: the weight formula, float64 arithmetic in transformers, and the stamp of a golden file.

The formula. Both sides (this file and tests/golden in C++) build the same tensors from their names alone:

    h    = FNV-1a, 64 bits, over the UTF-8 bytes of the tensor's name
    z[i] = output i (from 0) of splitmix64 seeded with h:   s = h + (i + 1) * 0x9E3779B97F4A7C15
           s = (s ^ s >> 30) * 0xBF58476D1CE4E5B9;  s = (s ^ s >> 27) * 0x94D049BB133111EB;  z = s ^ s >> 31
    b[i] = z[i] >> 56                                       the top byte, 0 … 255
    matrix:        w[i] = (2 b[i] - 255) / 256 * scale      scale is a power of two
    norm weights:  w[i] = 1 + (floor(b[i] / 8) - 16) / 64

i counts row-major. Every value has at most 8 significant bits, so f32, f16 and bf16 all hold it exactly: the same golden
numbers serve a model stored in any of them.
"""

import contextlib
import hashlib
import json
import math
import os
import pathlib
import platform
from importlib.metadata import version
from unittest import mock

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing here comes from a hub

import numpy as np  # noqa: E402
import torch  # noqa: E402

MASK = (1 << 64) - 1


def fnv1a(name: str) -> int:
    h = 0xCBF29CE484222325
    for byte in name.encode():
        h = (h ^ byte) * 0x100000001B3 & MASK
    return h


def top_bytes(name: str, count: int) -> np.ndarray:
    with np.errstate(over="ignore"):
        s = np.uint64(fnv1a(name)) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        s = (s ^ s >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        s = (s ^ s >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
        return ((s ^ s >> np.uint64(31)) >> np.uint64(56)).astype(np.int64)


def formula_matrix(name: str, shape, scale: float) -> torch.Tensor:
    b = top_bytes(name, math.prod(shape))
    return torch.from_numpy((2 * b - 255) / 256 * scale).reshape(tuple(shape))


def formula_norm(name: str, size: int) -> torch.Tensor:
    return torch.from_numpy(1 + (top_bytes(name, size) // 8 - 16) / 64)


@contextlib.contextmanager
def float64_arithmetic():
    """transformers computes norms and RoPE tables in float32 whatever the model's dtype: `x.to(torch.float32)`, `x.float()`.
    Inside this context those names mean float64, so that the program itself, unchanged, is the float64 reference."""
    with mock.patch.multiple(torch, float=torch.float64, float32=torch.float64), \
         mock.patch.object(torch.Tensor, "float", torch.Tensor.double):
        yield


def arithmetic(dtype: torch.dtype):
    return float64_arithmetic() if dtype == torch.float64 else contextlib.nullcontext()


def token_loss_sum(logits: torch.Tensor, labels: list[int]) -> tuple[torch.Tensor, int]:
    """Σ −log p over the targets of one sequence [positions, vocab]; position i predicts labels[i + 1], −100 is no target."""
    shifted = torch.tensor(labels[1:])
    loss = torch.nn.functional.cross_entropy(logits[:-1], shifted, ignore_index=-100, reduction="sum")
    return loss, int((shifted != -100).sum())


def relative_error(x: torch.Tensor, true: torch.Tensor) -> float:
    return float((x.double() - true).norm() / true.norm())


def lora_parameters(model) -> dict[str, torch.Tensor]:
    """The adapter's tensors by the names PEFT's adapter_model.safetensors has."""
    return {name.replace(".default.", "."): p for name, p in model.named_parameters() if "lora_" in name}


def linear_schedule(step: int, warmup: int, total: int) -> float:
    """Factor of the learning rate of 0-based step: up from 0 over `warmup` steps, then down to 0 (get_linear_schedule_with_warmup)."""
    if step < warmup:
        return step / max(1, warmup)
    return max(0.0, (total - step) / max(1, total - warmup))


def cosine_schedule(step: int, warmup: int, total: int) -> float:
    """get_cosine_schedule_with_warmup, half a wave."""
    if step < warmup:
        return step / max(1, warmup)
    return max(0.0, 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup))))


def stamp(script: str, *helpers: str, packages=("torch", "transformers", "peft", "numpy")) -> dict:
    """Which programs made a golden file; the hashes tie it to the text of the script and of what it imports."""
    here = pathlib.Path(script).parent
    files = sorted({pathlib.Path(script).name, pathlib.Path(__file__).name, *helpers})
    return {
        "scripts": {f: hashlib.sha256((here / f).read_bytes()).hexdigest() for f in files},
        "versions": {"python": platform.python_version(), **{p: version(p) for p in packages}},
    }


def numbers(x: torch.Tensor) -> list:
    """Shortest decimals that read back as the same f64 or f32 (an f32 is printed as one: nine digits)."""
    if x.dtype == torch.float64:
        return x.tolist()
    return [numbers(row) for row in x] if x.dim() > 1 else [float(f"{v:.9g}") for v in x.tolist()]


def write_json(path: pathlib.Path, value) -> None:
    path.write_text(json.dumps(value, separators=(",", ":")) + "\n")
    print(f"wrote {path.name}: {path.stat().st_size / 1e3:.0f} kB")
