"""A merged model beside its base and adapter, in the programs that people load it with.

    ./dev compare export [--only smollm2 gemma3 families]

`fettle train` makes an adapter on the real model (twenty steps on a demo's records); `fettle export` merges it.
1. The float32 folder in transformers: logits on ten prompts against PEFT's, base and adapter apart, and against fettle's
   own. The bar: 1e-5 of the largest logit. The tokenizer's ids and its chat template against those of the base's GGUF.
2. The F32 GGUF in llama.cpp: the ten prompts go on for 32 tokens or to their end, greedily, as the folder does in
   transformers: the same ids. A GGUF made from the folder has the same tensors, byte for byte, and the same metadata;
   of a SentencePiece vocabulary, whose scores tokenizer.json knows only by their order, the same order, and llama.cpp
   gives the texts the same ids.
3. F16, BF16 and Q8_0 in llama.cpp: where a file first goes another way than F32, F32's logits of the two tokens are less
   than 0.1 apart; the same for the weights of BF16 and Q8_0 in an F32 file. Q8_0's blocks are those of the gguf package's
   quantiser, byte for byte.
4. Memory is flat: an export to F32 holds no more than one to Q8_0, which writes a quarter of it (bar: 16 MiB).
Before these the tiny random models of every family go to transformers and back: export_families.py.
llama.cpp is that of the package xllamacpp, which brings it built. Exits non-zero when a bar is missed.
"""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.request

import gguf
import numpy as np
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from common import CACHE, Report, fettle, find_tool, parser_of
from export_families import compare_families

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tests" / "golden"))
import gguf_reference  # noqa: E402

try:
    import xllamacpp
except ModuleNotFoundError:
    sys.exit("llama.cpp is not here: ./dev compare export installs it, or pip install xllamacpp")

ROOT = pathlib.Path(__file__).parents[2]
LOGITS_BAR, GAP_BAR, MEMORY_BAR, TOKENS, LIKELIEST = 1e-5, 0.1, 16, 32, 100
PROMPTS = [
    "Tell me a long story about a bicycle.", "Explain in detail how rain forms.", "List ten things that I can see in Paris.",
    "Write a poem about rain.", "How do I mend a puncture? Step by step.", "Explain what a prime number is, with examples.",
    "Erzähle mir eine Geschichte über ein Fahrrad.", "Describe the planets of the solar system.",
    "Give me a recipe for pancakes.", "Write an essay about the history of the wheel."]
TEXTS = ["Naïve café — 日本語 🙂 12345", "  two  spaces\n\n\ttab", "<|im_start|>user\nHi<|im_end|>\n", "don't it's we'll 0x7f", ""]
EXPORTS = {"hf": "folder", "gguf-f32": "g32", "gguf-f16": "g16", "gguf-bf16": "gb16", "gguf-q8_0": "g8"}
SCORES, SEP = "tokenizer.ggml.scores", "tokenizer.ggml.add_sep_token"  # SEP: of encoders only, always false here
# llama.cpp rounds what it multiplies with BF16 and Q8_0 as well; the same weights in F32 tell the file's part from that.
WIDE = {"gb16": "gb16wide", "g8": "g8wide"}
RUN = {"g16": "F16", "gb16": "BF16", "gb16wide": "BF16's weights as F32", "g8": "Q8_0", "g8wide": "Q8_0's weights as F32"}


@dataclasses.dataclass
class Subject:
    file: str
    arch: str  # GGUF's
    example: str
    template: str
    ends: list[int]  # where all programs stop; as the exported folder says


SUBJECTS = {
    "smollm2": Subject("SmolLM2-135M-Instruct.Q4_1.gguf", "llama", "demo_smollm2_lora.yaml", "smollm2", [2, 0]),
    "gemma3": Subject("gemma-3-270m-q4_k_m.gguf", "gemma3", "demo_gemma3_zh_lora.yaml", "gemma3", [1, 106]),
}


def make_files(args, report: Report, work: pathlib.Path) -> None:
    subject = args.subject
    fettle(args, "train", ROOT / "examples" / subject.example, f"model_name_or_path={args.weights}",
           f"dataset_dir={ROOT / 'data'}", f"output_dir={work / 'adapter'}", "max_steps=20",
           "learning_rate=1e-3", "per_device_train_batch_size=2")
    mapped, peak = args.weights.stat().st_size / 2**20, {}
    for form, name in EXPORTS.items():
        peak[form] = fettle(args, "export", f"--model_name_or_path={args.weights}", f"--adapter_name_or_path={work / 'adapter'}",
                            f"--template={subject.template}", f"--export_dir={work / name}", f"--export_format={form}",
                            "--infer_dtype=float32")
        written = sum(f.stat().st_size for f in (work / name).iterdir()) / 2**20
        print(f"       export to {form}: {peak[form]:.0f} MiB at the peak, the mapped base's {mapped:.0f} in them; "
              f"{written:.0f} MiB written", flush=True)
    report.bar("export: MiB at the peak of gguf-f32 beyond gguf-q8_0's", peak["gguf-f32"] - peak["gguf-q8_0"], MEMORY_BAR)
    for name, wide in WIDE.items():
        fettle(args, "export", f"--model_name_or_path={gguf_file(work, name)}", f"--export_dir={work / wide}",
               "--export_format=gguf-f32")
    fettle(args, "export", f"--model_name_or_path={work / 'folder'}", f"--export_dir={work / 'again'}", "--export_format=gguf-f32")


def gguf_file(work: pathlib.Path, name: str) -> pathlib.Path:
    return next((work / name).glob("*.gguf"))


def prompt_ids(tokenizer, prompt: str) -> list[int]:
    if tokenizer.chat_template is None:
        return tokenizer(prompt)["input_ids"]
    chat = [{"role": "user", "content": prompt}]
    return tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=True)["input_ids"]


def original_tokenizer(args):
    """Text to ids by the base's GGUF alone, read by other programs than fettle."""
    if args.subject.arch == "llama":
        original = gguf_reference.load_tokenizer(args.weights)
        return lambda text: original.encode(text, add_special_tokens=False).ids
    return LlamaCpp(args, args.weights).ids_of


def compare_tokenizer(args, report: Report, tokenizer) -> None:
    original, texts = original_tokenizer(args), TEXTS + PROMPTS
    differ = sum(tokenizer(t)["input_ids"] != original(t) for t in texts)
    report.bar(f"tokenizer: texts of {len(texts)} with other ids than the base's", differ, 0)
    template = gguf.GGUFReader(args.weights).fields.get("tokenizer.chat_template")
    report.bar("tokenizer: its chat template is not the base's",
               tokenizer.chat_template != (template.contents() if template else None), 0)


def original_model(args):
    """The base's GGUF alone, dequantised and read by other programs than fettle."""
    if args.subject.arch == "llama":
        return gguf_reference.load_model(args.weights, torch.float32)
    return AutoModelForCausalLM.from_pretrained(args.weights.parent, gguf_file=args.weights.name, dtype=torch.float32).eval()


def all_logits(model, sequences: list[list[int]]) -> torch.Tensor:
    with torch.no_grad():
        return torch.cat([model(input_ids=torch.tensor([ids])).logits[0] for ids in sequences])


def compare_logits(args, report: Report, work: pathlib.Path, merged, sequences: list[list[int]]) -> None:
    base = original_model(args)
    alone = all_logits(base, sequences)
    apart = all_logits(PeftModel.from_pretrained(base, work / "adapter").eval(), sequences)
    (work / "sequences.json").write_text(json.dumps([{"ids": ids, "labels": ids} for ids in sequences]))
    subprocess.run([find_tool(args.build, "parity_dump"), args.weights, work / "adapter", work / "sequences.json",
                    work / "ours.safetensors", "--dtype", "f32"], check=True)
    ours = load_file(work / "ours.safetensors")["logits"]
    together, largest = all_logits(merged, sequences), apart.abs().max().item()

    def distance(x):
        return (together - x).abs().max().item() / largest

    report.bar("transformers, merged folder: logits from PEFT's, base and adapter apart", distance(apart), LOGITS_BAR,
               f" of the largest logit, {largest:.1f}")
    report.bar("transformers, merged folder: logits from fettle's, base and adapter apart", distance(ours), LOGITS_BAR)
    report.at_least("what the adapter changes, in bars", distance(alone) / LOGITS_BAR, 1000)


class LlamaCpp:
    """Greedy continuation, with the log-probabilities of the likeliest tokens at every place."""

    def __init__(self, args, path: pathlib.Path):
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_ctx, params.n_parallel, params.warmup, params.verbosity = 512, 1, False, 0
        params.cache_type_k = params.cache_type_v = 0  # GGML_TYPE_F32: by default keys and values are rounded to f16
        params.cpuparams.n_threads, params.cpuparams.poll = args.threads, 0  # waiting threads sleep
        self.server = xllamacpp.Server(params)
        self.ends = args.subject.ends

    def ids_of(self, text: str) -> list[int]:
        request = urllib.request.Request(self.server.listening_address + "/tokenize", headers={"Content-Type": "application/json"},
                                         data=json.dumps(dict(content=text, add_special=True, parse_special=True)).encode())
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["tokens"]

    def go_on(self, ids: list[int]) -> tuple[list[int], list[dict[int, float]]]:
        answer = self.server.handle_completions(dict(
            prompt=ids, max_tokens=TOKENS, temperature=0, samplers=["temperature"], n_probs=LIKELIEST, cache_prompt=False))
        places = answer["choices"][0]["logprobs"]["content"]
        chosen = without_end([place["id"] for place in places], self.ends)
        return chosen, [{t["id"]: t["logprob"] for t in place["top_logprobs"]} for place in places]


def without_end(ids: list[int], ends: list[int]) -> list[int]:
    return ids[:next((i for i, token in enumerate(ids) if token in ends), len(ids))]


def greedy(model, ids: list[int], ends: list[int]) -> list[int]:
    with torch.no_grad():
        out = model.generate(input_ids=torch.tensor([ids]), do_sample=False, max_new_tokens=TOKENS, pad_token_id=0)
    return without_end(out[0, len(ids):].tolist(), ends)


def gap_at_first_difference(chosen: list[int], places: list[dict[int, float]], other: list[int], end: int) -> float | None:
    """How much likelier the F32 file finds its own token than the other file's, in logits; None where they agree."""
    for i, (ours, theirs) in enumerate(zip(chosen + [end], other + [end])):
        if ours != theirs:
            return max(places[i].values()) - places[i].get(theirs, -float("inf"))
    return None


def compare_llama_cpp(args, report: Report, work: pathlib.Path, merged, prompts: list[list[int]]) -> None:
    model = LlamaCpp(args, gguf_file(work, "g32"))
    full = [model.go_on(ids) for ids in prompts]
    expected = [greedy(merged, ids, args.subject.ends) for ids in prompts]
    differ = sum(chosen != wanted for (chosen, _), wanted in zip(full, expected))
    report.bar(f"llama.cpp, F32: of {len(prompts)} prompts gone on with otherwise than in transformers", differ, 0,
               f"; tokens {[len(wanted) for wanted in expected]}")
    for name, what in RUN.items():
        model = LlamaCpp(args, gguf_file(work, name))
        gaps = [gap_at_first_difference(*ours, model.go_on(ids)[0], args.subject.ends[0]) for ours, ids in zip(full, prompts)]
        gaps = [gap for gap in gaps if gap is not None]
        report.bar(f"llama.cpp, {what}: F32's logit gap at the first difference", max(gaps, default=0.0),
                   GAP_BAR, f"; {len(gaps)} of {len(prompts)} prompts differ")


def compare_q8_0(report: Report, work: pathlib.Path) -> None:
    """Every tensor of the Q8_0 file against the gguf package's own quantisation of the F32 file's."""
    full, small = (gguf.GGUFReader(gguf_file(work, name)) for name in ("g32", "g8"))
    data = {t.name: t.data for t in full.tensors}
    quantised = [t for t in small.tensors if t.tensor_type == gguf.GGMLQuantizationType.Q8_0]
    differ = sum(not np.array_equal(gguf.quants.quantize(data[t.name], t.tensor_type), t.data) for t in quantised)
    report.bar(f"Q8_0: tensors of {len(quantised)} with other bytes than the gguf package's", differ, 0)
    plain = sum(t.name.endswith(".weight") and len(t.shape) > 1 for t in small.tensors) - len(quantised)
    report.bar("Q8_0: matrices left unquantised", plain, 0)


def compare_files(args, report: Report, work: pathlib.Path) -> None:
    one, two = (gguf.GGUFReader(gguf_file(work, name)) for name in ("g32", "again"))
    data = {t.name: t.data.tobytes() for t in two.tensors}
    differ = sum(data.pop(t.name, None) != t.data.tobytes() for t in one.tensors) + len(data)
    report.bar("GGUF from the folder: tensors that are not those of the GGUF made at once", differ, 0)
    keys = [k for k in one.fields if k.startswith((f"{args.subject.arch}.", "tokenizer.")) and k not in (SCORES, SEP)]
    other = [k for k in keys if k not in two.fields or one.fields[k].contents() != two.fields[k].contents()]
    report.bar(f"GGUF from the folder: of {len(keys)} keys of model and tokenizer, missing or other", len(other), 0,
               f" {other}" if other else "")
    if SCORES in one.fields:
        made, base = LlamaCpp(args, gguf_file(work, "again")), LlamaCpp(args, args.weights)
        differ = sum(made.ids_of(t) != base.ids_of(t) for t in TEXTS + PROMPTS)
        report.bar("GGUF from the folder: texts with other ids in llama.cpp than the base's", differ, 0)


def compare_model(args, report: Report) -> None:
    if not args.weights.exists():
        sys.exit(f"{args.weights} is not there: tools/fetch_weights {args.name}")
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        make_files(args, report, work)
        tokenizer = AutoTokenizer.from_pretrained(work / "folder")
        merged = AutoModelForCausalLM.from_pretrained(work / "folder", dtype="auto").eval()
        if merged.dtype != torch.float32:
            sys.exit(f"the folder loads as {merged.dtype}")
        prompts = [prompt_ids(tokenizer, p) for p in PROMPTS]
        compare_tokenizer(args, report, tokenizer)
        compare_logits(args, report, work, merged, prompts)
        compare_q8_0(report, work)
        compare_files(args, report, work)
        compare_llama_cpp(args, report, work, merged, prompts)


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--threads", default=os.cpu_count(), type=int, help="of llama.cpp")
    everything = ["families", *SUBJECTS]
    parser.add_argument("--only", nargs="*", default=everything, choices=everything)
    args, report = parser.parse_args(), Report()
    for args.name in args.only:
        print(f"== {args.name}", flush=True)
        if args.name == "families":
            compare_families(args, report)
            continue
        args.subject = SUBJECTS[args.name]
        args.weights = CACHE / args.subject.file
        compare_model(args, report)
    sys.exit(report.missed > 0)


if __name__ == "__main__":
    main()
