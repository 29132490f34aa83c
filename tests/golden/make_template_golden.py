#!/usr/bin/env python3
"""Ids and labels of LLaMA-Factory's own templates and converters: writes tests/golden/templates.json,
tests/golden/conversations.json and the small tokenizer they used.

Needs transformers, tokenizers, torch and, without its many dependencies, `pip install --no-deps llamafactory==0.9.5`. The
parts of LLaMA-Factory that have no say here (sound, web, training) are not imported, or stood in for by an empty module.
"""
import hashlib
import importlib.machinery
import importlib.metadata
import itertools
import json
import logging
import os
import pathlib
import random
import sys
import types

os.environ["DISABLE_VERSION_CHECK"] = "1"
for absent in ("torchaudio",):
    module = types.ModuleType(absent)
    module.__spec__ = importlib.machinery.ModuleSpec(absent, None)
    sys.modules.setdefault(absent, module)

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: E402
from transformers import PreTrainedTokenizerFast  # noqa: E402

from conversation_cases import RECORD_SETS, ROLE_TALKS, THOUGHT_TALKS  # noqa: E402

try:
    import llamafactory  # noqa: F401
except ModuleNotFoundError:
    sys.exit("make_template_golden.py needs LLaMA-Factory: pip install --no-deps llamafactory==0.9.5")
from llamafactory.data.converter import get_dataset_converter  # noqa: E402
from llamafactory.data.parser import DatasetAttr  # noqa: E402
from llamafactory.data.processor.pretrain import PretrainDatasetProcessor  # noqa: E402
from llamafactory.data.processor.supervised import SupervisedDatasetProcessor  # noqa: E402
from llamafactory.data.template import get_template_and_fix_tokenizer  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
TOKENIZER = HERE / "templates_tokenizer"
# A dozen in full, so that a difference can be read; every template by its hashes, in template_hashes.json.
TEMPLATES = ["alpaca", "default", "empty", "gemma3", "llama2", "llama3", "mistral", "qwen", "qwen3", "qwen3_nothink",
             "smollm", "smollm2", "solar"]
SPECIALS = ["<|endoftext|>", "<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|end_of_text|>",
            "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|eom_id|>", "[INST]", "[/INST]",
            "<start_of_turn>", "<end_of_turn>", "<think>", "</think>", "<tool_call>", "</tool_call>",
            # What the templates name as tokens or stop words: LLaMA-Factory would add those that are missing.
            "<|user|>", "<|observation|>", "<|assistant|>", "<|system|>", "[gMASK]", "sop", "<｜hy_eos｜>",
            "<|endofassistant|>", "<|end_of_sentence|>", "<eos>", "<turn|>", "</answer>", "<|eos|>",
            "<｜hy_place▁holder▁no▁2｜>", "<|eot|>", "<|eom|>", "<end_of_sentence>", "[e~[", "<|end|>", "###", "<eod>",
            "<sep>", "<reserved_102>", "<reserved_103>", "[|Human|]:", "[|AI|]:", "<eoa>", "<|End|>", "<|Human|>",
            "<|YaYi|>", "<|System|>"]
# The corpus only has to give the BPE something to merge; the merges across line ends show that slots never join.
CORPUS = """System: Human: Assistant: ### Instruction: ### Response: user assistant system named trained
The workshop opens at nine and the wheel is true. A chain that skips wants a new cassette, or a new chain.
Below is an instruction that describes a task. Write a response that appropriately completes the request.
You are a helpful AI assistant. What is a good bicycle? It is the one that is ridden.
\n\n\n\n. \n\n.\n\n:\n\n <<SYS>>\n<</SYS>>\n\n [INST] [/INST] 12345 67890 3.14 don't it's we'll
"""


def make_tokenizer():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=256 + len(SPECIALS) + 160, special_tokens=SPECIALS, show_progress=False,
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), min_frequency=1)
    tokenizer.train_from_iterator(CORPUS.splitlines(keepends=True) * 3, trainer)
    TOKENIZER.mkdir(exist_ok=True)
    tokenizer.save(str(TOKENIZER / "tokenizer.json"), pretty=False)
    config = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": None, "unk_token": None, "add_bos_token": False,
              "add_eos_token": False, "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 100000}
    (TOKENIZER / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n")


def load_tokenizer():
    return PreTrainedTokenizerFast(tokenizer_file=str(TOKENIZER / "tokenizer.json"), bos_token="<s>", eos_token="</s>")


def conversations():
    """(system, [texts: question, answer, …]) in ordinary and awkward shapes, then random ones."""
    fixed = [
        ("SYS", ["U1", "A1", "U2", "A2"]),
        ("", ["U1", "A1"]),
        ("", ["", ""]),
        ("Be brief.", ["What is a good bicycle?", "The one that is ridden."]),
        ("ends with a line end\n", ["\nstarts with one", "\n\nand so does the answer\n"]),
        ("", ["  spaces  ", "  kept  "]),
        ("", ["{{content}}", "a hole in the data: {{content}} {{idx}}"]),
        ("system {{content}}", ["filled once", "yes"]),
        ("", ["special <|im_end|> in the data", "and </s> here <|eot_id|>"]),
        ("", ["[INST] nested [/INST]", "<<SYS>> not a system <</SYS>>"]),
        ("Grüße, 你好", ["Ça va? 日本語", "Привет 👩‍🔧 – ok"]),
        ("", ["\t\ttabs\r\nand CRLF\r\n", "line\n\n\nlines\n\n"]),
        ("", ["12345 67890", "3.14159"]),
        ("", ["don't it's we'll", "I'M THEY'RE"]),
        ("one", ["a", "b", "c", "d", "e", "f", "g", "h"]),
        ("", ["question " * 30, "short"]),
        ("", ["short", "answer " * 30]),
        ("a long system text " * 8, ["question " * 12, "answer " * 12, "again " * 20, "and again " * 20]),
    ]
    rng = random.Random(20)
    words = "the workshop opens at nine chain wheel true \n \n\n . , ? é 語 123 <s> Human: Assistant: 's".split(" ")
    text = lambda most: " ".join(rng.choice(words) for _ in range(rng.randint(1, most)))
    for _ in range(22):
        turns = rng.randint(1, 4)
        fixed.append((text(12) if rng.random() < 0.4 else "", [text(24) for _ in range(2 * turns)]))
    return fixed


def data_args(template, cutoff, mask_history=False, train_on_prompt=False, packing=False, enable_thinking=True,
              preserve_thinking=False):
    return types.SimpleNamespace(template=template, cutoff_len=cutoff, mask_history=mask_history,
                                 train_on_prompt=train_on_prompt, packing=packing, tool_format=None, default_system=None,
                                 enable_thinking=enable_thinking, preserve_thinking=preserve_thinking)


class Anything:
    """A processor for templates that see or hear: many ask it for words and sizes even where there is nothing to see, and
    stop without one. What it says is never used then."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if name.endswith("_token") or name.endswith("_sequence"):
            return ""
        return (2, 2) if name == "merge_kernel_size" else Anything() if "process" in name or "extractor" in name else 2


NO_IMAGES = Anything()

# The day in llama3's tool descriptions; LLaMA-Factory writes today's.
TOOL_DATE = "26 Jul 2024"


def stop_the_clock():
    from llamafactory.data import tool_utils
    tool_utils.datetime = types.SimpleNamespace(now=lambda: types.SimpleNamespace(strftime=lambda _: TOOL_DATE))


def processor_of(args):
    tokenizer = load_tokenizer()
    template = get_template_and_fix_tokenizer(tokenizer, args)
    return SupervisedDatasetProcessor(template, tokenizer, NO_IMAGES, args)


def encode(processor, messages, system="", tools=""):
    """Ids and labels, or what LLaMA-Factory stops with."""
    try:
        ids, labels = processor._encode_data_example(messages[:-1], messages[-1:], system, tools, [], [], [])
    except (RuntimeError, KeyError, AttributeError, TypeError, ValueError) as error:
        return {"raises": type(error).__name__}
    return {"ids": ids, **packed_labels(ids, labels)}


# (cutoff_len, mask_history, train_on_prompt): every conversation is encoded under each.
SETTINGS = [(2048, False, False), (48, False, False), (48, True, False), (17, False, True)]


def supervised(template):
    out = []
    for cutoff, mask_history, train_on_prompt in SETTINGS:
        if train_on_prompt and template == "solar":  # LLaMA-Factory refuses it
            continue
        args = data_args(template, cutoff, mask_history, train_on_prompt)
        processor = processor_of(args)
        for system, texts in conversations():
            messages = [{"role": ["user", "assistant"][i % 2], "content": t} for i, t in enumerate(texts)]
            out.append(encode(processor, messages, system))
    return out


def with_roles(template):
    """Conversations with tools, calls and observations."""
    processor = processor_of(data_args(template, 2048))
    return [encode(processor, talk["messages"], talk["system"], talk["tools"]) for talk in ROLE_TALKS]


def thinking(template):
    out = []
    for enable, preserve, mask_history in itertools.product((True, False, None), (False, True), (False, True)):
        processor = processor_of(data_args(template, 2048, mask_history, enable_thinking=enable,
                                           preserve_thinking=preserve))
        talks = [[{"role": ["user", "assistant"][i % 2], "content": t} for i, t in enumerate(texts)]
                 for texts in THOUGHT_TALKS]
        prompts = [processor.template.encode_oneturn(processor.tokenizer, talk[:-1] + [{"role": "assistant", "content": ""}])
                   for talk in talks]
        out.append({"enable_thinking": enable, "preserve_thinking": preserve, "mask_history": mask_history,
                    "encodings": [encode(processor, talk) for talk in talks],
                    "prompts": [ids for ids, _ in prompts]})
    return out


def converted(entry, records):
    """What the converter makes of each record, or what it stops with."""
    attributes = DatasetAttr("file", dataset_name="x.json")
    attributes.join(entry)
    convert = get_dataset_converter(attributes.formatting, attributes, data_args("empty", 2048))
    out = []
    for record in records:
        try:
            sample = convert(record)
        except (KeyError, TypeError, AttributeError) as error:
            out.append({"raises": type(error).__name__})
            continue
        out.append({key: sample["_" + key] or ("" if key in ("system", "tools") else [])
                    for key in ("prompt", "response", "system", "tools")})
    return out


def packed_labels(ids, labels):
    """`trained`: [begin, end) runs where the label is the id; `other`: [position, label] where it is a third thing."""
    spans, other = [], []
    for i, label in enumerate(labels):
        if label == -100:
            continue
        if label != ids[i]:
            other.append([i, label])
        elif spans and spans[-1][1] == i:
            spans[-1][1] = i + 1
        else:
            spans.append([i, i + 1])
    return {"trained": spans, "other": other} if other else {"trained": spans}


def pretrain(template, packing):
    args = data_args(template, 24, packing=packing)
    tokenizer = load_tokenizer()
    get_template_and_fix_tokenizer(tokenizer, args)
    documents = [texts[0] for _, texts in conversations()]
    batch = {"_prompt": [[{"role": "user", "content": d}] for d in documents]}
    return PretrainDatasetProcessor(None, tokenizer, None, args).preprocess_dataset(batch)["input_ids"]


def main():
    logging.disable(logging.WARNING)
    stop_the_clock()
    make_tokenizer()
    versions = {n: importlib.metadata.version(n) for n in ("transformers", "tokenizers")}
    versions["llamafactory"] = llamafactory_version()
    golden = {
        "made_by": "tests/golden/make_template_golden.py",
        "script_sha256": hashlib.sha256(pathlib.Path(__file__).read_bytes()).hexdigest(),
        "versions": versions,
        "settings": [dict(zip(("cutoff_len", "mask_history", "train_on_prompt"), s)) for s in SETTINGS],
        "conversations": [{"system": s, "texts": t} for s, t in conversations()],
        "supervised": {t: supervised(t) for t in TEMPLATES},
        "pretrain_cutoff_len": 24,
        "pretrain": {t: {"packed": pretrain(t, True), "single": pretrain(t, False)} for t in ("default", "llama3")},
    }
    write("templates.json", golden)
    print(sum(len(v) for v in golden["supervised"].values()), "encodings")
    cases = pathlib.Path(HERE / "conversation_cases.py").read_bytes()
    write("conversations.json", {
        **{key: golden[key] for key in ("made_by", "script_sha256", "versions")},
        "cases_sha256": hashlib.sha256(cases).hexdigest(),
        "role_talks": ROLE_TALKS,
        "with_roles": {t: with_roles(t) for t in TEMPLATES},
        "thought_talks": THOUGHT_TALKS,
        "thinking": {t: thinking(t) for t in ("qwen3", "qwen3_nothink")},
        "records": [{"entry": entry, "records": records, "samples": converted(entry, records)}
                    for entry, records in RECORD_SETS],
    })


def write(name, golden):
    text = json.dumps(golden, ensure_ascii=False, separators=(",", ":"))
    (HERE / name).write_text(text.replace('],"', '],\n"').replace('}},"', '}},\n"') + "\n")
    print(name, len(text), "bytes")


def llamafactory_version():
    from llamafactory.extras.env import VERSION
    return VERSION


if __name__ == "__main__":
    main()
