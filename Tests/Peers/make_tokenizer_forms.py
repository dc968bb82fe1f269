"""Writes Tests/Fixtures/tokenizer-forms: small tokenizers whose kind only the pre-tokenizer and the decoder say, and
the ids that PyPI's tokenizers gives for texts; and, to compare whole packages, ids of any tokenizer.json.

    python make_tokenizer_forms.py ../Fixtures/tokenizer-forms
    python make_tokenizer_forms.py --of tokenizer.json ...        prints JSON: texts and ids
"""

import json
import os
import sys

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from make_tokenizer_outputs import PATTERNS, TEXTS

TEXTS = TEXTS + ["the<s>quick  brown<s> fox", "<s>the <s>  end"]
CORPUS = TEXTS * 3 + ["the quick brown fox jumps over the lazy dog", "Now is the winter of our discontent"] * 20


def trained(kind, **options):
    tokenizer = Tokenizer(models.BPE(**options))
    if kind == "bytes":
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [PATTERNS["llama-bpe"], pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
        tokenizer.decoder = decoders.Metaspace()
        alphabet = []
    trainer = trainers.BpeTrainer(
        vocab_size=480, initial_alphabet=alphabet, special_tokens=["<unk>", "<s>"], show_progress=False, max_token_length=12)
    tokenizer.train_from_iterator(CORPUS, trainer)
    return json.loads(tokenizer.to_str())


def forms():
    plain = trained("bytes")
    fallback = json.loads(json.dumps(plain))
    fallback["model"]["byte_fallback"] = True
    yield "bytes-with-fallback", fallback
    composed = json.loads(json.dumps(plain))
    composed["normalizer"] = {"type": "NFC"}
    yield "composed", composed
    whole = json.loads(json.dumps(plain))
    whole["model"]["ignore_merges"] = True
    # Fewer merges than tokens: whole pieces are found though nothing merges to them.
    whole["model"]["merges"] = whole["model"]["merges"][:60]
    yield "ignored-merges", whole
    pieces = trained("pieces", unk_token="<unk>", fuse_unk=True)
    yield "pieces", pieces
    # A space before the text alone, and pieces that end before a space though its merges would go on.
    first = json.loads(json.dumps(pieces))
    first["pre_tokenizer"].update(prepend_scheme="first", split=True)
    yield "pieces-first", first


def ids_of(path):
    tokenizer = Tokenizer.from_file(path)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS]


def main(folder):
    ids = {}
    for name, tokenizer in forms():
        os.makedirs(f"{folder}/{name}", exist_ok=True)
        with open(f"{folder}/{name}/tokenizer.json", "w") as file:
            json.dump(tokenizer, file, ensure_ascii=False, separators=(",", ":"))
        made = Tokenizer.from_str(json.dumps(tokenizer))
        ids[name] = [made.encode(text, add_special_tokens=False).ids for text in TEXTS]
    with open(f"{folder}/expected.json", "w") as file:
        json.dump({"texts": TEXTS, "ids": ids}, file, separators=(",", ":"))


if sys.argv[1] == "--of":
    print(json.dumps({"texts": TEXTS, "ids": {
        path: ids_of(path) for path in sys.argv[2:]}}))
else:
    main(sys.argv[1])
