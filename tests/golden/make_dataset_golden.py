#!/usr/bin/env python3
"""How `datasets` cuts and mixes: tests/golden/datasets.json.

Split expressions over so many records, and interleavings of datasets of given lengths, as `datasets` (the library under
LLaMA-Factory) answers them. An interleaving is the list of its records, numbered through all datasets.

    python3 tests/golden/make_dataset_golden.py
"""
import json
import pathlib

import datasets
from datasets import Dataset, ReadInstruction, interleave_datasets

SPLITS = [
    "train", "all", "train[:3]", "train[3:]", "train[-2:]", "train[:-2]", "train[-90:]", "train[5:3]", "train[:]",
    "train[:25%]", "train[10%:35%]", "train[-35%:]", "train[:15%]", "train[10%:5]", "train[:50%](closest)",
    "train[:2]+train[-1:]", "train[4:6] + train[0:2]", "train[:7%](pct1_dropremainder)", "train[3]", "test", "train[:3%4]",
    "train[:3](closest)", "train[:200%]", "train[90000:]", "train[1:2](other)",
]
COUNTS = [10, 37, 150]
STRATEGIES = {
    "interleave_under": "first_exhausted",
    "interleave_over": "all_exhausted",
    "interleave_once": "all_exhausted_without_replacement",
}
MIXES = [
    ([3, 4, 5], None), ([5], None), ([4, 1, 4], None),
    ([3, 4, 5], [0.5, 0.25, 0.25]), ([40, 200], [0.1, 0.9]), ([7, 300, 30], [0.7, 0.2, 0.1]), ([3, 2], [1.0, 0.0]),
]
SEEDS = [0, 42, 2**32 + 5]


def split(spec, count):
    try:
        parts = ReadInstruction.from_spec(spec).to_absolute({"train": count})
    except ValueError:
        return None
    records = [i for part in parts for i in range(part.from_, part.to)]
    return records or None  # load_dataset refuses what is empty


def mix(lengths, probabilities, strategy, seed):
    begin, sets = 0, []
    for length in lengths:
        sets.append(Dataset.from_dict({"i": list(range(begin, begin + length))}))
        begin += length
    try:
        return interleave_datasets(sets, probabilities, seed=seed, stopping_strategy=STRATEGIES[strategy])["i"][:]
    except ValueError:
        return None


def never_ends(probabilities, strategy):
    return probabilities and 0.0 in probabilities and strategy == "interleave_once"


golden = {
    "library": f"datasets {datasets.__version__}",
    "splits": [{"split": s, "count": n, "records": list(range(n)) if s == "all" else split(s, n)}
               for s in SPLITS for n in COUNTS],
    "mixes": [{"lengths": lengths, "probabilities": p, "strategy": strategy, "seed": seed,
               "records": mix(lengths, p, strategy, seed)}
              for lengths, p in MIXES for strategy in STRATEGIES for seed in (SEEDS if p else [0])
              if not never_ends(p, strategy)],
}
out = pathlib.Path(__file__).with_name("datasets.json")
rows = {key: "[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in value) + "]"
        if isinstance(value, list) else json.dumps(value) for key, value in golden.items()}
out.write_text("{" + ",\n".join(f'"{key}":{value}' for key, value in rows.items()) + "}\n")
