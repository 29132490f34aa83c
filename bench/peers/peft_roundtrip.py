"""Adapters between fettle and PEFT on the real SmolLM2, both ways, held to its logits in float64.

    ./dev golden smollm2 && ./dev compare parity --only adapters

1. `fettle train` makes an adapter; PEFT loads it onto the dequantised base without a word of warning, and its logits are
   those of fettle. PEFT saves it again: fettle loads that and computes equal bits.
2. PEFT saves an adapter that differs from fettle's defaults (some of the linears, rank-stabilised, a rank and alpha of its
   own for one projection); fettle loads it, and its logits are PEFT's.
The bar of a logit: twice as far from float64 as PyTorch's float32, or 1e-5 of the largest. Every adapter must move the
base's logits a thousand bars, or agreement would say nothing.
"""

import json
import pathlib
import sys
import warnings

import torch
from peft import LoraConfig, PeftModel, get_peft_model

from common import Report, fettle_train, parity_dump, parser_of

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tests" / "golden"))
import gguf_reference  # noqa: E402
import reference as ref  # noqa: E402

warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated")  # PEFT's use of transformers
RATIO_BAR, ABSOLUTE_BAR = 2.0, 1e-5
MOVED = 1000
TRAINING = dict(lora_rank=8, lora_alpha=16, lora_target="all", learning_rate=5e-3, lr_scheduler_type="constant", max_steps=3,
                per_device_train_batch_size=2, gradient_accumulation_steps=2, seed=7, bf16="false")
OTHER = dict(r=4, lora_alpha=12, target_modules=["q_proj", "v_proj", "down_proj"], use_rslora=True,
             rank_pattern={"v_proj": 6}, alpha_pattern={"v_proj": 3}, lora_dropout=0.05)


def peft_logits(args, adapter: pathlib.Path, dtype: torch.dtype, saved: pathlib.Path | None = None) -> torch.Tensor:
    """Logits [positions, vocab] of the golden sequences under an adapter folder; a warning of PEFT's is an error."""
    sequences = json.loads((args.golden / "sequences.json").read_text())
    base = gguf_reference.load_model(args.weights, dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # so it tells of tensors that are missing or not expected
        model = PeftModel.from_pretrained(base, adapter).to(dtype).eval()
    if saved:
        model.save_pretrained(saved, save_embedding_layers=False)
    with ref.arithmetic(dtype), torch.no_grad():
        return torch.cat([model(input_ids=torch.tensor([s["ids"]])).logits[0] for s in sequences])


def compare_logits(args, report: Report, what: str, adapter: pathlib.Path, saved: pathlib.Path | None = None) -> torch.Tensor:
    f64, f32 = peft_logits(args, adapter, torch.float64), peft_logits(args, adapter, torch.float32, saved)
    ours = parity_dump(args, adapter, args.golden / "fettle_roundtrip.safetensors")["logits"]
    base = parity_dump(args, "-", args.golden / "fettle_base.safetensors")["logits"]
    largest = f64.abs().max().item()

    def distance(x):
        return (x.double() - f64).abs().max().item() / largest

    bar = max(RATIO_BAR * distance(f32), ABSOLUTE_BAR)
    report.bar(f"{what}: fettle's logits from float64", distance(ours), bar,
               f"; PEFT's f32 {distance(f32):.2e}, the base alone {distance(base):.2e} of the largest logit")
    report.at_least(f"{what}: what the adapter changes, in bars", distance(base) / bar, MOVED)
    return ours


def make_other_adapter(args, out: pathlib.Path) -> None:
    model = get_peft_model(gguf_reference.load_model(args.weights, torch.float32), LoraConfig(task_type="CAUSAL_LM", **OTHER))
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for p in ref.lora_parameters(model).values():
            p.normal_(std=0.02, generator=generator)
    model.save_pretrained(out, save_embedding_layers=False)


def compare_adapters(args, report: Report) -> None:
    made, again, other = (args.golden / name for name in ("adapter_by_fettle", "adapter_saved_again", "adapter_by_peft"))
    fettle_train(args, made, **TRAINING)
    ours = compare_logits(args, report, "made by fettle, loaded by PEFT", made, saved=again)
    back = parity_dump(args, again, args.golden / "fettle_roundtrip.safetensors")["logits"]
    report.bar("saved again by PEFT, loaded by fettle: logits that differ", (ours != back).sum().item(), 0)
    make_other_adapter(args, other)
    compare_logits(args, report, "made by PEFT, loaded by fettle", other)


def main() -> None:
    args, report = parser_of(__doc__).parse_args(), Report()
    compare_adapters(args, report)
    sys.exit(report.missed > 0)


if __name__ == "__main__":
    main()
