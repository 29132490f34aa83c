"""Golden numbers of the real SmolLM2-135M-Instruct with LoRA: dequantised, in transformers + PEFT.

    python make_smollm2_golden.py [--weights FILE.gguf] [--out FOLDER] [--threads N]

Writes into FOLDER (default: golden/smollm2 in fettle's cache, outside the tree):
  adapter/              the initial adapter, saved by PEFT: r 8, alpha 16, all linears, A and B from the formula of reference.py
  dataset_info.json, parity.json     the 20 records as an alpaca dataset `parity`
  sequences.json        [{ids, labels}]: three sequences for logits and gradients
  f64.safetensors, f32.safetensors   logits [positions, vocab], loss [1] (per target), grad.<name of the adapter tensor>
  curves.json           the run's options, and 50 AdamW steps in f32 and in bf16: loss, gradient norm, learning rate
  expectations.json     the small part of all that; copied to tests/golden/smollm2.json
bf16 is what LLaMA-Factory's `bf16: true` does: base weights in bf16, adapter in f32, forward under autocast.
"""

import argparse
import json
import os
import pathlib
import shutil

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file

import gguf_reference
import reference as ref

HERE = pathlib.Path(__file__).parent
CACHE = pathlib.Path(os.environ.get("FETTLE_CACHE")
                     or pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "fettle")
SYSTEM = "You are a helpful assistant."
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
LORA = dict(r=8, lora_alpha=16, lora_dropout=0.0, target_modules=LINEARS)
SCALES = {"lora_A": 2**-5, "lora_B": 2**-7}
CURVE = dict(steps=50, batch=2, accumulation=2, warmup_steps=5, schedule="cosine", learning_rate=5e-4, beta1=0.9,
             beta2=0.999, epsilon=1e-8, weight_decay=0.0, max_grad_norm=1.0)
LOGIT_COLUMNS = list(range(0, 49152, 3072))


def encode(tokenizer, question: str, answer: str) -> dict:
    """One turn as the template smollm2 renders it; the answer and what ends it are trained."""
    prompt = f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
    head = tokenizer.encode(prompt, add_special_tokens=False).ids
    tail = tokenizer.encode(f"{answer}<|im_end|>\n", add_special_tokens=False).ids
    return {"ids": head + tail, "labels": [-100] * len(head) + tail}


def build(weights, dtype: torch.dtype):
    base = gguf_reference.load_model(weights, dtype)
    base.name_or_path = base.config.name_or_path = "SmolLM2-135M-Instruct"
    model = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", **LORA))
    adapter_dtype = torch.float64 if dtype == torch.float64 else torch.float32
    with torch.no_grad():
        for name, p in ref.lora_parameters(model).items():
            p.data = ref.formula_matrix(name, p.shape, SCALES[name.split(".")[-2]]).to(adapter_dtype)
    return model


def forward_backward(weights, dtype: torch.dtype, sequences) -> dict[str, torch.Tensor]:
    with ref.arithmetic(dtype):
        model = build(weights, dtype)
        logits = [model(input_ids=torch.tensor([s["ids"]])).logits[0] for s in sequences]
        parts = [ref.token_loss_sum(l, s["labels"]) for l, s in zip(logits, sequences)]
        loss = sum(p[0] for p in parts) / sum(p[1] for p in parts)
        loss.backward()
        grads = {f"grad.{n}": p.grad for n, p in ref.lora_parameters(model).items()}
    return {"logits": torch.cat(logits).detach(), "loss": loss.detach().reshape(1), **grads}


def train_curve(weights, dtype: torch.dtype, samples) -> dict:
    model = build(weights, dtype)
    params = list(ref.lora_parameters(model).values())
    optimizer = torch.optim.AdamW(params, lr=0.0, betas=(CURVE["beta1"], CURVE["beta2"]), eps=CURVE["epsilon"],
                                  weight_decay=CURVE["weight_decay"])
    out = {"loss": [], "grad_norm": [], "learning_rate": []}
    per_step = CURVE["batch"] * CURVE["accumulation"]
    for step in range(CURVE["steps"]):
        lr = CURVE["learning_rate"] * ref.cosine_schedule(step, CURVE["warmup_steps"], CURVE["steps"])
        optimizer.param_groups[0]["lr"] = lr
        picked = [samples[(step * per_step + i) % len(samples)] for i in range(per_step)]
        targets = sum(sum(t != -100 for t in s["labels"][1:]) for s in picked)
        total = 0.0
        for s in picked:
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
                logits = model(input_ids=torch.tensor([s["ids"]])).logits[0]
            loss = ref.token_loss_sum(logits.float(), s["labels"])[0] / targets
            loss.backward()
            total += loss.item()
        norm = torch.nn.utils.clip_grad_norm_(params, CURVE["max_grad_norm"])
        optimizer.step()
        optimizer.zero_grad()
        for key, value in zip(out, (total, norm.item(), lr)):
            out[key].append(value)
        print(f"  {str(dtype).removeprefix('torch.')} step {step + 1}/{CURVE['steps']}: loss {total:.5f}", flush=True)
    return out


def write_dataset(out: pathlib.Path, records) -> None:
    rows = [{"instruction": q, "input": "", "output": a, "system": SYSTEM} for q, a in records]
    (out / "parity.json").write_text(json.dumps(rows, indent=1, ensure_ascii=False))
    columns = {"prompt": "instruction", "query": "input", "response": "output", "system": "system"}
    (out / "dataset_info.json").write_text(json.dumps({"parity": {"file_name": "parity.json", "columns": columns}}, indent=1))


def expectations(f64, f32, sequences, curves) -> dict:
    """What a test without Python can hold the real model to: some logits, the loss, every gradient's norm and first values."""
    positions = list(range(0, f64["logits"].shape[0], 16))
    grads = {n.removeprefix("grad."): {"norm_f64": g.norm().item(), "error_f32": ref.relative_error(f32[n], g),
                                       "head_f64": g.flatten()[:3].tolist()} for n, g in f64.items() if n.startswith("grad.")}
    largest = f64["logits"].abs().max().item()
    return {
        "made_by": ref.stamp(__file__, "gguf_reference.py", packages=("torch", "transformers", "peft", "gguf", "tokenizers")),
        "lora": LORA, "lora_scales": SCALES, "sequences": sequences, "curve": CURVE, **curves,
        "loss_f64": f64["loss"].item(), "loss_f32": f32["loss"].item(),
        "logits": {"positions": positions, "columns": LOGIT_COLUMNS, "largest_f64": largest,
                   "error_f32": (f32["logits"].double() - f64["logits"]).abs().max().item() / largest,
                   "f64": f64["logits"][positions][:, LOGIT_COLUMNS].tolist()},
        "gradients": grads,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default=CACHE / "SmolLM2-135M-Instruct.Q4_1.gguf", type=pathlib.Path)
    parser.add_argument("--out", default=CACHE / "golden" / "smollm2", type=pathlib.Path)
    parser.add_argument("--threads", default=2, type=int)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)

    records = json.loads((HERE / "smollm2_records.json").read_text())
    tokenizer = gguf_reference.load_tokenizer(args.weights)
    samples = [encode(tokenizer, q, a) for q, a in records]
    long = [{"ids": sum((s["ids"] for s in samples[3:7]), []), "labels": sum((s["labels"] for s in samples[3:7]), [])}]
    sequences = samples[:2] + long
    write_dataset(args.out, records)
    (args.out / "sequences.json").write_text(json.dumps(sequences))

    adapter = build(args.weights, torch.float32)
    shutil.rmtree(args.out / "adapter", ignore_errors=True)
    adapter.save_pretrained(args.out / "adapter", save_embedding_layers=False)
    results = {}
    for tag, dtype in (("f64", torch.float64), ("f32", torch.float32)):
        results[tag] = forward_backward(args.weights, dtype, sequences)
        save_file(results[tag], args.out / f"{tag}.safetensors")
        print(f"{tag}: loss {results[tag]['loss'].item():.9f}", flush=True)
    curves = {f"curve_{tag}": train_curve(args.weights, dtype, samples)
              for tag, dtype in (("f32", torch.float32), ("bf16", torch.bfloat16))}
    ref.write_json(args.out / "curves.json", {"curve": CURVE, **curves})
    ref.write_json(args.out / "expectations.json", expectations(results["f64"], results["f32"], sequences, curves))
    shutil.copyfile(args.out / "expectations.json", HERE / "smollm2.json")


if __name__ == "__main__":
    main()
