"""A merged model beside its base and adapter, in the programs that people load it with.

    ./dev compare export

`fettle train` makes an adapter on the real SmolLM2 (twenty steps on the demo's records); `fettle export` merges it.
1. The float32 folder in transformers: logits on ten prompts against PEFT's, base and adapter apart, and against fettle's
   own. The bar: 1e-5 of the largest logit. The tokenizer's ids and the rendered chat against those of the base's GGUF.
2. The F32 GGUF in llama.cpp: the ten prompts go on for 32 tokens or to their end, greedily, as the folder does in
   transformers: the same ids. A GGUF made from the folder has the same tensors, byte for byte, and the same metadata.
3. F16, BF16 and Q8_0 in llama.cpp: where a file first goes another way than F32, F32's logits of the two tokens are less
   than 0.1 apart.
llama.cpp is that of the package xllamacpp, which brings it built. Exits non-zero when a bar is missed.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import gguf
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from common import Report, find_tool, parser_of

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tests" / "golden"))
import gguf_reference  # noqa: E402

try:
    import xllamacpp
except ModuleNotFoundError:
    sys.exit("llama.cpp is not here: ./dev compare export installs it, or pip install xllamacpp")

ROOT = pathlib.Path(__file__).parents[2]
LOGITS_BAR, GAP_BAR, TOKENS, LIKELIEST = 1e-5, 0.1, 32, 100
END_TOKENS = [2, 0]  # <|im_end|>, <|endoftext|>: where both programs stop
PROMPTS = [
    "Tell me a long story about a bicycle.", "Explain in detail how rain forms.", "List ten things that I can see in Paris.",
    "Write a poem about rain.", "How do I mend a puncture? Step by step.", "Explain what a prime number is, with examples.",
    "Erzähle mir eine Geschichte über ein Fahrrad.", "Describe the planets of the solar system.",
    "Give me a recipe for pancakes.", "Write an essay about the history of the wheel."]
TEXTS = ["Naïve café — 日本語 🙂 12345", "  two  spaces\n\n\ttab", "<|im_start|>user\nHi<|im_end|>\n", "don't it's we'll 0x7f", ""]
EXPORTS = {"hf": "folder", "gguf-f32": "g32", "gguf-f16": "g16", "gguf-bf16": "gb16", "gguf-q8_0": "g8"}


def fettle(args, *words) -> None:
    done = subprocess.run([find_tool(args.build, "fettle"), *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"fettle {words[0]} failed:\n{done.stdout[-1500:]}{done.stderr[-1500:]}")


def make_files(args, work: pathlib.Path) -> None:
    fettle(args, "train", ROOT / "examples" / "demo_smollm2_lora.yaml", f"model_name_or_path={args.weights}",
           f"dataset_dir={ROOT / 'data'}", f"output_dir={work / 'adapter'}", "max_steps=20",
           "learning_rate=1e-3", "per_device_train_batch_size=2")
    for form, name in EXPORTS.items():
        fettle(args, "export", f"--model_name_or_path={args.weights}", f"--adapter_name_or_path={work / 'adapter'}",
               "--template=smollm2", f"--export_dir={work / name}", f"--export_format={form}", "--infer_dtype=float32")
    fettle(args, "export", f"--model_name_or_path={work / 'folder'}", f"--export_dir={work / 'again'}",
           "--export_format=gguf-f32")


def gguf_file(work: pathlib.Path, name: str) -> pathlib.Path:
    return next((work / name).glob("*.gguf"))


def prompt_ids(tokenizer, prompt: str) -> list[int]:
    chat = [{"role": "user", "content": prompt}]
    return tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=True)["input_ids"]


def compare_tokenizer(args, report: Report, tokenizer) -> None:
    original = gguf_reference.load_tokenizer(args.weights)
    texts = TEXTS + PROMPTS
    differ = sum(tokenizer(t)["input_ids"] != original.encode(t, add_special_tokens=False).ids for t in texts)
    report.bar(f"tokenizer: texts of {len(texts)} with other ids than the base's", differ, 0)
    template = gguf_reference.field(gguf.GGUFReader(args.weights), "tokenizer.chat_template")
    report.bar("tokenizer: its chat template is not the base's", tokenizer.chat_template != template, 0)


def all_logits(model, sequences: list[list[int]]) -> torch.Tensor:
    with torch.no_grad():
        return torch.cat([model(input_ids=torch.tensor([ids])).logits[0] for ids in sequences])


def compare_logits(args, report: Report, work: pathlib.Path, merged, sequences: list[list[int]]) -> None:
    base = gguf_reference.load_model(args.weights, torch.float32)
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
        params.cpuparams.n_threads, params.cpuparams.poll = args.threads, 0  # waiting threads sleep
        self.server = xllamacpp.Server(params)

    def go_on(self, ids: list[int]) -> tuple[list[int], list[dict[int, float]]]:
        answer = self.server.handle_completions(dict(
            prompt=ids, max_tokens=TOKENS, temperature=0, samplers=["temperature"], n_probs=LIKELIEST, cache_prompt=False))
        places = answer["choices"][0]["logprobs"]["content"]
        chosen = without_end([place["id"] for place in places])
        return chosen, [{t["id"]: t["logprob"] for t in place["top_logprobs"]} for place in places]


def without_end(ids: list[int]) -> list[int]:
    return ids[:next((i for i, token in enumerate(ids) if token in END_TOKENS), len(ids))]


def greedy(model, ids: list[int]) -> list[int]:
    with torch.no_grad():
        out = model.generate(input_ids=torch.tensor([ids]), do_sample=False, max_new_tokens=TOKENS, pad_token_id=0)
    return without_end(out[0, len(ids):].tolist())


def gap_at_first_difference(chosen: list[int], places: list[dict[int, float]], other: list[int]) -> float | None:
    """How much likelier the F32 file finds its own token than the other file's, in logits; None where they agree."""
    for i, (ours, theirs) in enumerate(zip(chosen + END_TOKENS[:1], other + END_TOKENS[:1])):
        if ours != theirs:
            return max(places[i].values()) - places[i].get(theirs, -float("inf"))
    return None


def compare_llama_cpp(args, report: Report, work: pathlib.Path, merged, prompts: list[list[int]]) -> None:
    model = LlamaCpp(args, gguf_file(work, "g32"))
    full = [model.go_on(ids) for ids in prompts]
    expected = [greedy(merged, ids) for ids in prompts]
    differ = sum(chosen != wanted for (chosen, _), wanted in zip(full, expected))
    report.bar(f"llama.cpp, F32: of {len(prompts)} prompts gone on with otherwise than in transformers", differ, 0,
               f"; tokens {[len(wanted) for wanted in expected]}")
    for name in ("g16", "gb16", "g8"):
        path = gguf_file(work, name)
        model = LlamaCpp(args, path)
        gaps = [gap_at_first_difference(*ours, model.go_on(ids)[0]) for ours, ids in zip(full, prompts)]
        gaps = [gap for gap in gaps if gap is not None]
        report.bar(f"llama.cpp, {path.stem.split('-')[-1]}: F32's logit gap at the first difference", max(gaps, default=0.0),
                   GAP_BAR, f"; {len(gaps)} of {len(prompts)} prompts differ")


def compare_files(report: Report, work: pathlib.Path) -> None:
    one, two = (gguf.GGUFReader(gguf_file(work, name)) for name in ("g32", "again"))
    data = {t.name: t.data.tobytes() for t in two.tensors}
    differ = sum(data.pop(t.name, None) != t.data.tobytes() for t in one.tensors) + len(data)
    report.bar("GGUF from the folder: tensors that are not those of the GGUF made at once", differ, 0)
    keys = [k for k in one.fields if k.startswith(("llama.", "tokenizer."))]
    other = [k for k in keys if k not in two.fields or one.fields[k].contents() != two.fields[k].contents()]
    report.bar(f"GGUF from the folder: of {len(keys)} keys of model and tokenizer, missing or other", len(other), 0,
               f" {other}" if other else "")


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--threads", default=os.cpu_count(), type=int, help="of llama.cpp")
    args, report = parser.parse_args(), Report()
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        make_files(args, work)
        tokenizer = AutoTokenizer.from_pretrained(work / "folder")
        merged = AutoModelForCausalLM.from_pretrained(work / "folder", dtype="auto").eval()
        if merged.dtype != torch.float32:
            sys.exit(f"the folder loads as {merged.dtype}")
        prompts = [prompt_ids(tokenizer, p) for p in PROMPTS]
        compare_tokenizer(args, report, tokenizer)
        compare_logits(args, report, work, merged, prompts)
        compare_files(report, work)
        compare_llama_cpp(args, report, work, merged, prompts)
    sys.exit(report.missed > 0)


if __name__ == "__main__":
    main()
