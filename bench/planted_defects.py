"""Does `fettle data` find what is wrong? Twelve kinds of defects planted in 500 records, compared by line.

    bench/planted_defects.py --fettle build/src/app/fettle --model MODEL [--keep FOLDER]

The records are conversations of random but readable English sentences (fixed seed). Prints, for every kind, how many were
planted and found, then the records that were named without a defect; ends with "N passed, N failed" over the two promises:
at least 95 % found, at most 1 % of the sound records named.
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile

RECORDS, OF_A_KIND, CUTOFF = 500, 5, 512

NOUNS = """river bridge garden engine letter winter station orchard lantern harbour village teacher weaver blanket kettle ladder
mirror window basket valley meadow forest captain painter violin market library castle island glacier compass anchor
hammer saddle pepper ginger walnut cherry turnip copper marble cotton leather candle feather button ribbon pocket
sailor farmer doctor tailor baker miller mason smith brewer cooper fisher hunter potter dyer""".split()
VERBS = """carries follows repairs paints measures gathers protects explains remembers borrows polishes replaces discovers
balances compares describes encourages finishes imagines invents observes organises predicts prepares questions reflects
restores searches supports translates understands welcomes widens whispers wonders improves arranges collects""".split()
ADJECTIVES = """quiet narrow golden ancient careful distant gentle hollow honest humble lively modest patient rapid rough silent
simple slender smooth steady sturdy subtle sudden tender vivid warm weary wide wooden young bright broken clever curious
eager early famous fresh generous heavy""".split()
LINKS = "because while although whenever before after unless until so that".split()


def sentence(rng: random.Random) -> str:
    pick = lambda words: rng.choice(words)
    return (f"The {pick(ADJECTIVES)} {pick(NOUNS)} {pick(VERBS)} the {pick(ADJECTIVES)} {pick(NOUNS)} {pick(LINKS)} "
            f"a {pick(NOUNS)} {pick(VERBS)} the {pick(NOUNS)} of the {pick(ADJECTIVES)} {pick(NOUNS)}.")


def question(rng: random.Random) -> str:
    return (f"Why is it that the {rng.choice(ADJECTIVES)} {rng.choice(NOUNS)} {rng.choice(VERBS)} the "
            f"{rng.choice(ADJECTIVES)} {rng.choice(NOUNS)} near the {rng.choice(NOUNS)}?")


def talk(asked: str, answer: str) -> list[dict]:
    return [{"from": "human", "value": asked}, {"from": "gpt", "value": answer}]


def sound(rng: random.Random) -> list[dict]:
    return talk(question(rng), " ".join(sentence(rng) for _ in range(rng.randint(2, 5))))


def with_answer(turns: list[dict], answer: str) -> list[dict]:
    return talk(turns[0]["value"], answer)


def near(rng: random.Random, turns: list[dict]) -> list[dict]:
    words = turns[1]["value"].split()
    words[rng.randrange(len(words))] = "otherwise"
    return with_answer(turns, " ".join(words))


GERMAN = ("Das ist nicht so einfach, denn die Antwort steht in einem Buch, das der Vater mit der Post auf die Reise geschickt "
          "hat und das sich nun nicht mehr finden lässt.")
CHINESE = "这个问题的答案写在一本很旧的书里，可是那本书已经找不到了，所以没有人能够回答。"

# name: what fettle may call it, and how a defective record is made of a sound one and an earlier sound one
DEFECTS = {
    "cut": (["cut"], lambda r, t, e: with_answer(t, " ".join(sentence(r) for _ in range(CUTOFF // 20 + 4)))),
    "empty": (["empty_answer", "skipped"], lambda r, t, e: with_answer(t, " ")),
    "duplicate": (["duplicate"], lambda r, t, e: [dict(turn) for turn in e]),
    "near-duplicate": (["near_duplicate"], lambda r, t, e: near(r, e)),
    "role order": (["skipped"], lambda r, t, e: t[::-1] + t[::-1]),
    "mixed encodings": (["encoding"], lambda r, t, e: with_answer(
        t, t[1]["value"] + " " + "Voilà, c’était déjà très tôt.".encode().decode("cp1252", errors="replace"))),
    "leaked evaluation": (["leak"], None),  # the evaluation set repeats the record
    "prompt in the answer": (["prompt_in_answer"], lambda r, t, e: with_answer(t, t[0]["value"] + " " + t[1]["value"])),
    "all masked": (["skipped", "nothing_trained"], lambda r, t, e: t[:1]),
    "unclosed tags": (["unclosed"], lambda r, t, e: with_answer(
        t, r.choice(["<think>", "```python\n", "<answer>"]) + t[1]["value"])),
    "wrong language": (["language"], lambda r, t, e: with_answer(t, r.choice([GERMAN, CHINESE]) + f" {r.randint(10, 99)}")),
    "absurd length": (["outlier", "cut"], lambda r, t, e: with_answer(t, " ".join(sentence(r) for _ in range(300)))),
}


def build(folder: pathlib.Path) -> dict[int, str]:
    """Writes the sets; returns line → defect of the training set."""
    rng = random.Random(20)
    records = [sound(rng) for _ in range(RECORDS)]
    places = rng.sample(range(RECORDS // 4, RECORDS), OF_A_KIND * len(DEFECTS))
    earlier = iter(rng.sample(range(RECORDS // 4), OF_A_KIND * len(DEFECTS)))
    truth, leaked = {}, []
    for at, name in zip(places, [n for n in DEFECTS for _ in range(OF_A_KIND)]):
        make = DEFECTS[name][1]
        if make is None:
            leaked.append(records[at])
        else:
            records[at] = make(rng, records[at], records[next(earlier)])
            truth[at + 1] = name
    (folder / "train.jsonl").write_text("".join(json.dumps({"conversations": r}, ensure_ascii=False) + "\n" for r in records))
    held = [sound(rng) for _ in range(20)] + leaked
    (folder / "held.jsonl").write_text("".join(json.dumps({"conversations": r}, ensure_ascii=False) + "\n" for r in held))
    entry = lambda file: {"file_name": file, "formatting": "sharegpt"}
    (folder / "dataset_info.json").write_text(json.dumps({"train": entry("train.jsonl"), "held": entry("held.jsonl")}))
    return truth


def look(args, folder: pathlib.Path) -> list[dict]:
    out = folder / "report.json"
    subprocess.run([args.fettle, "data", "--model_name_or_path", args.model, "--template", args.template, "--stage", "sft",
                    "--do_train", "true", "--do_eval", "true", "--dataset_dir", folder, "--dataset", "train", "--eval_dataset", "held",
                    "--cutoff_len", str(CUTOFF), "--output_dir", folder / "out", "--report_file", out],
                   check=True, stdout=subprocess.DEVNULL)
    return json.loads(out.read_text())["findings"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fettle", default="build/src/app/fettle", type=pathlib.Path)
    parser.add_argument("--model", required=True)
    parser.add_argument("--template", default="smollm2")
    parser.add_argument("--keep", type=pathlib.Path, help="a folder for the sets and the report")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = args.keep or pathlib.Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        truth = build(folder)
        findings = look(args, folder)
    train = {(f["line"], f["kind"]) for f in findings if f["file"].endswith("train.jsonl")}
    leaks = {f["line"] for f in findings if f["kind"] == "leak"}
    found = {name: sum(any((line, kind) in train for kind in DEFECTS[name][0]) for line, n in truth.items() if n == name)
             for name in DEFECTS}
    found["leaked evaluation"] = len({line for line in leaks if line > 20})
    for name in DEFECTS:
        print(f"{name:<22} {found[name]} of {OF_A_KIND}")
    wrong = sorted({line for line, _ in train if line not in truth} | {-line for line in leaks if line <= 20})
    for line, kind in sorted(train):
        if line in wrong:
            print(f"named without a defect: train.jsonl:{line} as {kind}")
    planted = OF_A_KIND * len(DEFECTS)
    share, false = sum(found.values()) / planted, len(wrong) / (RECORDS - len(truth))
    print(f"{100 * share:.1f} % of {planted} found; {100 * false:.1f} % of {RECORDS - len(truth)} sound records named")
    failed = (share < 0.95) + (false > 0.01)
    print(f"{2 - failed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
