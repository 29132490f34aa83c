"""Makes spm_tokens.json: two small SentencePiece BPE vocabularies trained here, and ids of texts by two references.

Run in an environment of requirements.txt:  python tests/golden/make_spm_golden.py
"models" holds pieces, scores and types as a GGUF file has them, and the merges that a tokenizer.json lists: every way to
cut a piece into two others, the best score first. A case is a tokenizer.json without its vocabulary; the ids, with
special tokens recognised and with special tokens taken for text, and both decodings of the former are those of the
`tokenizers` library. Where "gguf" is not null, a GGUF file of the model with that tokenizer.ggml.add_space_prefix must give
the same; there the `sentencepiece` library is asked too, and the script fails unless both agree.
"""

import io
import json
import pathlib

import sentencepiece
from make_token_golden import CORPUS, TEXTS, answers
from reference import stamp, write_json
from tokenizers import Tokenizer

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6
MARK = "\u2581"
LINES = ["\n" * n for n in range(1, 5)]
MORE = [
    "the", " the", "  the", "\u2581the", "a\u2581b \u2581 c", "<0x0A>", "\n", "\n\n\n\n\n\nx\n\n", "\t\ttab\ttab",
    "<s>the button</s>", "the<s> the", "a</s>  b<s>", "<unk> and <unk>", "<s><s>", "x</s>", "</s>\nfoo", "tailor<mask>tailor",
    "one two  three   four    five     six", "daughter;daughter", "\u4f60\u597d\u4f60\u597d", "\u0437\u0434\u0435\u0441\u044c \u0431\u044b\u043b",
    "the little tailor " * 9, "nothingatallnothingatallnothingatall" * 3, "\U0001f642\U0001f44d\U0001f3fd\U0001f642", "a \U0001f642 b",
]


def train(prefix, user_defined):
    """A vocabulary; with a rare character left to byte tokens."""
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS.split("\n") * 2), model_writer=written, model_type="bpe", vocab_size=560,
        byte_fallback=True, character_coverage=0.995, normalization_rule_name="identity", remove_extra_whitespaces=False,
        add_dummy_prefix=prefix, user_defined_symbols=user_defined, allow_whitespace_only_pieces=True, split_digits=True,
        num_threads=1, minloglevel=2)
    processor = sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())
    ids = range(processor.get_piece_size())
    kinds = [BYTE if processor.is_byte(i) else CONTROL if processor.is_control(i) else UNKNOWN if processor.is_unknown(i)
             else USER_DEFINED if processor.id_to_piece(i) in user_defined else NORMAL for i in ids]
    model = {"pieces": [processor.id_to_piece(i) for i in ids], "scores": [processor.get_score(i) for i in ids], "types": kinds}
    return processor, model | {"merges": merges_of(model)}


def merges_of(model):
    rows = list(zip(model["pieces"], model["scores"], model["types"]))
    known = {piece for piece, _, kind in rows if kind in (NORMAL, USER_DEFINED)}
    cuts = [(score, piece[:at], piece[at:]) for piece, score, _ in rows if piece in known for at in range(1, len(piece))]
    found = [cut for cut in cuts if cut[1] in known and cut[2] in known]
    return [[left, right] for _, left, right in sorted(found, key=lambda cut: -cut[0])]


def token(model, content, special):
    return {"id": model["pieces"].index(content), "content": content, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": False, "special": special}


def replace(old, new):
    return {"type": "Replace", "pattern": {"String": old}, "content": new}


def sequence(key, *steps):
    return {"type": "Sequence", key: list(steps)}


TO_MARKS = replace(" ", MARK)
WITH_PREFIX = sequence("normalizers", {"type": "Prepend", "prepend": MARK}, TO_MARKS)
DECODER = [replace(MARK, " "), {"type": "ByteFallback"}, {"type": "Fuse"}]
STRIP = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
IDLE_SPLIT = {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}


def metaspace(scheme):
    return {"type": "Metaspace", "replacement": MARK, "prepend_scheme": scheme, "split": False}


def case(name, model, gguf=None, normalizer=None, pre_tokenizer=None, strip=True, **flags):
    bpe = {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None, "end_of_word_suffix": None,
           "fuse_unk": True, "byte_fallback": True, "ignore_merges": False} | flags
    return {"name": name, "model": model, "gguf": gguf, "tokenizer": {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer, "post_processor": None,
        "decoder": sequence("decoders", *DECODER, *([STRIP] if strip else [])), "model": bpe}}


CASES = [
    case("llama 2", "prefixed", gguf=True, normalizer=WITH_PREFIX),
    case("gemma", "plain", gguf=False, normalizer=TO_MARKS, pre_tokenizer=IDLE_SPLIT, strip=False),
    case("metaspace, first", "prefixed", pre_tokenizer=metaspace("first")),
    case("metaspace, always", "prefixed", pre_tokenizer=metaspace("always")),
    case("metaspace, never", "plain", pre_tokenizer=metaspace("never"), strip=False),
    case("unknown, fused", "prefixed", normalizer=WITH_PREFIX, byte_fallback=False),
    case("unknown, each", "plain", normalizer=TO_MARKS, strip=False, byte_fallback=False, fuse_unk=False),
    case("whole pieces", "prefixed", normalizer=WITH_PREFIX, ignore_merges=True),
]


def complete(model, case):
    """The tokenizer.json of a case: user-defined pieces are added tokens, as are the special ones."""
    tokenizer = case["tokenizer"]
    tokenizer["added_tokens"] = [token(model, piece, kind != USER_DEFINED) for piece, kind in zip(model["pieces"], model["types"])
                                 if kind in (UNKNOWN, CONTROL, USER_DEFINED)]
    vocab = {piece: i for i, piece in enumerate(model["pieces"])}
    return tokenizer | {"model": tokenizer["model"] | {"vocab": vocab, "merges": model["merges"]}}


def expect_agreement(processor, answer):
    ids = processor.encode(answer["text"])
    assert ids == answer["plain"], (answer, ids)
    # The reference writes control tokens as nothing, and a mark that was written out as a space.
    text = processor.decode(ids)
    assert text == answer["text"].replace(MARK, " "), (answer, text)


def main():
    trained = {"prefixed": train(True, []), "plain": train(False, LINES)}
    for c in CASES:
        processor, model = trained[c["model"]]
        reference = Tokenizer.from_str(json.dumps(complete(model, c), ensure_ascii=False))
        c["texts"] = [answers(reference, text) for text in TEXTS + MORE]
        if c["gguf"] is not None:
            for answer in c["texts"]:
                expect_agreement(processor, answer)
    write_json(pathlib.Path(__file__).with_name("spm_tokens.json"),
               {"made_by": stamp(__file__, packages=("tokenizers", "sentencepiece")),
                "models": {name: model for name, (_, model) in trained.items()}, "cases": CASES})


if __name__ == "__main__":
    main()
