"""Makes Tests/Fixtures/tokenizers.json: what PyPI's tokenizers and sentencepiece make of texts that are easy to get wrong.

    python make_tokenizer_outputs.py

- The pieces, in characters, into which the pre-tokenizers of known models divide them.
- The tokens of the tokenizers in Samples/ and Tests/Fixtures/huggingface.
"""

import json
from pathlib import Path

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers as pre

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "Tests/Fixtures/huggingface"

TEXTS = [
    "", " ", "  ", "   \n", "\n\n\n", "\t\t \n x", "Hello world", " Hello  world ", "Hello, world!  \n\n  Two",
    "I'll you'RE he'S won't 'tis D'ARTAGNAN 'ſ don't'VE ''s 'L l'l", "3 33 333 3333 33333 3.14 1,000,000 x2y3 ½ ² ٣٤٥ 四五",
    "snake_case camelCase HTMLParser XMLHttpRequest2 iPhone McDonald's ABCdef ÉCOLE École ǅungla",
    "a\r\nb\r\n\r\nc\rd \r\n e", "   leading\n   indented\n\tand tabs\t", "foo/bar//baz/\n/x!/\r\n", "!!!???...\n\n...---===>>> ($%^&*)",
    "naïve café résumé Ångström", "e\u0301te\u0301 n\u0303 \u0301alone", "Ελληνικά Русский язык ЁЖИК", "中文字符和日本語のテキスト、한국어",
    "العربية مَرْحَبًا ١٢٣ 🇩🇪", "हिन्दी में नमस्ते คำไทย", "🚀🙂😶‍🌫️👩‍👩‍👧‍👦 ok👍🏽", "a\u00a0b\u2003c\u3000d\u200be\ufeff",
    "\x00\x01\x07\x1f\x7f control", "line\u2028sep\u2029para\x85nel", "x² + y³ = ∑∞ ≤ €100 £5 ¥ © ™", "<|endoftext|> <|im_start|>user hi\u2581there",
    "http://example.com/?a=1&b=%20#x e-mail@test.org", "def f(x):\n    return x  # comment\n", "'s's 's  'd", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "Now is the winter of our discontent\nMade glorious summer by this sun of York;", "the    the     the\tthe", "word" + " " * 20 + "word" + "\n" * 9 + "end ", "\U00020000\U0002a6d6 ﬁ ﷽ Ⅷ ꙮ",
]

CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
TAIL = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
FIRST = r"[^\r\n\p{L}\p{N}]?"


def split(*patterns):
    return pre.Sequence([pre.Split(Regex(p), "isolated") for p in patterns])


GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
PATTERNS = {
    "gpt-2": split(GPT2),
    "smollm": pre.Sequence([pre.Digits(individual_digits=True), split(GPT2)]),
    "llama-bpe": split(CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + TAIL),
    "qwen2": split(CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + TAIL),
    "qwen35": split(CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"),
    "gpt-4o": split(
        FIRST + UPPER + "*" + LOWER + "+" + CONTRACTIONS + "?|" + FIRST + UPPER + "+" + LOWER + "*" + CONTRACTIONS
        + r"?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"),
    "tekken": split(
        FIRST + UPPER + "*" + LOWER + "+|" + FIRST + UPPER + "+" + LOWER
        + r"*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"),
    "deepseek-v3": split(
        r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+",
        r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""),
    "deepseek-coder": split(r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+", r"\p{N}"),
    "default": split(r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"),
    "falcon": split(r"[\p{P}\$\+<=>\^~\|`]+", GPT2, "[0-9][0-9][0-9]"),
}

def merged_pieces(model):
    """A SentencePiece model as tokenizer.json has it: bytes for what is unknown, and merges in the order of scores."""
    vocabulary = {piece.piece: i for i, piece in enumerate(model.pieces)}
    merges = []
    for piece in model.pieces:
        cuts = [(piece.piece[:i], piece.piece[i:]) for i in range(1, len(piece.piece))] if piece.type == 1 else []
        cuts = [cut for cut in cuts if cut[0] in vocabulary and cut[1] in vocabulary]
        merges += [(piece.score, *cut) for cut in cuts]
    merges = [(a, b) for _, a, b in sorted(merges, key=lambda merge: -merge[0])]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    return tokenizer


if __name__ == "__main__":
    result = {"texts": TEXTS, "pieces": {}, "tokens": {}, "decoded": {}}
    for name, step in PATTERNS.items():
        result["pieces"][name] = [[len(piece) for piece, _ in step.pre_tokenize_str(text)] for text in TEXTS]
    for name in ["llama3", "qwen2", "qwen3", "bert"]:
        tokenizer = Tokenizer.from_file(str(MODELS / name / "tokenizer.json"))
        encoded = [tokenizer.encode(text).ids for text in TEXTS]
        result["tokens"][name] = encoded
    tokenizer = Tokenizer.from_file(str(ROOT / "Samples/shakespeare-llama/tokenizer.json"))
    result["tokens"]["shakespeare"] = [tokenizer.encode(text).ids for text in TEXTS]
    result["decoded"]["shakespeare"] = [tokenizer.decode(ids) for ids in result["tokens"]["shakespeare"]]
    # SentencePiece's own program does not know the tokens that transformers adds.
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString((MODELS / "llama-pieces/tokenizer.model").read_bytes())
    # As in Llama's own file; and tokenizer_config.json says that no space is put before.
    model.normalizer_spec.remove_extra_whitespaces = False
    model.normalizer_spec.add_dummy_prefix = False
    pieces = sentencepiece.SentencePieceProcessor(model_proto=model.SerializeToString())
    result["tokens"]["llama-pieces"] = [pieces.encode(text) for text in TEXTS]
    result["decoded"]["llama-pieces"] = [pieces.decode(ids) for ids in result["tokens"]["llama-pieces"]]
    folder = ROOT / "Tests/Fixtures/merged-pieces"
    folder.mkdir(exist_ok=True)
    tokenizer = merged_pieces(model)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    (folder / "config.json").write_text(json.dumps({"vocab_size": tokenizer.get_vocab_size()}) + "\n")
    result["tokens"]["merged-pieces"] = [tokenizer.encode(text).ids for text in TEXTS]
    lines = json.dumps(result, ensure_ascii=True)
    for key in ['"pieces"', '"tokens"', '"decoded"'] + [f'"{name}"' for name in PATTERNS] + ['"bert"', '"qwen3"']:
        lines = lines.replace(key, "\n" + key)
    (ROOT / "Tests/Fixtures/tokenizers.json").write_text(lines + "\n")
