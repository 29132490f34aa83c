"""Golden numbers of a tiny random model of each family with a LoRA adapter: transformers + PEFT in float64 and float32.

    python make_model_golden.py [FAMILY…]    writes FAMILY_tiny.json, and for llama peft_adapter/, beside this script

Weights, adapter and token ids come from the formula in reference.py; names are the Hugging Face and PEFT tensor names.
FAMILY_tiny.json:
  config, lora     the model (each variant overrides some keys) and the adapter
  scales           `scale` of the formula by the last part of the tensor's name
  sequences        three ragged sequences with masked labels (−100)
  variants.NAME    logits_f64: one [positions, vocab] per sequence;
                   loss_f64: Σ −log p of the targets of all sequences / number of targets;
                   grads_f64, grads_f32: dloss/dtensor, row-major; grad_error_f32: ‖f32 − f64‖ / ‖f64‖ per tensor;
                   curve_f64: of 50 AdamW steps, the loss (per target of the step), the gradient's norm before clipping,
                   and the learning rate used
  curve            the run: optimizer and schedule, samples, and for each step its micro-batches as sample indices
Logits and gradients are rounded to float32 (6e-8), far below the tolerances they are compared with (1e-5).
peft_adapter/ is a folder that PEFT itself wrote for Llama's variant `untied`, logits.json what PEFT says with it loaded.
"""

import dataclasses
import pathlib
import shutil
import sys

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file

import reference as ref

HERE = pathlib.Path(__file__).parent
LLAMA_CONFIG = dict(vocab_size=96, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
                    num_key_value_heads=2, head_dim=16, rms_norm_eps=1e-5, rope_theta=10000.0,
                    max_position_embeddings=512, tie_word_embeddings=False)
LLAMA3_ROPE = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                   original_max_position_embeddings=64)
SMALL_CONFIG = LLAMA_CONFIG | dict(hidden_size=32, intermediate_size=48, rms_norm_eps=1e-6)


@dataclasses.dataclass
class Family:
    model: str   # transformers' class of the model …
    config_class: str  # … and of its configuration
    config: dict
    variants: dict[str, dict]
    rank: int = 2
    norm_less: float = 0.0  # what the family's norm weights lack: Gemma multiplies by 1 + w


FAMILIES = {
    "llama": Family("LlamaForCausalLM", "LlamaConfig", LLAMA_CONFIG, rank=4,
                    variants={"untied": {}, "tied": dict(tie_word_embeddings=True),
                              "llama3_rope": dict(rope_scaling=LLAMA3_ROPE)}),
    "qwen2": Family("Qwen2ForCausalLM", "Qwen2Config", SMALL_CONFIG | dict(head_dim=8, rope_theta=1e6),
                    variants={"untied": {},
                              "window": dict(use_sliding_window=True, sliding_window=5, max_window_layers=1)}),
    "qwen3": Family("Qwen3ForCausalLM", "Qwen3Config", SMALL_CONFIG | dict(head_dim=12, tie_word_embeddings=True),
                    variants={"tied": {}}),
    "gemma3": Family("Gemma3ForCausalLM", "Gemma3TextConfig", norm_less=1.0,
                     config=SMALL_CONFIG | dict(head_dim=12, tie_word_embeddings=True, query_pre_attn_scalar=20,
                                                hidden_activation="gelu_pytorch_tanh", sliding_window=5,
                                                sliding_window_pattern=2, rope_theta=1e6, rope_local_base_freq=10000.0,
                                                rope_scaling=dict(rope_type="linear", factor=8.0)),
                     variants={"tied": {}}),
}
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
SCALES = {**{f"{name}.weight": 0.25 for name in LINEARS}, **{f"{name}.bias": 0.25 for name in LINEARS[:3]},
          "embed_tokens.weight": 0.5, "lm_head.weight": 0.25, "lora_A.weight": 0.25, "lora_B.weight": 0.125}
CURVE = dict(steps=50, warmup_steps=5, schedule="linear", learning_rate=5e-3, beta1=0.9, beta2=0.999, epsilon=1e-8,
             weight_decay=0.01, max_grad_norm=1.0)


def lora_config(family: Family) -> dict:
    return dict(r=family.rank, lora_alpha=2 * family.rank, lora_dropout=0.0, target_modules=LINEARS)


def formula_tensor(name: str, shape, norm_less: float = 0.0) -> torch.Tensor:
    if name.endswith("norm.weight"):
        return ref.formula_norm(name, shape[0]) - norm_less
    return ref.formula_matrix(name, shape, SCALES[".".join(name.rsplit(".", 2)[-2:])])


def build_base(family: Family, variant: str, dtype: torch.dtype):
    options = family.config | family.variants[variant]
    config = getattr(transformers, family.config_class)(**options, attn_implementation="sdpa")
    with ref.arithmetic(dtype):
        model = getattr(transformers, family.model)(config).to(dtype).eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(formula_tensor(name, p.shape, family.norm_less))
    return model


def build(family: Family, variant: str, dtype: torch.dtype):
    base = build_base(family, variant, dtype)
    model = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", **lora_config(family))).to(dtype)
    with torch.no_grad():
        for name, p in ref.lora_parameters(model).items():
            p.copy_(formula_tensor(name, p.shape))
    return model


def sequence(name: str, length: int, prompt: int, gap: int = -1) -> dict:
    """`length` ids from the formula; the first `prompt` positions (and position `gap`) are not trained."""
    ids = (ref.top_bytes(name, length) * 96 // 256).tolist()
    return {"ids": ids, "labels": [-100 if i < prompt or i == gap else t for i, t in enumerate(ids)]}


def logits_of(model, ids: list[int]) -> torch.Tensor:
    return model(input_ids=torch.tensor([ids])).logits[0]


def loss_and_logits(model, sequences):
    """Loss over all targets of the sequences, each run alone."""
    logits = [logits_of(model, s["ids"]) for s in sequences]
    parts = [ref.token_loss_sum(l, s["labels"]) for l, s in zip(logits, sequences)]
    return sum(p[0] for p in parts) / sum(p[1] for p in parts), logits


def packed_masks(config, sequences, dtype: torch.dtype):
    """Block-diagonal causal masks: one, or one per kind of layer where the configuration has kinds."""
    positions = torch.tensor([i for s in sequences for i in range(len(s["ids"]))])
    owner = torch.tensor([k for k, s in enumerate(sequences) for _ in s["ids"]])

    def mask(window):
        allowed = (owner[:, None] == owner[None, :]).tril()
        if window is not None:
            allowed &= positions[:, None] - positions[None, :] < window
        return torch.zeros(allowed.shape, dtype=dtype).masked_fill(~allowed, float("-inf"))[None, None]

    if getattr(config, "layer_types", None) is None:
        return mask(None)
    return {"full_attention": mask(None), "sliding_attention": mask(config.sliding_window)}


def packed_difference(model, sequences, logits) -> float:
    """The same sequences in one row under block-diagonal masks: how far the logits are from those run alone."""
    ids = [t for s in sequences for t in s["ids"]]
    positions = [i for s in sequences for i in range(len(s["ids"]))]
    packed = model(input_ids=torch.tensor([ids]), position_ids=torch.tensor([positions]),
                   attention_mask=packed_masks(model.config, sequences, logits[0].dtype)).logits[0]
    return float((packed - torch.cat(logits)).detach().abs().max())


def train_curve(model, samples, order) -> dict:
    params = [p for p in ref.lora_parameters(model).values()]
    optimizer = torch.optim.AdamW(params, lr=0.0, betas=(CURVE["beta1"], CURVE["beta2"]), eps=CURVE["epsilon"],
                                  weight_decay=CURVE["weight_decay"])
    out = {"loss": [], "grad_norm": [], "learning_rate": []}
    for step, micro_batches in enumerate(order):
        lr = CURVE["learning_rate"] * ref.linear_schedule(step, CURVE["warmup_steps"], CURVE["steps"])
        optimizer.param_groups[0]["lr"] = lr
        targets = sum(sum(t != -100 for t in samples[i]["labels"][1:]) for m in micro_batches for i in m)
        total = 0.0
        for micro in micro_batches:
            parts = [ref.token_loss_sum(logits_of(model, samples[i]["ids"]), samples[i]["labels"])[0] for i in micro]
            loss = sum(parts) / targets
            loss.backward()
            total += loss.item()
        norm = torch.nn.utils.clip_grad_norm_(params, CURVE["max_grad_norm"])
        optimizer.step()
        optimizer.zero_grad()
        for key, value in zip(out, (total, norm.item(), lr)):
            out[key].append(value)
    return out


def rounded(x: torch.Tensor) -> list:
    return ref.numbers(x.to(torch.float32))


def variant_golden(family: Family, name: str, sequences, samples, order) -> dict:
    out, grads, curves, losses = {}, {}, {}, {}
    for tag, dtype in (("f64", torch.float64), ("f32", torch.float32)):
        model = build(family, name, dtype)
        with ref.arithmetic(dtype):
            loss, logits = loss_and_logits(model, sequences)
            assert logits[0].dtype == dtype
            assert packed_difference(model, sequences, logits) < (1e-12 if tag == "f64" else 2e-5)
            loss.backward()
            grads[tag] = {n: p.grad.detach() for n, p in ref.lora_parameters(model).items()}
            curves[tag] = train_curve(build(family, name, dtype), samples, order)
        losses[tag] = loss.item()
        if tag == "f64":
            out |= {"logits_f64": [rounded(l.detach()) for l in logits], "loss_f64": losses[tag],
                    "curve_f64": curves[tag]}
        out[f"grads_{tag}"] = {n: rounded(g.flatten()) for n, g in grads[tag].items()}
    out["grad_error_f32"] = {n: ref.relative_error(grads["f32"][n], g) for n, g in grads["f64"].items()}
    a, b = (torch.tensor(curves[t]["loss"], dtype=torch.float64) for t in ("f64", "f32"))
    print(f"{family.model} {name}: loss {losses['f64']:.6f}, curve {a[0]:.4f} -> {a[-1]:.4f}, "
          f"f32 gradients off by {max(out['grad_error_f32'].values()):.1e}, f32 curve by {((a - b).abs() / a).max():.1e}")
    return out


def make_peft_adapter(seq: dict) -> None:
    """An adapter with PEFT's own initialisation, another alpha and fewer targets, written by PEFT and loaded again by it."""
    folder = HERE / "peft_adapter"
    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(7)
    config = LoraConfig(task_type="CAUSAL_LM", r=3, lora_alpha=12, target_modules=["q_proj", "v_proj", "down_proj"])
    llama = FAMILIES["llama"]
    base = build_base(llama, "untied", torch.float32)
    base.config.name_or_path = base.name_or_path = "llama_tiny"
    model = get_peft_model(base, config)
    with torch.no_grad():
        for name, p in ref.lora_parameters(model).items():
            if "lora_B" in name:
                p.normal_(std=0.1)
    model.save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)
    out = {"made_by": ref.stamp(__file__), "ids": seq["ids"]}
    for tag, dtype in (("f64", torch.float64), ("f32", torch.float32)):
        loaded = PeftModel.from_pretrained(build_base(llama, "untied", dtype), folder).to(dtype)
        with ref.arithmetic(dtype):
            out[f"logits_{tag}"] = ref.numbers(logits_of(loaded, seq["ids"]).detach())
    assert len(load_file(folder / "adapter_model.safetensors")) == 12
    ref.write_json(folder / "logits.json", out)


def main() -> None:
    torch.set_num_threads(1)
    sequences = [sequence("sequence.0", 9, 3), sequence("sequence.1", 5, 0), sequence("sequence.2", 18, 7, gap=11)]
    lengths = [6, 11, 4, 17, 9, 13, 5, 8]
    samples = [sequence(f"sample.{i}", n, prompt=n // 3) for i, n in enumerate(lengths)]
    picks = ref.top_bytes("order", CURVE["steps"] * 3).reshape(-1, 3) % len(samples)
    order = [[[int(a), int(b)], [int(c)]] for a, b, c in picks]
    for name in sys.argv[1:] or FAMILIES:
        family = FAMILIES[name]
        variants = {n: {"config": o} | variant_golden(family, n, sequences, samples, order)
                    for n, o in family.variants.items()}
        ref.write_json(HERE / f"{name}_tiny.json", {
            "made_by": ref.stamp(__file__), "config": family.config, "lora": lora_config(family), "scales": SCALES,
            "sequences": sequences, "curve": CURVE | {"samples": samples, "order": order}, "variants": variants})
        if name == "llama":
            make_peft_adapter(sequences[2])


if __name__ == "__main__":
    main()
