#!/usr/bin/env python3
"""What LLaMA-Factory makes of the same conversations with every template and every tool format: writes
tests/golden/template_hashes.json, a hash of ids and labels per case.

  make_template_hashes.py                            every template of the installed version
  make_template_hashes.py --removed                  those that later versions dropped: with LLaMA-Factory 0.9.4 in front of
                                                     PYTHONPATH; writes template_hashes_removed.json
  make_template_hashes.py --show TEMPLATE PART INDEX one case in full, when a hash differs

Needs what make_template_golden.py needs, whose tokenizer and conversations it uses.
"""
import copy
import hashlib
import importlib.metadata
import itertools
import json
import logging
import pathlib
import struct
import sys

import make_template_golden as golden
from conversation_cases import FORMAT_TALKS, MEDIA_TALKS, ROLE_TALKS, THOUGHT_TALKS
from llamafactory.data import template as templates
from llamafactory.data.tool_utils import TOOLS

REMOVED = ["aquila", "atom", "baichuan", "baichuan2", "belle", "bluelm", "chatglm2", "codegeex2", "codegeex4", "cpm", "cpm3",
           "intern", "marco", "orion", "skywork_o1", "telechat", "xverse", "yayi", "ziya"]
# Templates whose answers end in each way there is; every tool format is written into each of them.
FORMAT_TEMPLATES = ["default", "glm4", "llama2", "lfm2", "qwen3"]
# (cutoff_len, mask_history, train_on_prompt)
SETTINGS = golden.SETTINGS


def hash_of(encoding):
    """Of ids, a mark and labels, each in 32 bits: 12 digits of SHA-256. "-" where LLaMA-Factory refuses."""
    if "raises" in encoding:
        return "-"
    values = encoding["values"]
    return hashlib.sha256(struct.pack(f"<{len(values)}i", *values)).hexdigest()[:12]


def encode(processor, messages, system="", tools=""):
    try:
        ids, labels = processor._encode_data_example(messages[:-1], messages[-1:], system, tools, [], [], [])
    except (RuntimeError, KeyError, AttributeError, TypeError, ValueError) as error:
        return {"raises": repr(error)}
    return {"ids": ids, "labels": labels, "values": [*ids, -1, *labels]}


def processor_of(name, **args):
    cutoff = args.pop("cutoff", 2048)
    tool_format = args.pop("tool_format", None)
    saved = templates.TEMPLATES[name]
    templates.TEMPLATES[name] = copy.deepcopy(saved)  # an override would stay
    data_args = golden.data_args(name, cutoff, **args)
    data_args.tool_format = tool_format
    processor = golden.processor_of(data_args)
    templates.TEMPLATES[name] = saved
    return processor


def texts_talk(texts):
    return [{"role": ["user", "assistant"][i % 2], "content": text} for i, text in enumerate(texts)]


def own_words(texts, template):
    """Thoughts in the template's own words."""
    opening, closing = template.thought_words
    return [text.replace("<think>\n", opening).replace("\n</think>\n\n", closing) for text in texts]


def is_reasoning(template):
    return isinstance(template, templates.ReasoningTemplate)


def conversations(name):
    for cutoff, mask_history, train_on_prompt in SETTINGS:
        if train_on_prompt and templates.TEMPLATES[name].efficient_eos:  # LLaMA-Factory refuses it
            continue
        processor = processor_of(name, cutoff=cutoff, mask_history=mask_history, train_on_prompt=train_on_prompt)
        for system, texts in golden.conversations():
            yield encode(processor, texts_talk(texts), system)


def roles(name):
    processor = processor_of(name)
    for talk in ROLE_TALKS + FORMAT_TALKS + MEDIA_TALKS:
        yield encode(processor, talk["messages"], talk["system"], talk["tools"])


def thoughts(name):
    reasoning = is_reasoning(templates.TEMPLATES[name])
    settings = itertools.product((True, False, None), (False, True), (False, True)) if reasoning else [(True, False, False)]
    for enable, preserve, mask_history in settings:
        processor = processor_of(name, mask_history=mask_history, enable_thinking=enable, preserve_thinking=preserve)
        for texts in THOUGHT_TALKS:
            talk = texts_talk(own_words(texts, processor.template))
            yield encode(processor, talk)
            prompt, _ = processor.template.encode_oneturn(processor.tokenizer, talk[:-1] + [{"role": "assistant", "content": ""}])
            yield {"ids": prompt, "labels": [], "values": prompt}


def ends(name):
    """End-of-text, padding and what generation stops at."""
    processor = processor_of(name)
    tokenizer = processor.tokenizer
    stops = sorted(processor.template.get_stop_token_ids(tokenizer))
    yield {"ids": stops, "labels": [], "values": [tokenizer.eos_token_id, tokenizer.pad_token_id, *stops]}


def formats(name):
    for tool_format in sorted(TOOLS):
        processor = processor_of(name, tool_format=tool_format)
        for talk in ROLE_TALKS + FORMAT_TALKS:
            yield encode(processor, talk["messages"], talk["system"], talk["tools"])


PARTS = {"conversations": conversations, "roles": roles, "thoughts": thoughts, "ends": ends}


def show(name, part, index):
    case = next(itertools.islice({**PARTS, "formats": formats}[part](name), int(index), None))
    if "raises" in case:
        sys.exit(case["raises"])
    tokens = golden.load_tokenizer().convert_ids_to_tokens(case["ids"])
    for token, token_id, label in itertools.zip_longest(tokens, case["ids"], case["labels"]):
        print(token_id, label, repr(token))


def main():
    logging.disable(logging.WARNING)
    golden.stop_the_clock()
    if sys.argv[1:2] == ["--show"]:
        return show(*sys.argv[2:])
    removed = sys.argv[1:] == ["--removed"]
    names = REMOVED if removed else sorted(templates.TEMPLATES)
    here = pathlib.Path(__file__).resolve().parent
    hashes = {name: {part: " ".join(map(hash_of, cases(name))) for part, cases in PARTS.items()} for name in names}
    out = {
        "made_by": "tests/golden/make_template_hashes.py",
        "sources_sha256": {source: hashlib.sha256((here / source).read_bytes()).hexdigest()
                           for source in ("make_template_hashes.py", "make_template_golden.py", "conversation_cases.py")},
        "versions": {**{n: importlib.metadata.version(n) for n in ("transformers", "tokenizers")},
                     "llamafactory": golden.llamafactory_version()},
        "format_talks": FORMAT_TALKS,
        "media_talks": MEDIA_TALKS,
        "templates": hashes,
        "formats": {} if removed else {name: " ".join(map(hash_of, formats(name))) for name in FORMAT_TEMPLATES},
    }
    name = "template_hashes_removed.json" if removed else "template_hashes.json"
    (here / name).write_text(json.dumps(out, ensure_ascii=False, indent=1) + "\n")
    for part in PARTS:
        lists = [hashes[name][part].split(" ") for name in names]
        print(part, sum(map(len, lists)), "cases,", sum(h == "-" for one in lists for h in one), "refused")
    print("formats", sum(len(h.split(" ")) for h in out["formats"].values()))


if __name__ == "__main__":
    main()
