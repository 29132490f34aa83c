"""How far fettle is from PyTorch + PEFT on the real SmolLM2, beside how far PyTorch in float32 is from itself in float64.

    ./dev golden smollm2 && ./dev compare parity

1. parity_dump (tests/tools) runs the golden sequences with the golden adapter: logits, loss and every adapter gradient,
   each against PyTorch's float64. The bar: at most twice PyTorch-f32's own distance.
2. `fettle train` runs the golden 50 steps from the same adapter over the same records in the same order, in f32 and bf16:
   the f32 curve against PyTorch's f32 (bar: 1e-3 relative at every step), and how far bf16 strays from f32, mean over the
   steps, on both sides (bar: 1.5 times PyTorch's). The curves go to parity_curves.svg in the golden folder.
Exits non-zero when a bar is missed.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys

from safetensors.torch import load_file

CACHE = pathlib.Path(os.environ.get("FETTLE_CACHE")
                     or pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "fettle")
LOGITS_BAR = GRADIENT_BAR = 2.0
CURVE_BAR = 1e-3
STRAY_BAR = 1.5


class Report:
    def __init__(self):
        self.missed = 0

    def bar(self, what: str, value: float, limit: float, note: str = "") -> None:
        ok = value <= limit
        self.missed += not ok
        print(f"{'ok    ' if ok else 'MISSED'} {what}: {value:.3g} (at most {limit:g}){note}")


def find_tool(build: pathlib.Path, name: str) -> pathlib.Path:
    found = [p for p in build.rglob(name) if p.is_file() and os.access(p, os.X_OK)]
    if not found:
        sys.exit(f"{build} holds no {name}: ./dev build")
    return found[0]


def compare_numbers(args, report: Report) -> None:
    out = args.golden / "fettle_f32.safetensors"
    tool = find_tool(args.build, "parity_dump")
    subprocess.run([tool, args.weights, args.golden / "adapter", args.golden / "sequences.json", out, "--dtype", "f32"],
                   check=True)
    ours, f32, f64 = (load_file(p) for p in (out, args.golden / "f32.safetensors", args.golden / "f64.safetensors"))
    missing = f64.keys() - ours.keys()
    if missing:
        sys.exit(f"parity_dump wrote no {sorted(missing)[:3]} ({len(missing)} tensors missing)")

    def distance(x, name):
        return (x[name].double() - f64[name]).norm().item() / f64[name].norm().item()

    def largest(x, name):
        return ((x[name].double() - f64[name]).abs().max() / f64[name].abs().max()).item()

    theirs = largest(f32, "logits")
    report.bar("logits, largest difference, in PyTorch-f32's own", largest(ours, "logits") / theirs, LOGITS_BAR,
               f"; ours {largest(ours, 'logits'):.2e}, theirs {theirs:.2e} of the largest logit")
    print(f"       loss: float64 {f64['loss'].item():.9f}, PyTorch f32 {f32['loss'].item():.9f}, ours {ours['loss'].item():.9f}")
    names = sorted(n for n in f64 if n.startswith("grad."))
    ratios = {n: distance(ours, n) / distance(f32, n) for n in names}
    worst = max(ratios, key=ratios.get)
    over = sum(r > GRADIENT_BAR for r in ratios.values())
    report.bar("gradients, worst tensor, in PyTorch-f32's own", ratios[worst], GRADIENT_BAR,
               f"; {worst.removeprefix('grad.')}: ours {distance(ours, worst):.2e}, theirs {distance(f32, worst):.2e}; "
               f"median {sorted(ratios.values())[len(ratios) // 2]:.2f}; {over} of {len(ratios)} tensors above")


def train(args, curve: dict, bf16: bool) -> list[float]:
    """The golden run by `fettle train`; its losses from trainer_log.jsonl (four decimals, as LLaMA-Factory writes them)."""
    out = args.golden / f"fettle_train_{'bf16' if bf16 else 'f32'}"
    options = dict(
        stage="sft", do_train="true", finetuning_type="lora", model_name_or_path=args.weights,
        adapter_name_or_path=args.golden / "adapter", lora_dropout=0, dataset_dir=args.golden, dataset="parity",
        template="smollm2", cutoff_len=1024, disable_shuffling="true", output_dir=out, overwrite_output_dir="true",
        logging_steps=1, save_steps=1000, per_device_train_batch_size=curve["batch"],
        gradient_accumulation_steps=curve["accumulation"], learning_rate=curve["learning_rate"], max_steps=curve["steps"],
        lr_scheduler_type=curve["schedule"], warmup_steps=curve["warmup_steps"], weight_decay=curve["weight_decay"],
        max_grad_norm=curve["max_grad_norm"], bf16=str(bf16).lower())
    flags = [str(word) for key, value in options.items() for word in (f"--{key}", value)]
    log = args.golden / f"{out.name}.log"
    with open(log, "w") as f:
        if subprocess.run([find_tool(args.build, "fettle"), "train", *flags], stdout=f, stderr=subprocess.STDOUT).returncode:
            sys.exit(f"fettle train failed:\n{log.read_text()[-2000:]}")
    rows = [json.loads(line) for line in (out / "trainer_log.jsonl").read_text().splitlines()]
    losses = [row["loss"] for row in rows if "loss" in row]
    if len(losses) != curve["steps"]:
        sys.exit(f"{out}/trainer_log.jsonl has {len(losses)} losses, {curve['steps']} were expected")
    return losses


def stray(a: list[float], b: list[float]) -> float:
    return sum(abs(x - y) for x, y in zip(a, b)) / len(a)


def write_svg(path: pathlib.Path, curves: dict[str, list[float]]) -> None:
    colours = ["#1f5fa8", "#7fb2e5", "#b04a1f", "#f0a27f"]
    low, high = min(map(min, curves.values())), max(map(max, curves.values()))
    width, height, left, top = 860, 420, 60, 20

    def x(i, n):
        return left + i * (width - left - 20) / (n - 1)

    def y(v):
        return top + (high - v) * (height - top - 40) / (high - low)

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
             f'<rect width="{width}" height="{height}" fill="white"/>']
    for k in range(5):
        v = low + (high - low) * k / 4
        parts.append(f'<line x1="{left}" x2="{width - 20}" y1="{y(v):.1f}" y2="{y(v):.1f}" stroke="#ddd"/>'
                     f'<text x="{left - 6}" y="{y(v) + 4:.1f}" text-anchor="end">{v:.2f}</text>')
    for k, (name, losses) in enumerate(curves.items()):
        points = " ".join(f"{x(i, len(losses)):.1f},{y(v):.1f}" for i, v in enumerate(losses))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colours[k]}" stroke-width="1.5"/>'
                     f'<text x="{width - 180}" y="{top + 20 + 18 * k}" fill="{colours[k]}">{name}</text>')
    parts.append(f'<text x="{left}" y="{height - 12}">step 1 … {len(losses)}; loss per trained token</text></svg>')
    path.write_text("\n".join(parts) + "\n")


def compare_curves(args, report: Report) -> None:
    golden = json.loads((args.golden / "curves.json").read_text())
    theirs, theirs_bf16 = golden["curve_f32"]["loss"], golden["curve_bf16"]["loss"]
    ours, ours_bf16 = train(args, golden["curve"], bf16=False), train(args, golden["curve"], bf16=True)
    worst = max(range(len(ours)), key=lambda i: abs(ours[i] - theirs[i]) / theirs[i])
    report.bar("50 steps in f32, largest relative difference of the loss", abs(ours[worst] - theirs[worst]) / theirs[worst],
               CURVE_BAR, f"; at step {worst + 1}: ours {ours[worst]:.4f}, theirs {theirs[worst]:.4f}")
    report.bar("bf16 astray from f32, in PyTorch's own", stray(ours, ours_bf16) / stray(theirs, theirs_bf16), STRAY_BAR,
               f"; ours {stray(ours, ours_bf16):.2e}, theirs {stray(theirs, theirs_bf16):.2e}")
    write_svg(args.golden / "parity_curves.svg",
              {"fettle f32": ours, "fettle bf16": ours_bf16, "PyTorch f32": theirs, "PyTorch bf16": theirs_bf16})
    print(f"       plot: {args.golden / 'parity_curves.svg'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build", type=pathlib.Path)
    parser.add_argument("--golden", default=CACHE / "golden" / "smollm2", type=pathlib.Path)
    parser.add_argument("--weights", default=CACHE / "SmolLM2-135M-Instruct.Q4_1.gguf", type=pathlib.Path)
    parser.add_argument("--only", choices=["numbers", "curves"])
    args = parser.parse_args()
    if not (args.golden / "curves.json").exists():
        sys.exit(f"no golden numbers in {args.golden}: ./dev golden smollm2")
    report = Report()
    if args.only != "curves":
        compare_numbers(args, report)
    if args.only != "numbers":
        compare_curves(args, report)
    sys.exit(report.missed > 0)


if __name__ == "__main__":
    main()
