"""What `fettle plan` says beside what a run then takes: memory at its peak and time, on five configurations.

    bench/plan_check.py [--rounds 5] [--only NAME…] [--build build]

Every round plans and trains each configuration in turn, so that both see the machine in the same minutes. Memory: the
planned peak against the largest resident set of the run as the kernel reports it, of all rounds; the bar is 5 %. Time: the
run's seconds ÷ the planned ones, the median of the rounds; the bar is 15 %, on a machine that does nothing else.
--rounds 1 is enough for the memory. Needs both demos' weights (tools/fetch_weights, tools/fetch_weights gemma3) and nothing
but Python's own library. Exits non-zero when a bar is missed.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent / "peers"))
from speed import CACHE, run_measured, write_text  # noqa: E402

ROOT = pathlib.Path(__file__).parents[1]
MEMORY_BAR, TIME_BAR = 0.05, 0.15
SMOLLM2, GEMMA3 = "SmolLM2-135M-Instruct.Q4_1.gguf", "gemma-3-270m-q4_k_m.gguf"
PACKED = dict(stage="pt", do_train="true", finetuning_type="lora", lora_target="all", lora_rank=16, packing="true",
              dataset="speed", learning_rate=1e-4, gradient_accumulation_steps=1)
OFTEN = dict(save_steps=100000, plot_loss="false", overwrite_output_dir="true")


@dataclasses.dataclass
class Config:
    weights: str
    options: dict
    example: str = ""  # a YAML that the options are added to


CONFIGS = {
    "1 x 512, rank 16": Config(SMOLLM2, PACKED | dict(cutoff_len=512, per_device_train_batch_size=1, max_steps=24)),
    "4 x 512, rank 16": Config(SMOLLM2, PACKED | dict(cutoff_len=512, per_device_train_batch_size=4, max_steps=6)),
    "2 x 2048, recompute for memory_limit": Config(SMOLLM2, PACKED | dict(
        cutoff_len=2048, per_device_train_batch_size=2, max_steps=3, memory_limit="1200 MB")),
    "Gemma 3 270M, demo in Chinese": Config(GEMMA3, dict(max_steps=30), "demo_gemma3_zh_lora.yaml"),
    "demo, rank 64, dropout, evaluations": Config(SMOLLM2, dict(
        lora_rank=64, lora_dropout=0.1, val_size=0.2, eval_strategy="steps", eval_steps=6, per_device_eval_batch_size=4,
        per_device_train_batch_size=8, gradient_accumulation_steps=2, max_steps=12), "demo_smollm2_lora.yaml"),
}
UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


@dataclasses.dataclass
class Measured:
    recompute: str = ""
    planned: list = dataclasses.field(default_factory=list)  # bytes
    peak: list = dataclasses.field(default_factory=list)
    ratio: list = dataclasses.field(default_factory=list)  # seconds of the run ÷ planned


def words_of(config: Config, folder: pathlib.Path) -> list[str]:
    dataset = folder if not config.example else ROOT / "data"
    options = config.options | OFTEN | dict(model_name_or_path=CACHE / config.weights, dataset_dir=dataset, output_dir=folder / "out")
    if config.example:
        return [ROOT / "examples" / config.example, *(f"{key}={value}" for key, value in options.items())]
    return [word for key, value in options.items() for word in (f"--{key}", str(value))]


def plan(fettle: pathlib.Path, words: list, out: Measured) -> float:
    """Planned tokens per second; the planned peak goes to `out`."""
    text = subprocess.run([fettle, "plan", *words], check=True, capture_output=True, text=True).stdout
    size, unit, out.recompute = re.search(r"([\d.]+) (.iB)  at the peak, with recompute: (\w+)", text).groups()
    out.planned.append(float(size) * UNITS[unit])
    return float(re.search(r"at (\d+) tokens/s \(a probe", text)[1])


def train(fettle: pathlib.Path, words: list, folder: pathlib.Path, out: Measured) -> float:
    """Tokens per second of the run, evaluations and all; its peak goes to `out`."""
    _, peak = run_measured([fettle, "train", *words], folder / "train.log")
    out.peak.append(peak * 2**20)
    results = json.loads((folder / "out" / "all_results.json").read_text())
    return results["num_input_tokens_seen"] / results["train_runtime"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build", type=pathlib.Path)
    parser.add_argument("--rounds", default=5, type=int)
    parser.add_argument("--only", nargs="*", default=list(CONFIGS), choices=list(CONFIGS))
    args = parser.parse_args()
    fettle = args.build / "src" / "app" / "fettle"
    measured = {name: Measured() for name in args.only}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_text(folder, 24 * 1024)
        for round_ in range(args.rounds):
            for name, out in measured.items():
                words = words_of(CONFIGS[name], folder)
                planned = plan(fettle, words, out)
                out.ratio.append(planned / train(fettle, words, folder, out))
                print(f"round {round_ + 1}: {name}: {planned:.0f} tokens/s planned, {out.ratio[-1]:.2f} times the planned time; "
                      f"{out.planned[-1] / 2**20:.0f} MiB planned, {out.peak[-1] / 2**20:.0f} at the peak", file=sys.stderr,
                      flush=True)
    missed = 0
    print(f"| configuration | recompute | planned, MiB | peak, MiB | off | time ÷ planned, median (lowest – highest) of {args.rounds} |")
    print("|---|---|---|---|---|---|")
    for name, out in measured.items():
        planned, peak, ratio = max(out.planned), max(out.peak), statistics.median(out.ratio)
        missed += abs(planned / peak - 1) > MEMORY_BAR or abs(ratio - 1) > TIME_BAR
        print(f"| {name} | {out.recompute} | {planned / 2**20:.0f} | {peak / 2**20:.0f} | {100 * (planned / peak - 1):+.1f} % "
              f"| {ratio:.2f} ({min(out.ratio):.2f} – {max(out.ratio):.2f}) |")
    print(f"{len(measured) - missed} passed, {missed} failed")
    sys.exit(missed > 0)


if __name__ == "__main__":
    main()
