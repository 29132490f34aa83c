"""Makes tokens.json: a small byte-level vocabulary trained here, and the ids that the `tokenizers` library gives for texts.

Run in an environment of requirements.txt:  python tests/golden/make_token_golden.py
A case is a tokenizer.json whose model lacks vocab and merges (they stand once, in "model"; "without" names tokens that the
case takes out; the others move up). Per text: ids with special tokens recognised, ids with special tokens taken for text, and both decodings
of the former. "gguf" is the tokenizer.ggml.pre of a GGUF file that must give the same ids.
"""

import json
import pathlib

from reference import stamp, write_json
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

CORPUS = """\
The little tailor sewed a button on the jacket, and then he sewed another, and another, until there were none left.
"I'll take it," said the miller's daughter; they'd been waiting since eleven. We're here, you've seen, I'm told, don't!
In 1234567 days (or 3.14 of them) nothing happened. def f(x): return x ** 2  # the square of x
naïve café déjà vu, über Äpfel und Öl; здесь был человек; 你好，世界。日本語テキスト
    indented by four spaces\n\tand by a tab\r\n\r\nand then nothing   at   all
"""
UNREACHABLE = "Ġxyzzy"  # in the vocabulary, in no merge

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace("{1,3}", "")
DEEPSEEK = [
    r"[\r\n]",
    r"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+",
    r"\s?[!-/:-~！-／：-～‘-‟　-。]+",
    r"\s+$",
    r"[一-龥ࠀ-一가-퟿]+",
]
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"

TEXTS = [
    "", " ", "Hello, world!", "  leading and trailing  ", "I'm you'LL don't 1234567 3.14", "a\n\n\n b\r\n\tc",
    "你好，世界。日本語テキスト 한국어", "naïve café — “quotes” 🙂👍🏽", "def f(x):\n    return x**2  # square",
    "<|im_start|>user\nhi<|im_end|>", "<|im_end|>><|im_end|><|im_start|", "e\u0301 \u00e9 o\u0308\u0323 e\u0301\u4f60 \u00e9\u4f60",
    "another " * 12 + "anotheranotheranotheranotheranotheranother", "t" * 300 + "the" * 40, "x xyzzy xyzzyx",
    "<think>they</think> <|im_end|><think>", "a <mask> b  <mask>\n<mask>c", "word [W] word[W] [W]word é[W] ([W])",
    "a  \n<r>  \tb<r><r> <mask>", "\u0663\u00bd\u2167 42\u2003\u3000\u0085\u180e\u00a0x", "it'ſ IT'S", "\x00\x04\x1f\x7f\xad",
    "\U000fffff\U0001d11e", "a\u0301<|im_end|>\u0301b", "1/2 + 100 000,50 % = $7 ^ {x}_1 !!!  ???",
]


def token(content, special=False, normalized=None, **flags):
    normalized = not special if normalized is None else normalized
    return {"content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": normalized,
            "special": special} | flags


PLAIN = [token("<|im_start|>", special=True), token("<|im_end|>", special=True), token("<|im_end|>>", special=True),
         token("<think>", normalized=False), token("</think>", normalized=False)]
FLAGGED = [token("<|im_end|>", special=True), token("<mask>", special=True, lstrip=True),
           token("<r>", special=True, lstrip=True, rstrip=True), token("[W]", single_word=True),
           token("\u00e9\u4f60"), token("hi<|im", normalized=True)]


def byte_level(use_regex):
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": use_regex}


def split(pattern):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def sequence(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


def digits(individual):
    return {"type": "Digits", "individual_digits": individual}


def case(name, pre_tokenizer, added, gguf=None, normalizer=None, without=(), **model):
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
             "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False} | model
    return {"name": name, "gguf": gguf, "without": list(without), "tokenizer": {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [dict(a) for a in added], "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer, "post_processor": None, "decoder": byte_level(True), "model": model}}


CASES = [
    case("gpt-2", byte_level(True), PLAIN, gguf="gpt-2"),
    case("smollm", sequence(digits(True), byte_level(True)), PLAIN, gguf="smollm", without=["Ą", "ó"]),
    case("llama-3", sequence(split(LLAMA3), byte_level(False)), PLAIN, gguf="llama-bpe", ignore_merges=True),
    case("llama-3 with merges", sequence(split(LLAMA3), byte_level(False)), PLAIN, gguf="dbrx"),
    case("qwen2", sequence(split(QWEN2), byte_level(False)), PLAIN, gguf="qwen2", normalizer={"type": "NFC"}),
    case("default", sequence(split(r"[\p{P}\$\+<=>\^~\|]+"), split(GPT2), digits(False), split("[0-9][0-9][0-9]"),
                             byte_level(False)), PLAIN, gguf="default"),
    case("deepseek-llm", sequence(*map(split, DEEPSEEK), digits(False), byte_level(False)), PLAIN, gguf="deepseek-llm"),
    case("falcon", sequence(split(r"[\p{P}\$\+<=>\^~\|`]+"), split(GPT2), split("[0-9][0-9][0-9]"), byte_level(False)), PLAIN,
         gguf="falcon"),
    case("flags", byte_level(True), FLAGGED),
    case("flags, NFC", byte_level(True), FLAGGED, normalizer={"type": "Sequence", "normalizers": [{"type": "NFC"}]}),
    case("unknown", byte_level(True), PLAIN, without=["Ą", "ó", "q"], unk_token="<|unk|>"),
    case("unknown, fused", byte_level(True), PLAIN, without=["Ą", "ó", "q"], unk_token="<|unk|>", fuse_unk=True),
]


def train():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=420, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                  special_tokens=["<|unk|>"], show_progress=False)
    tokenizer.train_from_iterator([CORPUS], trainer)
    model = json.loads(tokenizer.to_str())["model"]
    vocab = model["vocab"] | {UNREACHABLE: len(model["vocab"])}
    return {"vocab": vocab, "merges": model["merges"]}


def complete(trained, case):
    """The tokenizer.json of a case; added tokens get their ids behind the vocabulary."""
    tokenizer = case["tokenizer"]
    forms = [form for form in sorted(trained["vocab"], key=trained["vocab"].get) if form not in case["without"]]
    vocab = {form: i for i, form in enumerate(forms)}  # without holes: the library numbers added tokens from its size on
    for i, added in enumerate(tokenizer["added_tokens"]):
        added["id"] = len(vocab) + i
    merges = [m for m in trained["merges"] if all(part in vocab and "".join(m) in vocab for part in m)]
    return tokenizer | {"model": tokenizer["model"] | {"vocab": vocab, "merges": merges}}


def answers(reference, text):
    ids = {}
    for key, plain in [("special", False), ("plain", True)]:
        reference.encode_special_tokens = plain
        ids[key] = reference.encode(text, add_special_tokens=False).ids
    return {"text": text} | ids | {"decoded": reference.decode(ids["special"], skip_special_tokens=False),
                                   "skipped": reference.decode(ids["special"], skip_special_tokens=True)}


def main():
    trained = train()
    for c in CASES:
        text = json.dumps(complete(trained, c), ensure_ascii=False)
        reference = Tokenizer.from_str(text)
        c["texts"] = [answers(reference, text) for text in TEXTS]
    write_json(pathlib.Path(__file__).with_name("tokens.json"),
               {"made_by": stamp(__file__, packages=("tokenizers",)), "model": trained, "cases": CASES})


if __name__ == "__main__":
    main()
