"""What a night on this machine buys: the measured speed of both demo models, times eight hours.

    bench/night.py [--rounds 3] [--batch 4 --tokens 512 --rank 16] [--build build]

LoRA on all linears, packed rows, loss on all positions, both models in turn every round; tokens per second as bench/peers/
speed.py measures fettle. What is not measured is computed and says so: the rate times 8 h, and that in examples of 256
tokens. Needs the demos' weights (tools/fetch_weights, tools/fetch_weights gemma3).
"""

import argparse
import os
import pathlib
import statistics
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent / "peers"))
from speed import CACHE, SKIPPED_STEPS, cpu_name, fettle_run, spread, write_text  # noqa: E402

MODELS = {"SmolLM2-135M": "SmolLM2-135M-Instruct.Q4_1.gguf", "Gemma 3 270M": "gemma-3-270m-q4_k_m.gguf"}
SECONDS, EXAMPLE = 8 * 3600, 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build", type=pathlib.Path)
    parser.add_argument("--tokens", default=512, type=int)
    parser.add_argument("--batch", default=4, type=int)
    parser.add_argument("--rank", default=16, type=int)
    parser.add_argument("--steps", default=6, type=int)
    parser.add_argument("--rounds", default=3, type=int)
    parser.add_argument("--threads", default=len(os.sched_getaffinity(0)), type=int)
    args = parser.parse_args()
    rate, peak = {name: [] for name in MODELS}, {name: [] for name in MODELS}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_text(folder, (args.steps + SKIPPED_STEPS) * args.batch * args.tokens)
        for _ in range(args.rounds):
            for model, file in MODELS.items():
                args.weights = CACHE / file
                r, p = fettle_run(args, folder)
                rate[model].append(r)
                peak[model].append(p)
    print(f"LoRA r {args.rank} on all linears, {args.batch} x {args.tokens} tokens a step, {args.threads} threads, {cpu_name()}; "
          f"median (lowest – highest) of {args.rounds} alternating runs")
    print(f"\n| | tokens/s, measured | peak memory, MiB | tokens in 8 h, computed | as examples of {EXAMPLE} tokens |")
    print("|---|---|---|---|---|")
    for model in MODELS:
        tokens = statistics.median(rate[model]) * SECONDS
        print(f"| {model} | {spread(rate[model], 0)} | {spread(peak[model], 0)} | {tokens / 1e6:.1f} million "
              f"| {round(tokens / EXAMPLE, -2):,.0f} |")


if __name__ == "__main__":
    main()
