"""What the comparisons with PyTorch share: their options, how they run fettle, and how they report."""

import argparse
import os
import pathlib
import subprocess
import sys

from safetensors.torch import load_file

CACHE = pathlib.Path(os.environ.get("FETTLE_CACHE")
                     or pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "fettle")


class Report:
    def __init__(self):
        self.missed = 0

    def bar(self, what: str, value: float, limit: float, note: str = "") -> None:
        self._say(value <= limit, f"{what}: {value:.3g} (at most {limit:.3g}){note}")

    def at_least(self, what: str, value: float, limit: float) -> None:
        self._say(value >= limit, f"{what}: {value:.3g} (at least {limit:.3g})")

    def _say(self, ok: bool, line: str) -> None:
        self.missed += not ok
        print("PASS  " if ok else "MISSED", line, flush=True)


def find_tool(build: pathlib.Path, name: str) -> pathlib.Path:
    found = [p for p in build.rglob(name) if p.is_file() and os.access(p, os.X_OK)]
    if not found:
        sys.exit(f"{build} holds no {name}: ./dev build")
    return found[0]


# Runs its arguments and says what they held at their peak, in KiB. In a process of its own: a child's maximum begins with
# what its parent held when it was made, and a parent with PyTorch holds more than any fettle.
MEASURE = """import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)"""


def fettle(args, *words) -> float:
    """Runs fettle; its peak resident memory in MiB, mapped files counted."""
    command = [sys.executable, "-c", MEASURE, find_tool(args.build, "fettle"), *map(str, words)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(f"fettle {words[0]} failed:\n{done.stdout[-3000:]}")
    return int(done.stdout.split()[-1]) / 1024


def parity_dump(args, adapter: pathlib.Path | str, out: pathlib.Path) -> dict:
    """Everything one f32 step over the golden sequences computes; an adapter "-" is the base alone."""
    subprocess.run([find_tool(args.build, "parity_dump"), args.weights, adapter, args.golden / "sequences.json", out,
                    "--dtype", "f32"], check=True)
    return load_file(out)


def fettle_train(args, out: pathlib.Path, **options) -> None:
    """`fettle train` with LoRA on the golden records, in their order."""
    options = dict(
        stage="sft", do_train="true", finetuning_type="lora", model_name_or_path=args.weights, lora_dropout=0,
        dataset_dir=args.golden, dataset="parity", template="smollm2", cutoff_len=1024, disable_shuffling="true",
        output_dir=out, overwrite_output_dir="true", logging_steps=1, save_steps=1000) | options
    flags = [str(word) for key, value in options.items() for word in (f"--{key}", value)]
    log = out.with_suffix(".log")
    with open(log, "w") as f:
        if subprocess.run([find_tool(args.build, "fettle"), "train", *flags], stdout=f, stderr=subprocess.STDOUT).returncode:
            sys.exit(f"fettle train failed:\n{log.read_text()[-2000:]}")


def parser_of(doc: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--build", default="build", type=pathlib.Path)
    parser.add_argument("--golden", default=CACHE / "golden" / "smollm2", type=pathlib.Path)
    parser.add_argument("--weights", default=CACHE / "SmolLM2-135M-Instruct.Q4_1.gguf", type=pathlib.Path)
    return parser
