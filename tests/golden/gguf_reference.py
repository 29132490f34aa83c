"""A GGUF file of the Llama family as transformers' LlamaForCausalLM, and its byte-level BPE as a `tokenizers` tokenizer."""

import gguf
import numpy as np
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM

import reference as ref

LAYER_NAMES = {"attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
               "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm",
               "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
OTHER_NAMES = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}


def hf_name(name: str) -> str:
    stem = name.removesuffix(".weight")
    if stem.startswith("blk."):
        _, layer, part = stem.split(".", 2)
        return f"model.layers.{layer}.{LAYER_NAMES[part]}.weight"
    return OTHER_NAMES[stem] + ".weight"


def halves_from_pairs(w: np.ndarray, heads: int) -> np.ndarray:
    """GGUF interleaves each head's rotary halves as (0, d/2, 1, d/2 + 1, …); transformers has them one after the other."""
    rows, cols = w.shape
    return w.reshape(heads, rows // heads // 2, 2, cols).swapaxes(1, 2).reshape(rows, cols)


def field(reader, key: str):
    return reader.fields[key].contents()


def load_model(path, dtype: torch.dtype, attention: str = "sdpa"):
    reader = gguf.GGUFReader(path)
    heads, kv_heads = field(reader, "llama.attention.head_count"), field(reader, "llama.attention.head_count_kv")
    names = {t.name for t in reader.tensors}
    config = LlamaConfig(
        vocab_size=len(field(reader, "tokenizer.ggml.tokens")), hidden_size=field(reader, "llama.embedding_length"),
        intermediate_size=field(reader, "llama.feed_forward_length"), num_hidden_layers=field(reader, "llama.block_count"),
        num_attention_heads=heads, num_key_value_heads=kv_heads,
        max_position_embeddings=field(reader, "llama.context_length"), rope_theta=field(reader, "llama.rope.freq_base"),
        rms_norm_eps=field(reader, "llama.attention.layer_norm_rms_epsilon"),
        tie_word_embeddings="output.weight" not in names, attn_implementation=attention)
    with ref.arithmetic(dtype):
        model = LlamaForCausalLM(config).to(dtype).eval()
    params = dict(model.named_parameters())
    with torch.no_grad():
        for t in reader.tensors:
            w = gguf.dequantize(t.data, t.tensor_type).astype(np.float32)
            if t.name.endswith(("attn_q.weight", "attn_k.weight")):
                w = halves_from_pairs(w, heads if "attn_q" in t.name else kv_heads)
            params.pop(hf_name(t.name)).copy_(torch.from_numpy(np.ascontiguousarray(w)))
    assert not params, f"the file lacks {sorted(params)}"
    return model


def load_tokenizer(path) -> Tokenizer:
    """GPT-2's byte-level BPE with single digits, as SmolLM's tokenizer.json has it."""
    reader = gguf.GGUFReader(path)
    assert field(reader, "tokenizer.ggml.pre") == "smollm"
    tokens, types = field(reader, "tokenizer.ggml.tokens"), field(reader, "tokenizer.ggml.token_type")
    merges = [tuple(m.split(" ")) for m in field(reader, "tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False)
                                  for t, kind in zip(tokens, types) if kind == int(gguf.TokenType.CONTROL)])
    return tokenizer
