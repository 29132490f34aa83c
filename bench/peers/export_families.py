"""A merged tiny model of every family in transformers: the same logits as PEFT's, base and adapter apart.

    ./dev compare export --only families

The tiny random models of tests/golden/make_model_golden.py, every variant, written by transformers and their adapter by
PEFT; `fettle export` merges them to a float32 folder, which transformers loads. The bar: 1e-5 of the largest logit.
"""

import dataclasses
import pathlib
import shutil
import sys
import tempfile

import torch
import transformers
from transformers import AutoModelForCausalLM

from common import Report, fettle

GOLDEN = pathlib.Path(__file__).parents[2] / "tests" / "golden"
sys.path.insert(0, str(GOLDEN))
import make_model_golden as golden  # noqa: E402

transformers.utils.logging.disable_progress_bar()
LOGITS_BAR = 1e-5
VOCABULARY = dict(vocab_size=448)  # of templates_tokenizer: a folder without a tokenizer is none


def logits(model, sequences) -> torch.Tensor:
    with torch.no_grad():
        return torch.cat([golden.logits_of(model, s["ids"]) for s in sequences])


def merged_folder(args, family, variant: str, work: pathlib.Path) -> pathlib.Path:
    base, adapter, out = (work / name for name in ("base", "adapter", "merged"))
    golden.build_base(family, variant, torch.float32).save_pretrained(base)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(GOLDEN / "templates_tokenizer" / file, base / file)
    golden.build(family, variant, torch.float32).save_pretrained(adapter, save_embedding_layers=False)
    fettle(args, "export", f"--model_name_or_path={base}", f"--adapter_name_or_path={adapter}", f"--export_dir={out}",
           "--infer_dtype=float32")
    return out


def compare_families(args, report: Report) -> None:
    sequences = [golden.sequence("sequence.0", 9, 3), golden.sequence("sequence.2", 18, 7)]
    for family in golden.FAMILIES.values():
        family = dataclasses.replace(family, config=family.config | VOCABULARY)
        for variant in family.variants:
            with tempfile.TemporaryDirectory() as folder:
                merged, info = AutoModelForCausalLM.from_pretrained(
                    merged_folder(args, family, variant, pathlib.Path(folder)), dtype=torch.float32, output_loading_info=True)
            apart = logits(golden.build(family, variant, torch.float32).eval(), sequences)
            alone = logits(golden.build_base(family, variant, torch.float32), sequences)
            together, largest = logits(merged.eval(), sequences), apart.abs().max().item()
            name = f"{type(merged).__name__}, {variant}"
            report.bar(f"{name}: logits from PEFT's, base and adapter apart", (together - apart).abs().max().item() / largest,
                       LOGITS_BAR)
            report.at_least(f"{name}: what the adapter changes, in bars",
                            (together - alone).abs().max().item() / largest / LOGITS_BAR, 1000)
            lost = [key for kind in ("missing_keys", "unexpected_keys", "mismatched_keys") for key in info[kind]]
            report.bar(f"{name}: weights missing, unexpected or of another shape", len(lost), 0, f" {lost}" if lost else "")
