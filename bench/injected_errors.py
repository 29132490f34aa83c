"""How many wrong mappings does `fettle check` notice? Edits copies of a GGUF the way a faulty converter would.

    injected_errors.py MODEL.gguf [--fettle build/src/app/fettle]

Needs numpy and the gguf package. Every line: the error, what check said (caught or missed), bits per byte of the best language.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import tempfile

import gguf
import numpy as np


class File:
    """A GGUF open for edits in place."""

    def __init__(self, path):
        self.reader = gguf.GGUFReader(path, "r+")
        self.tensors = {t.name: t for t in self.reader.tensors}
        self.layers = 1 + max(int(n.split(".")[1]) for n in self.tensors if n.startswith("blk."))
        arch = self.field("general.architecture")
        self.arch = bytes(arch.parts[arch.data[0]]).decode()

    def field(self, name):
        return self.reader.fields[name]

    def number(self, key):
        part = self.field(f"{self.arch}.{key}")
        return part.parts[part.data[0]]  # a view: assigning to [0] edits the file

    def rows(self, name):
        """The tensor as rows of bytes."""
        t = self.tensors[name]
        return t.data.reshape(int(t.shape[1]) if len(t.shape) > 1 else 1, -1)

    def layer(self, i, part):
        return f"blk.{i}.{part}.weight"


def permute(file, part, to_halves, layers=None):
    """Rotary pairs of every head: neighbours <-> halves."""
    heads = int(file.number("attention.head_count" if part == "attn_q" else "attention.head_count_kv")[0])
    for i in layers if layers is not None else range(file.layers):
        rows = file.rows(file.layer(i, part))
        by_head = rows.reshape(heads, -1, rows.shape[1])
        dim = by_head.shape[1]
        order = np.arange(dim).reshape(-1, 2).T.reshape(-1) if to_halves else np.arange(dim).reshape(2, -1).T.reshape(-1)
        by_head[:] = by_head[:, order].copy()


def swap(file, a, b):
    """Contents of two tensors of one shape and type; halves of what the smaller holds otherwise."""
    x, y = file.tensors[a].data.reshape(-1), file.tensors[b].data.reshape(-1)
    if x.nbytes != y.nbytes or x.dtype != y.dtype:
        return False
    x[:], y[:] = y.copy(), x.copy()
    return True


def each(file, edit):
    done = [edit(file, i) for i in range(file.layers)]
    return None if not any(d is False for d in done) else False


def set_number(key, factor):
    def edit(file):
        value = file.number(key)
        value[0] = value[0] * factor
    return edit


def norms(offset, parts):
    def edit(file):
        for name, t in file.tensors.items():
            if any(p in name for p in parts):
                t.data[:] = t.data + np.float32(offset)
    return edit


def roll_heads(part, heads_key):
    def edit(file):
        heads = int(file.number(heads_key)[0])
        for i in range(file.layers):
            rows = file.rows(file.layer(i, part))
            by_head = rows.reshape(heads, -1)
            by_head[:] = np.roll(by_head, 1, axis=0).copy()
    return edit


def swap_layers(i, j):
    def edit(file):
        for name in list(file.tensors):
            if name.startswith(f"blk.{i}."):
                swap(file, name, name.replace(f"blk.{i}.", f"blk.{j}."))
    return edit


def roll_rows(name, by):
    def edit(file):
        rows = file.rows(name)
        rows[:] = np.roll(rows, by, axis=0).copy()
    return edit


def swap_parts(a, b, layers=None):
    def edit(file):
        for i in layers if layers is not None else range(file.layers):
            if swap(file, file.layer(i, a), file.layer(i, b)) is False:
                return False
    return edit


ERRORS = {
    "rotary: q and k permuted to halves": lambda f: (permute(f, "attn_q", True), permute(f, "attn_k", True))[0],
    "rotary: q and k permuted to neighbours": lambda f: (permute(f, "attn_q", False), permute(f, "attn_k", False))[0],
    "rotary: only q permuted to halves": lambda f: permute(f, "attn_q", True),
    "rotary: only k permuted to halves": lambda f: permute(f, "attn_k", True),
    "rotary: only q permuted to neighbours": lambda f: permute(f, "attn_q", False),
    "rotary: only k permuted to neighbours": lambda f: permute(f, "attn_k", False),
    "rotary: base / 10": set_number("rope.freq_base", 0.1),
    "rotary: base / 1000": set_number("rope.freq_base", 0.001),
    "rotary: base x 100": set_number("rope.freq_base", 100),
    "norm epsilon x 1e3": set_number("attention.layer_norm_rms_epsilon", 1e3),
    "norm epsilon x 1e5": set_number("attention.layer_norm_rms_epsilon", 1e5),
    "norm epsilon 1": set_number("attention.layer_norm_rms_epsilon", 1e6),
    "norm weights + 1": norms(1, ["norm"]),
    "norm weights - 1": norms(-1, ["norm"]),
    "attention norm weights + 1": norms(1, ["attn_norm"]),
    "mlp norm weights + 1": norms(1, ["ffn_norm"]),
    "output norm weights + 1": norms(1, ["output_norm"]),
    "output norm weights - 1": norms(-1, ["output_norm"]),
    "gate and up swapped": swap_parts("ffn_gate", "ffn_up"),
    "gate and up swapped in the first layer": swap_parts("ffn_gate", "ffn_up", [0]),
    "k and v swapped": swap_parts("attn_k", "attn_v"),
    "q and o swapped": swap_parts("attn_q", "attn_output"),
    "attention and mlp norms swapped": swap_parts("attn_norm", "ffn_norm"),
    "heads of q shifted by one": roll_heads("attn_q", "attention.head_count"),
    "heads of k shifted by one": roll_heads("attn_k", "attention.head_count_kv"),
    "heads of v shifted by one": roll_heads("attn_v", "attention.head_count_kv"),
    "embedding rows shifted by one": roll_rows("token_embd.weight", 1),
    "embedding rows shifted by 100": roll_rows("token_embd.weight", 100),
    "layers 0 and 1 swapped": swap_layers(0, 1),
    "layers 0 and last swapped": lambda f: swap_layers(0, f.layers - 1)(f),
    "layers 2 and 9 swapped": swap_layers(2, 9),
    "two middle layers swapped": lambda f: swap_layers(f.layers // 2, f.layers // 2 + 1)(f),
    "layers reversed": lambda f: [swap_layers(i, f.layers - 1 - i)(f) for i in range(f.layers // 2)][0],
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--fettle", default="build/src/app/fettle")
    args = parser.parse_args()
    caught = tried = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "injured.gguf"
        for name, edit in {"none": lambda f: None, **ERRORS}.items():
            shutil.copyfile(args.model, copy)
            file = File(copy)
            if edit(file) is False:
                print(f"{name}: shapes or types differ in this model, left out")
                continue
            del file
            run = subprocess.run([args.fettle, "check", copy], capture_output=True, text=True)
            bits = re.findall(r"^\w+ +([\d.naif]+)", run.stdout, re.M)
            print(f"{'caught' if run.returncode else 'passed':7} {name}: {' '.join(bits)} {run.stderr.strip()[:200]}", flush=True)
            if name != "none":
                tried += 1
                caught += run.returncode != 0
    print(f"{caught} of {tried} caught ({100 * caught / tried:.0f} %)")


if __name__ == "__main__":
    main()
