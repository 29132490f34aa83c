"""Holds our token ids against the reference on real vocabularies, which are too large to commit.

Needs the packages of requirements.txt and a built token_dump (ninja -C build token_dump). Two ways:

  cases  llama.cpp's vocabulary cases: NAME.inp (texts between __ggml_vocab_test__ lines), NAME.out (ids)
         python tests/golden/compare_tokens.py --dump build/src/token/token_dump cases VOCABULARY NAME.inp NAME.out
  texts  every string in datasets (.json, .jsonl; other files by line), our ids against the `tokenizers` library
         python tests/golden/compare_tokens.py --dump build/src/token/token_dump texts VOCABULARY [--data DATASET...] [--count N]
             [--random N] [--seed N] [--plain] [--beside FOLDER]

VOCABULARY is a folder with a tokenizer.json (which the library reads itself) or a GGUF file: the library's tokenizer is then
built from its vocabulary, merges and added tokens, and the pre-tokenizer that its tokenizer.ggml.pre stands for; for a
SentencePiece vocabulary (tokenizer.ggml.model llama) the reference is the `sentencepiece` library on the same pieces.
--beside FOLDER compares a GGUF file with the tokenizer.json of the same model instead.
--random adds N texts of characters drawn from all of Unicode and from what pre-tokenizers look at; --plain compares with
special tokens taken for text. Decoded text is compared too. Ends with "K of N equal", status 1 unless all are.
"""

import argparse
import json
import pathlib
import random
import re
import struct
import subprocess
import sys
import types
import unicodedata

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace("{1,3}", "")
SEPARATOR = "\n__ggml_vocab_test__\n"
UNKNOWN, CONTROL, USER_DEFINED = 2, 3, 4
MARK = "\u2581"


def byte_level(use_regex):
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)


def split(pattern):
    return pre_tokenizers.Split(Regex(pattern), "isolated")


def pre_tokenizer(pre):
    rows = {
        "gpt-2": lambda: byte_level(True),
        "smollm": lambda: pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level(True)]),
        "llama-bpe": lambda: pre_tokenizers.Sequence([split(LLAMA3), byte_level(False)]),
        "qwen2": lambda: pre_tokenizers.Sequence([split(QWEN2), byte_level(False)]),
    }
    return rows[pre]()


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def field(number, value):
    """A field of a protocol buffer: bytes, text or a message; a float; an integer."""
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


class SentencePiece:
    """The library on the pieces of a GGUF file, with the interface of `tokenizers` that is used here. It knows no special
    tokens in text, so text is cut at them first; a prefix comes before every stretch, as llama.cpp has it."""

    def __init__(self, value):
        import sentencepiece

        tokens, kinds, unk = value("tokens"), list(value("token_type")), value("unknown_token_id", 0)
        kinds[unk] = UNKNOWN
        pieces = b"".join(
            field(1, field(1, t.replace(" ", MARK) if kind == USER_DEFINED else t) + field(2, float(score)) + field(3, int(kind)))
            for t, kind, score in zip(tokens, kinds, value("scores")))
        bos, eos = value("bos_token_id", 1), value("eos_token_id", 2)
        trainer = (field(3, 2) + field(35, 1) + field(40, unk) + field(41, bos) + field(42, eos) + field(45, tokens[unk])
                   + field(46, tokens[bos]) + field(47, tokens[eos]))
        prefix = value("add_space_prefix", True)
        normalizer = field(1, "identity") + field(3, int(prefix)) + field(4, 0) + field(5, 1)
        self.processor = sentencepiece.SentencePieceProcessor(model_proto=pieces + field(2, trainer) + field(3, normalizer))
        self.special = {t: i for i, (t, kind) in enumerate(zip(tokens, kinds)) if kind in (UNKNOWN, CONTROL)}
        self.cut = re.compile("(" + "|".join(map(re.escape, sorted(self.special, key=len, reverse=True))) + ")")
        self.encode_special_tokens, self.prefix = False, prefix

    def ids(self, text):
        stretches = [text] if self.encode_special_tokens else self.cut.split(text)
        lists = [[self.special[s]] if i % 2 else self.processor.encode(s) for i, s in enumerate(stretches)]
        return [i for ids in lists for i in ids]

    def encode_batch(self, texts, add_special_tokens):
        return [types.SimpleNamespace(ids=self.ids(text)) for text in texts]

    def decode(self, ids, skip_special_tokens):
        """Pieces put together here: the library leaves special tokens out."""
        text, pieces = b"", {i: t for t, i in self.special.items()}
        for i in ids:
            piece = self.processor.id_to_piece(i)
            if i in pieces:
                text += pieces[i].encode()
            else:
                text += bytes([int(piece[3:5], 16)]) if self.processor.is_byte(i) else piece.replace(MARK, " ").encode()
        text = text.decode("utf-8", "replace")
        return text[1:] if self.prefix and text.startswith(" ") else text

    def get_added_tokens_decoder(self):
        return {i: types.SimpleNamespace(content=t) for t, i in self.special.items()}


def from_gguf(path):
    from gguf import GGUFReader

    fields = GGUFReader(path).fields

    def value(key, *fallback):
        key = f"tokenizer.ggml.{key}"
        return fallback[0] if fallback and key not in fields else fields[key].contents()

    if value("model") == "llama":
        return SentencePiece(value)
    tokens, kinds, pre = value("tokens"), value("token_type"), value("pre")
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)},
                                     merges=[tuple(merge.split(" ")) for merge in value("merges")],
                                     ignore_merges=pre == "llama-bpe"))
    tokenizer.pre_tokenizer = pre_tokenizer(pre)
    tokenizer.decoder = decoders.ByteLevel()
    if pre == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False)
                                  for t, kind in zip(tokens, kinds) if kind == CONTROL])
    tokenizer.add_tokens([AddedToken(t, normalized=False) for t, kind in zip(tokens, kinds) if kind == USER_DEFINED])
    return tokenizer


def reference(path):
    if path.suffix == ".gguf":
        return from_gguf(path)
    tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def strings_in(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings_in(item)


def texts_of(path):
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        yield from strings_in(json.loads(text))
    elif path.suffix == ".jsonl":
        for line in text.splitlines():
            yield from strings_in(json.loads(line))
    else:
        yield from text.split("\n")


def random_texts(count, seed, added):
    """Runs of characters of like kind, so that the rules of pre-tokenizers meet one another."""
    draw = random.Random(seed)
    assigned = [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co")]
    spaces = [" ", "  ", "\n", "\r\n", "\t", "\u00a0", "\u0085", "\u2003", "\u3000", "\u180e", "\u200b", "\x1c"]
    kinds = [
        lambda: draw.choice(assigned),
        lambda: draw.choice(spaces) * draw.randint(1, 40),
        lambda: draw.choice(["'s", "'T", "'re", "'LL", "'\u017f", "\u2019s", "'d", "''ve"]),
        lambda: "".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.choice([1, 3, 8, 200]))),
        lambda: "".join(draw.choices("ABCdefÄöüßéñ", k=draw.randint(1, 8))),
        lambda: "".join(draw.choices("0123456789\u0663\u00bd\u2167", k=draw.randint(1, 9))),
        lambda: "".join(draw.choices("!\"#$%&()*+,-./:;<=>?@[]^_`{|}~\u2014\u20ac", k=draw.randint(1, 6))),
        lambda: "".join(draw.choices("e\u0301o\u0308\u1100\u1161\u11a8A\u030a", k=draw.randint(1, 6))),
        lambda: draw.choice(["\U0001f642", "\U0001f44d\U0001f3fd", "\U0001f468\u200d\U0001f469", "\u4f60\u597d"]),
        lambda: draw.choice(added) if added else "",
    ]
    for _ in range(count):
        yield "".join(draw.choice(kinds)() for _ in range(draw.randint(1, 30)))


def ours(dump, vocabulary, texts, plain):
    command = [str(dump), str(vocabulary)] + ([] if plain else ["--parse-special"])
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    run = subprocess.run(command, input=lines.encode(), stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in run.stdout.split(b"\n") if line]


def report(texts, found, expected):
    assert len(texts) == len(found) == len(expected)
    wrong = [i for i in range(len(texts)) if found[i] != expected[i]]
    for i in wrong[:10]:
        print(f"differs: {texts[i]!r}\n  ours      {found[i]}\n  reference {expected[i]}")
    print(f"{len(texts) - len(wrong)} of {len(texts)} equal")
    return 1 if wrong else 0


def compare_cases(options):
    texts = options.inp.read_text(encoding="utf-8").split(SEPARATOR)
    lines = options.out.read_text().split("\n")
    expected = [[int(word) for word in line.split()] for line in lines[:len(texts)]]
    if texts[-1] == "":  # the file ends with a separator
        texts, expected = texts[:-1], expected[:-1] if len(expected) == len(texts) else expected
    found = [line["ids"] for line in ours(options.dump, options.vocabulary, texts, plain=True)]
    return report(texts, found, expected)


def compare_texts(options):
    tokenizer = reference(options.beside or options.vocabulary)
    tokenizer.encode_special_tokens = options.plain
    texts = [text for path in options.data for text in texts_of(path)]
    if options.count and len(texts) > options.count:
        texts = random.Random(options.seed).sample(texts, options.count)
    added = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
    texts += random_texts(options.random, options.seed, added)
    encoded = tokenizer.encode_batch(texts, add_special_tokens=False)
    expected = [{"ids": e.ids, "text": tokenizer.decode(e.ids, skip_special_tokens=False)} for e in encoded]
    return report(texts, ours(options.dump, options.vocabulary, texts, options.plain), expected)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dump", type=pathlib.Path, required=True, help="the built token_dump")
    verbs = parser.add_subparsers(required=True)
    cases = verbs.add_parser("cases")
    cases.add_argument("vocabulary", type=pathlib.Path)
    cases.add_argument("inp", type=pathlib.Path)
    cases.add_argument("out", type=pathlib.Path)
    cases.set_defaults(run=compare_cases)
    texts = verbs.add_parser("texts")
    texts.add_argument("vocabulary", type=pathlib.Path)
    texts.add_argument("--data", type=pathlib.Path, nargs="*", default=[], help="datasets")
    texts.add_argument("--count", type=int, default=0, help="a sample of so many strings; 0: all")
    texts.add_argument("--random", type=int, default=0)
    texts.add_argument("--seed", type=int, default=1)
    texts.add_argument("--plain", action="store_true")
    texts.add_argument("--beside", type=pathlib.Path)
    texts.set_defaults(run=compare_texts)
    options = parser.parse_args()
    return options.run(options)


if __name__ == "__main__":
    sys.exit(main())
