"""A run handed over to LLaMA-Factory and back, with one YAML: does the next step cost the same?

    bench/peers/llamafactory_continue.py --build build

Each program trains a few steps on the project's own data, then both continue that adapter with the same YAML: the losses
of the next steps must agree to 1e-4 in f32. The model is a random Llama of a few kB that tools/tiny_model writes, or
--model FOLDER. Needs the reference environment (tests/golden/requirements.txt) with llamafactory 0.9.5 and trl 0.24.0,
each installed with --no-deps; what of LLaMA-Factory has no say here is stood in for by an empty module.
"""

import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve()
BAR = 1e-4
STEPS = 4       # of the run that is handed over
CONTINUED = 3   # the first is the next step; those behind it show gradients and the optimizer
RUN = dict(stage="sft", do_train=True, finetuning_type="lora", dataset="alpaca_en_demo", template="qwen", cutoff_len=256,
           max_samples=16, per_device_train_batch_size=2, gradient_accumulation_steps=1, learning_rate=1e-2,
           lr_scheduler_type="constant", lora_rank=8, lora_dropout=0.0, lora_target="all", disable_shuffling=True,
           logging_steps=1, save_strategy="no", report_to="none", bf16=False, overwrite_output_dir=True, plot_loss=False,
           disable_gradient_checkpointing=True)  # theirs does not know how transformers 5.23 calls it


def llamafactory_run(config: str, out: str) -> None:
    """Trains as `llamafactory-cli train CONFIG` does; the losses as they are, which its log rounds."""
    import importlib.machinery
    import types

    os.environ["DISABLE_VERSION_CHECK"] = "1"
    module = types.ModuleType("torchaudio")
    module.__spec__ = importlib.machinery.ModuleSpec("torchaudio", None)
    sys.modules.setdefault("torchaudio", module)
    import yaml
    from llamafactory.hparams import get_train_args
    from llamafactory.train.sft import run_sft
    from transformers import TrainerCallback

    class Losses(TrainerCallback):
        values: list = []

        def on_log(self, args, state, control, logs=None, **_):
            if "loss" in (logs or {}):
                self.values.append(logs["loss"])

    options = yaml.safe_load(pathlib.Path(config).read_text())
    run_sft(*get_train_args(options), callbacks=[Losses()])
    pathlib.Path(out).write_text(json.dumps(Losses.values))


class Bench:
    def __init__(self, args, folder: pathlib.Path):
        self.args, self.folder = args, folder
        self.fettle = find_tool(args.build, "fettle")
        self.model = args.model or folder / "model"
        if not args.model:
            subprocess.run([find_tool(args.build, "tiny_model"), self.model, "llama"], check=True)
            config = json.loads((self.model / "config.json").read_text())
            (self.model / "config.json").write_text(json.dumps(config | {"model_type": "llama"}))  # transformers wants it

    def config(self, name: str, **options) -> tuple[pathlib.Path, pathlib.Path]:
        """A YAML, which both programs read, and its output folder."""
        import yaml

        out = self.folder / name
        path = self.folder / f"{name}.yaml"
        options = RUN | dict(model_name_or_path=str(self.model), dataset_dir=str(HERE.parents[2] / "data"), output_dir=str(out)) | options
        path.write_text(yaml.safe_dump(options))
        return path, out

    def run(self, program: str, name: str, **options) -> list[float]:
        path, out = self.config(f"{name}_{program}", **options)
        losses = self.folder / f"{name}_{program}.json"
        own = ["--save_strategy", "steps", "--save_steps", "1"] + ([] if self.args.model else ["--check_model", "false"])
        command = ([self.fettle, "train", path, *own] if program == "fettle"
                   else [sys.executable, HERE, "--llamafactory", path, losses])
        done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout[-3000:]}")
        if program != "fettle":
            return json.loads(losses.read_text())
        # The log rounds as theirs does; a checkpoint has the sum of the losses in full.
        sums = [0.0]
        for checkpoint in sorted(out.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1])):
            sums.append(json.loads((checkpoint / "fettle_state.json").read_text())["loss_sum"])
        return [now - before for before, now in zip(sums, sums[1:])]


def main() -> None:
    import argparse

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build", type=pathlib.Path)
    parser.add_argument("--model", type=pathlib.Path, help="a Hugging Face folder, in place of the tiny random model")
    args = parser.parse_args()
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(args, pathlib.Path(folder))
        for first in ("fettle", "llamafactory"):
            before = bench.run(first, "first", max_steps=STEPS)
            print(f"{STEPS} steps in {first}: {' '.join(f'{loss:.6f}' for loss in before)}")
            adapter = str(bench.folder / f"first_{first}")
            both = [bench.run(second, f"after_{first}", max_steps=CONTINUED, adapter_name_or_path=adapter)
                    for second in ("fettle", "llamafactory")]
            for step, (ours, theirs) in enumerate(zip(*both, strict=True), 1):
                print(f"  step {step} behind them: fettle {ours:.6f}, LLaMA-Factory {theirs:.6f}")
                report.bar(f"made by {first}, step {step}: difference of the losses", abs(ours - theirs), BAR)
            moved = abs(both[0][0] - before[0])
            report.at_least(f"made by {first}: the adapter has moved the first loss by", moved, 100 * BAR)
            assert not math.isnan(moved)
    sys.exit(1 if report.missed else 0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--llamafactory"]:
        llamafactory_run(*sys.argv[2:])
    else:
        from common import Report, find_tool

        main()
