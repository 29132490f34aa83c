"""One PyTorch + PEFT LoRA training run of speed.py, in a process of its own: prints one JSON line of results."""

import argparse
import json
import pathlib
import sys
import time

import torch
from peft import LoraConfig, get_peft_model

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tests" / "golden"))
import gguf_reference  # noqa: E402

LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", required=True)
    parser.add_argument("--tokens", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--rank", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--adapter", choices=["bf16", "autocast"], required=True,
                        help="adapters in bf16 like the weights, or in f32 with every operation under autocast")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)

    model = gguf_reference.load_model(args.weights, torch.bfloat16)
    vocab = model.config.vocab_size
    config = LoraConfig(task_type="CAUSAL_LM", r=args.rank, lora_alpha=2 * args.rank, lora_dropout=0.0, target_modules=LINEARS)
    autocast = args.adapter == "autocast"
    model = get_peft_model(model, config, autocast_adapter_dtype=autocast).train()
    params = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(params, lr=1e-4)
    run = torch.compile(model) if args.compile else model

    seconds = []
    for _ in range(args.steps):
        ids = torch.randint(0, vocab, (args.batch, args.tokens))
        start = time.perf_counter()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            loss = run(input_ids=ids, labels=ids, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(params, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"seconds": seconds, "loss": loss.item(), "trainable": sum(p.numel() for p in params)}))


if __name__ == "__main__":
    main()
