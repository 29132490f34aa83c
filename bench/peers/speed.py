"""Tokens per second and peak memory of LoRA training on SmolLM2: fettle beside PyTorch + PEFT, eager and compiled.

    ./dev compare speed [--tokens 512 --batch 1 --rank 16 --rounds 3 --threads 2]

Both sides do the same useful work: `batch` rows of exactly `tokens` tokens, loss on all positions, LoRA on all linears, bf16,
AdamW, clipping. PyTorch trains on the same GGUF dequantised to bf16 (SDPA), eager and compiled, adapters in f32 under
autocast or in bf16 like the weights; fettle on the file as it is, packed (`stage: pt`).
Runs alternate, each in a process of its own. tokens/s is the median step after the first three of a run; fettle's log has
no times below a second, so its steps are timed from outside, by when a line more stands in trainer_log.jsonl. Peak memory is
the process's maximum resident set as the kernel reports it: mapped weights count.
"""

import argparse
import json
import os
import pathlib
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from importlib.metadata import version

CACHE = pathlib.Path(os.environ.get("FETTLE_CACHE")
                     or pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "fettle")
WORKER = pathlib.Path(__file__).with_name("torch_peft_worker.py")
SKIPPED_STEPS = 3  # warming up, compiling


class LineClock(threading.Thread):
    """When a growing file had how many lines, to some milliseconds."""

    def __init__(self, file: pathlib.Path):
        super().__init__(daemon=True)
        self.file, self.times, self.stopped = file, [], threading.Event()

    def run(self) -> None:
        while not self.stopped.wait(0.005):
            lines = self.file.read_bytes().count(b"\n") if self.file.exists() else 0
            self.times += [time.monotonic()] * (lines - len(self.times))

    def intervals(self) -> list[float]:
        self.stopped.set()
        self.join()
        return [b - a for a, b in zip(self.times, self.times[1:])]


def run_measured(command: list, log: pathlib.Path) -> tuple[str, float]:
    """Runs a command; its standard output and its peak resident memory in MiB (of this child alone)."""
    with open(log, "w") as errors:
        child = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=errors, text=True)
        out = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"{command[0]} failed:\n{out[-1000:]}{log.read_text()[-2000:]}")
    return out, usage.ru_maxrss / 1024


def torch_run(args, folder: pathlib.Path, adapter: str, compiled: bool) -> tuple[float, float]:
    command = [sys.executable, WORKER, "--weights", args.weights, "--tokens", args.tokens, "--batch", args.batch, "--rank",
               args.rank, "--steps", args.steps + SKIPPED_STEPS, "--threads", args.threads, "--adapter", adapter]
    out, peak = run_measured(command + (["--compile"] if compiled else []), folder / "torch.log")
    seconds = json.loads(out.splitlines()[-1])["seconds"][SKIPPED_STEPS:]
    return args.batch * args.tokens / statistics.median(seconds), peak


def write_text(folder: pathlib.Path, tokens: int) -> None:
    """Plain text of more than `tokens` tokens: words of the demo's kind, drawn with a fixed seed."""
    words = ("the of and to in a is that it was for on are as with his they at be this from have or by one had not but what "
             "all were when we there can an your which their said if do will each about how up out them then she many some "
             "so these would other into has more her two like him see time could no make than first been its who now people "
             "water bread light stone river garden machine letter winter station engine").split()
    rng = random.Random(0)
    rows = [{"text": " ".join(rng.choices(words, k=400)) + "."} for _ in range(tokens // 400 + 2)]
    (folder / "speed.json").write_text(json.dumps(rows))
    (folder / "dataset_info.json").write_text(json.dumps({"speed": {"file_name": "speed.json", "columns": {"prompt": "text"}}}))


def fettle_run(args, folder: pathlib.Path) -> tuple[float, float]:
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    steps = args.steps + SKIPPED_STEPS
    options = dict(
        stage="pt", do_train="true", finetuning_type="lora", lora_target="all", model_name_or_path=args.weights,
        lora_rank=args.rank, lora_alpha=2 * args.rank, lora_dropout=0, dataset_dir=folder, dataset="speed", cutoff_len=args.tokens,
        packing="true", output_dir=out, logging_steps=1, save_steps=100000, max_steps=steps, learning_rate=1e-4,
        per_device_train_batch_size=args.batch, gradient_accumulation_steps=1, bf16="true", plot_loss="false")
    flags = [word for key, value in options.items() for word in (f"--{key}", value)]
    fettle = args.build / "src" / "app" / "fettle"
    clock = LineClock(out / "trainer_log.jsonl")
    clock.start()
    _, peak = run_measured(["taskset", "-c", f"0-{args.threads - 1}", fettle, "train", *flags], folder / "fettle.log")
    seconds = clock.intervals()[SKIPPED_STEPS - 1:args.steps + SKIPPED_STEPS - 1]
    return args.batch * args.tokens / statistics.median(seconds), peak


# What can be measured: name in the table, and a run that gives tokens/s and peak MiB.
KINDS = {
    "fettle": ("fettle", fettle_run),
    "eager": ("PyTorch + PEFT, eager, autocast", lambda a, f: torch_run(a, f, "autocast", False)),
    "compiled": ("PyTorch + PEFT, torch.compile, autocast", lambda a, f: torch_run(a, f, "autocast", True)),
    "eager-bf16": ("PyTorch + PEFT, eager, bf16 adapters", lambda a, f: torch_run(a, f, "bf16", False)),
    "compiled-bf16": ("PyTorch + PEFT, torch.compile, bf16 adapters", lambda a, f: torch_run(a, f, "bf16", True)),
}


def spread(values: list[float], digits: int) -> str:
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} – {max(values):.{digits}f})"


def cpu_name() -> str:
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    return next((l.split(":", 1)[1].strip() for l in lines if l.startswith("model name")), platform.processor())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build", type=pathlib.Path)
    parser.add_argument("--weights", default=CACHE / "SmolLM2-135M-Instruct.Q4_1.gguf", type=pathlib.Path)
    parser.add_argument("--tokens", default=512, type=int)
    parser.add_argument("--batch", default=1, type=int)
    parser.add_argument("--rank", default=16, type=int)
    parser.add_argument("--steps", default=12, type=int, help="measured steps of a run")
    parser.add_argument("--rounds", default=3, type=int)
    parser.add_argument("--threads", default=len(os.sched_getaffinity(0)), type=int)
    parser.add_argument("--only", nargs="*", choices=list(KINDS), default=list(KINDS))
    args = parser.parse_args()
    rate, peak = {n: [] for n in args.only}, {n: [] for n in args.only}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_text(folder, (args.steps + SKIPPED_STEPS) * args.batch * args.tokens)
        for round_ in range(args.rounds):
            for kind in args.only:
                r, p = KINDS[kind][1](args, folder)
                rate[kind].append(r)
                peak[kind].append(p)
                print(f"round {round_ + 1}: {KINDS[kind][0]}: {r:.0f} tokens/s, {p:.0f} MiB", file=sys.stderr, flush=True)
    print(f"SmolLM2-135M, LoRA r {args.rank} on all linears, {args.batch} x {args.tokens} tokens a step, {args.threads} threads, "
          f"{cpu_name()}; torch {version('torch')}, transformers {version('transformers')}, peft {version('peft')}; "
          f"median (lowest – highest) of {args.rounds} alternating runs")
    print(f"\n| | tokens/s | peak memory, MiB |\n|---|---|---|")
    for kind in args.only:
        print(f"| {KINDS[kind][0]} | {spread(rate[kind], 0)} | {spread(peak[kind], 0)} |")


if __name__ == "__main__":
    main()
