"""How far fettle is from PyTorch + PEFT on the real SmolLM2, beside how far PyTorch in float32 is from itself in float64.

    ./dev golden smollm2 && ./dev compare parity

1. parity_dump (tests/tools) runs the golden sequences with the golden adapter: logits, loss and every adapter gradient,
   each against PyTorch's float64. The bar: at most twice PyTorch-f32's own distance.
2. `fettle train` runs the golden 50 steps from the same adapter over the same records in the same order, in f32 and bf16:
   the f32 curve against PyTorch's f32 (bar: 1e-3 relative at every step), and how far bf16 strays from f32, mean over the
   steps, on both sides (bar: 1.5 times PyTorch's). The curves go to parity_curves.png in the golden folder, or to
   --plot; docs/parity_curves.png is that.
3. Adapters go from fettle to PEFT and back: peft_roundtrip.py.
Exits non-zero when a bar is missed.
"""

import json
import pathlib
import sys

import matplotlib
import matplotlib.pyplot
from safetensors.torch import load_file

import plots
from common import Report, fettle_train, parity_dump, parser_of
from peft_roundtrip import compare_adapters

matplotlib.use("agg")

LOGITS_BAR = GRADIENT_BAR = 2.0
CURVE_BAR = 1e-3
STRAY_BAR = 1.5


def compare_numbers(args, report: Report) -> None:
    ours = parity_dump(args, args.golden / "adapter", args.golden / "fettle_f32.safetensors")
    f32, f64 = (load_file(args.golden / f"{tag}.safetensors") for tag in ("f32", "f64"))
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
    """The golden run; its losses from trainer_state.json, because trainer_log.jsonl rounds to four decimals."""
    out = args.golden / f"fettle_train_{'bf16' if bf16 else 'f32'}"
    fettle_train(args, out, adapter_name_or_path=args.golden / "adapter", per_device_train_batch_size=curve["batch"],
                 gradient_accumulation_steps=curve["accumulation"], learning_rate=curve["learning_rate"],
                 max_steps=curve["steps"], lr_scheduler_type=curve["schedule"], warmup_steps=curve["warmup_steps"],
                 weight_decay=curve["weight_decay"], max_grad_norm=curve["max_grad_norm"], bf16=str(bf16).lower())
    state = out / "trainer_state.json"
    losses = [row["loss"] for row in json.loads(state.read_text())["log_history"] if "loss" in row]
    if len(losses) != curve["steps"]:
        sys.exit(f"{state} has {len(losses)} losses, {curve['steps']} were expected")
    return losses


def stray(a: list[float], b: list[float]) -> float:
    return sum(abs(x - y) for x, y in zip(a, b)) / len(a)


def plot(path: pathlib.Path, curves: dict[str, list[float]]) -> None:
    """Losses above, below how far each curve is from PyTorch's f32 (what the upper panel cannot show)."""
    reference = curves["PyTorch f32"]
    figure, (loss, apart) = matplotlib.pyplot.subplots(2, 1, figsize=(9, 6), sharex=True)
    for (name, values), style in zip(curves.items(), ["-", "-", "--", "--"]):
        steps = range(1, len(values) + 1)
        loss.plot(steps, values, style, label=name, linewidth=1.2)
        if values is not reference:
            difference = [max(abs(x - y), 1e-9) for x, y in zip(values, reference)]
            apart.semilogy(steps, difference, style, label=f"{name} − PyTorch f32")
    loss.set_ylabel("loss per trained token")
    apart.set_ylabel("absolute difference")
    apart.set_xlabel("optimizer step")
    for axes in (loss, apart):
        axes.grid(alpha=0.3)
    loss.legend()
    apart.set_ylim(bottom=1e-6)
    apart.legend(loc="lower center", ncols=3)
    figure.tight_layout()
    plots.save(figure, path)


def compare_curves(args, report: Report) -> None:
    golden = json.loads((args.golden / "curves.json").read_text())
    theirs, theirs_bf16 = golden["curve_f32"]["loss"], golden["curve_bf16"]["loss"]
    ours, ours_bf16 = train(args, golden["curve"], bf16=False), train(args, golden["curve"], bf16=True)
    worst = max(range(len(ours)), key=lambda i: abs(ours[i] - theirs[i]) / theirs[i])
    report.bar("50 steps in f32, largest relative difference of the loss", abs(ours[worst] - theirs[worst]) / theirs[worst],
               CURVE_BAR, f"; at step {worst + 1}: ours {ours[worst]:.6f}, theirs {theirs[worst]:.6f}")
    report.bar("bf16 astray from f32, in PyTorch's own", stray(ours, ours_bf16) / stray(theirs, theirs_bf16), STRAY_BAR,
               f"; ours {stray(ours, ours_bf16):.2e}, theirs {stray(theirs, theirs_bf16):.2e}")
    plot(args.plot or args.golden / "parity_curves.png",
         {"fettle f32": ours, "fettle bf16": ours_bf16, "PyTorch f32": theirs, "PyTorch bf16": theirs_bf16})
    print(f"       plot: {args.plot or args.golden / 'parity_curves.png'}")


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--only", choices=["numbers", "curves", "adapters"])
    parser.add_argument("--plot", type=pathlib.Path, help="where the curves go instead of the golden folder")
    args = parser.parse_args()
    if not (args.golden / "curves.json").exists():
        sys.exit(f"no golden numbers in {args.golden}: ./dev golden smollm2")
    report = Report()
    for name, compare in (("numbers", compare_numbers), ("curves", compare_curves), ("adapters", compare_adapters)):
        if args.only in (None, name):
            compare(args, report)
    sys.exit(report.missed > 0)


if __name__ == "__main__":
    main()
