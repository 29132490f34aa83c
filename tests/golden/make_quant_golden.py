"""Makes quant.json: blocks and the values they stand for, by the `gguf` package (the independent implementation).

Run in an environment that has gguf and numpy:  python tests/golden/make_quant_golden.py
All floats are written as the hex of their f32 bits, little-endian, so nothing is lost in print.
"""

import hashlib
import json
import pathlib
from importlib.metadata import version

import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize, quantize

# Offsets of the f16 fields within a block: random bytes there would give infinities and NaNs.
F16_FIELDS = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q6_K": [208], "Q2_K": [80, 82],
              "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2]}
PLAIN = ["F16", "BF16"]
NO_ENCODER = [name for name in F16_FIELDS if name.endswith("_K")]  # the package only reads them
EXTREME_SCALES = np.array([0.0, -0.0, 6e-8, -6e-8, 6.1e-5, 65504.0, -65504.0], dtype=np.float16)


def random_blocks(rng, name, count):
    size = GGML_QUANT_SIZES[GGMLQuantizationType[name]][1]
    blocks = rng.integers(0, 256, size=(count, size), dtype=np.uint8)
    for offset in F16_FIELDS[name]:
        scales = rng.normal(0, 0.1, count).astype(np.float16)
        edge = rng.permutation(EXTREME_SCALES)[: count // 2]
        scales[: len(edge)] = edge
        blocks[:, offset : offset + 2] = scales.view(np.uint8).reshape(count, 2)
    return blocks


def encoder_inputs(rng):
    x = rng.normal(0, 1, (8, 32)).astype(np.float32)
    x[1] = 0
    x[2] = np.arange(-16, 16)  # many ties
    x[3] = 0.75  # a constant block
    x[4] *= np.float32(1e-4)
    x[5] *= np.float32(3e3)
    x[6, 5:7] = [2.5, -2.5]  # equal magnitudes: the first sets the sign
    x[7] = np.abs(x[7])
    return x


def plain_inputs(rng):
    edge = [0.0, -0.0, 1.0, 65504.0, 65519.0, 65520.0, 1e-7, 2.9802322e-08, 6.0e-5, 1.00048828125, 1.00146484375, 3e38]
    return np.concatenate([np.array(edge), rng.normal(0, 1, 20)]).astype(np.float32).reshape(1, -1)


def bits(array):
    return np.ascontiguousarray(array, dtype="<f4").tobytes().hex()


def case(rng, name):
    qtype = GGMLQuantizationType[name]
    result = {"type": name}
    if name in PLAIN:
        inputs = plain_inputs(rng)
        with np.errstate(over="ignore"):  # beyond f16: infinity is the expected answer
            blocks = quantize(inputs, qtype).view(np.uint8)
    else:
        inputs = encoder_inputs(rng)
        blocks = random_blocks(rng, name, 4 if name in NO_ENCODER else 14)
    typed = blocks.view(np.float16) if name == "F16" else blocks
    result["blocks"] = blocks.tobytes().hex()
    result["values"] = bits(dequantize(typed, qtype))
    if name not in NO_ENCODER:
        with np.errstate(over="ignore"):
            result["encode_in"] = bits(inputs)
            result["encode_out"] = quantize(inputs, qtype).tobytes().hex()
    return result


def main():
    script = pathlib.Path(__file__)
    rng = np.random.Generator(np.random.PCG64(20240601))
    golden = {
        "script": script.name,
        "script_sha256": hashlib.sha256(script.read_bytes()).hexdigest(),
        "versions": {"gguf": version("gguf"), "numpy": np.__version__},
        "cases": [case(rng, name) for name in [*PLAIN, *F16_FIELDS]],
    }
    script.with_name("quant.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
