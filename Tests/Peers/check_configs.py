#!/usr/bin/env python3
"""Lets the deploying tools read what `lathe export` writes for them, and asserts of every layer that the tool does to it
what the recipe says.

    check_configs.py LATHE [TARGET …]

A tool that is not installed is said to be left out; Tests/Peers/configs installs them. Run from the repository's folder.
"""
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

LLM = "Samples/shakespeare-llama"
CNN = "Samples/digits-cnn.onnx"
LATHE = sys.argv[1]
FOLDER = Path(tempfile.mkdtemp())


def lathe(target, rules, model=LLM, name=None):
    """Exports, and says what was written and what the recipe is: the tool's file, and each layer's scheme."""
    path = FOLDER / (name or target)
    (path if (name or "").endswith("/") else path.parent).mkdir(exist_ok=True)
    choice = [word for rule in rules for word in ("--set", rule)]
    run(LATHE, "export", model, "--to", target, "-o", path, *choice)
    table = FOLDER / "recipe.json"
    run(LATHE, "export", model, "--to", "json", "-o", table, *choice)
    layers = json.loads(table.read_text())["layers"]
    return path, {layer["name"]: Scheme(layer) for layer in layers}


def run(*words):
    """Runs a program; what it said comes out where it fails."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))}:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


class Scheme:
    """A layer's SPEC, taken apart here and not by Lathe."""

    def __init__(self, layer):
        self.tensor, self.shape = layer["tensor"], layer["shape"]
        words = layer["scheme"].split(",")
        self.word, options = words[0], dict((w.split("=") + [True])[:2] for w in words[1:])
        self.group = int(options["group"]) if "group" in options else None
        self.channel, self.affine = "channel" in options, "affine" in options
        self.bits = int(self.word[3:]) if self.word.startswith("int") else None
        self.sparsity = options.get("sparsity")
        self.threshold = float(options["threshold"]) if "threshold" in options else None
        self.isKept = self.word == "keep"


def equal(tool, name, found, expected):
    if found != expected:
        sys.exit(f"{tool}: {name} is {found}, and the recipe says {expected}")


def estimate(target, rules, model=LLM):
    """What Lathe says that the tool makes: t2 and bytes of each layer."""
    choice = [word for rule in rules for word in ("--set", rule)]
    told = subprocess.run([LATHE, "estimate", str(model), "--to", target, "--json", *choice], capture_output=True, text=True)
    if told.returncode != 0:
        sys.exit(told.stderr)
    return {layer["name"]: (layer["relativeError"], layer["bytes"]) for layer in json.loads(told.stdout)["layers"]}


def same_error(tool, name, made, weight, claimed):
    """Asserts that |w' - w|^2 / |w|^2 of what the tool made is what Lathe said, to a thousandth."""
    import numpy

    made, weight = numpy.asarray(made, numpy.float64).reshape(-1), numpy.asarray(weight, numpy.float64).reshape(-1)
    found = ((made - weight) ** 2).sum() / (weight ** 2).sum()
    if abs(found - claimed) > 1e-3 * found:
        sys.exit(f"{tool}: {name} has the error {found:.6g}, and Lathe says {claimed:.6g}")


def torch_model():
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(LLM)


def linears(model):
    import torch

    return {name: module for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)}


INTEGERS = ["*self_attn*=int4,group=64", "*mlp*=int8,channel", "*layers.1.mlp.down_proj=int3,group=32,affine"]


def compressed_tensors_config():
    from compressed_tensors.compressors.format import infer_module_format
    from compressed_tensors.quantization import QuantizationConfig, apply_quantization_config

    path, recipe = lathe(
        "compressed-tensors-config",
        INTEGERS + ["*layers.2.mlp.down_proj=nvidia-nvfp4", "*layers.2.self_attn.o_proj=fp8-e4m3",
                    "*layers.0.mlp.down_proj=ocp-mxfp4", "*layers.0.self_attn.o_proj=ocp-mxfp8"])
    model = torch_model()
    config = json.loads(path.read_text())["quantization_config"]
    apply_quantization_config(model, QuantizationConfig.model_validate(config))
    equal("compressed-tensors", "format", config["format"], "mixed-precision")
    for name, module in linears(model).items():
        check_scheme("compressed-tensors", name, getattr(module, "quantization_scheme", None), recipe[name])
        scheme = getattr(module, "quantization_scheme", None)
        if scheme:
            equal("compressed-tensors", f"{name}'s format", scheme.format, infer_module_format(type(module), scheme).value)
    return len(linears(model))


def check_scheme(tool, name, found, expected):
    """What compressed-tensors attached to a module, against a SPEC."""
    if expected.isKept:
        return equal(tool, name, found, None)
    weights = found.weights
    floats = {"nvidia-nvfp4": (4, 16, "tensor_group"), "ocp-mxfp4": (4, 32, "group"), "ocp-mxfp8": (8, 32, "group"),
              "fp8-e4m3": (8, None, "channel")}
    if expected.word in floats:
        equal(tool, name, (weights.type, weights.num_bits, weights.group_size, weights.strategy),
              ("float", *floats[expected.word]))
    else:
        strategy = "group" if expected.group else "channel" if expected.channel else "tensor"
        equal(tool, name, (weights.type, weights.num_bits, weights.group_size, weights.strategy, weights.symmetric),
              ("int", expected.bits, expected.group, strategy, not expected.affine))
    equal(tool, f"{name}'s activations", found.input_activations, None)


def llm_compressor():
    import torch
    from datasets import Dataset
    from llmcompressor import oneshot
    from transformers import AutoTokenizer

    path, recipe = lathe(
        "llm-compressor",
        INTEGERS + ["*layers.0.mlp.up_proj=int8,channel,sparsity=wanda:2:4", "*layers.0.mlp.gate_proj=int8,channel,sparsity=wanda:2:4",
                    "*layers.1.self_attn.o_proj=keep,sparsity=wanda:0.5", "*layers.2.mlp.*=fp8-e4m3"])
    tokenizer = AutoTokenizer.from_pretrained(LLM)
    text = Path("Samples/shakespeare-test.txt").read_text()
    samples = [tokenizer(text[i * 400:(i + 1) * 400], truncation=True, max_length=64) for i in range(8)]
    model = oneshot(
        model=torch_model(), recipe=str(path), dataset=Dataset.from_list([dict(sample) for sample in samples]),
        tokenizer=tokenizer, num_calibration_samples=8, max_seq_length=64, pipeline="basic")
    for name, module in linears(model).items():
        check_scheme("llm-compressor", name, getattr(module, "quantization_scheme", None), recipe[name])
        zeros = (module.weight == 0).float().mean().item()
        if recipe[name].sparsity == "wanda:2:4":
            runs = module.weight.reshape(-1, 4)
            equal("llm-compressor", f"{name}'s zeros of four", int((runs == 0).sum(1).min() >= 2), 1)
        elif recipe[name].sparsity:
            equal("llm-compressor", f"{name}'s zeros", round(zeros, 2), 0.5)
    return len(linears(model))


def torchao():
    from torchao.core.config import config_from_dict
    from torchao.quantization import quantize_

    path, recipe = lathe("torchao", INTEGERS + ["*layers.2.mlp.down_proj=fp8-e4m3", "lm_head=int6,channel,affine"])
    model = torch_model()
    quantize_(model, config_from_dict(json.loads(path.read_text())), filter_fn=None)
    for name, module in linears(model).items():
        scheme, weight = recipe[name], module.weight
        kind = type(weight).__name__
        if scheme.isKept:
            equal("torchao", name, kind, "Parameter")
        elif scheme.word == "fp8-e4m3":
            equal("torchao", name, (kind, list(weight.block_size)), ("Float8Tensor", [1, weight.shape[1]]))
        else:
            columns = scheme.group or weight.shape[1]
            equal("torchao", name, list(weight.block_size), [1, columns])
            bits = 8 if kind == "Int8Tensor" else int(str(weight.target_dtype).removeprefix("torch.int"))
            equal("torchao", name, bits, scheme.bits)
            if scheme.affine:
                equal("torchao", f"{name} has zero points", bool((weight.zero_point != 0).any()), True)
    return len(linears(model))


def mlx_config():
    import mlx.core
    import mlx.nn
    import mlx_lm

    rules = [
        "*self_attn*=int4,group=64,affine", "*mlp*=int8,group=128,affine", "*layers.1.mlp.down_proj=int3,group=32,affine",
        "*layers.2.mlp.down_proj=ocp-mxfp4", "model.embed_tokens=int6,group=64,affine", "*layers.2.self_attn.o_proj=nvidia-nvfp4"]
    path, recipe = lathe("mlx-config", rules, name="mlx/config.json")
    claimed = estimate("mlx-config", rules)
    floats = mlx.core.load(LLM + "/model.safetensors")
    out = FOLDER / "mlx_model"
    run(sys.executable, path.with_suffix(".py"), LLM, out)
    written = json.loads((out / "config.json").read_text())["quantization"]
    ours = json.loads(path.read_text())["quantization"]
    model, _ = mlx_lm.load(str(out))
    seen = 0
    for name, module in model.named_modules():
        if not isinstance(module, (mlx.nn.Linear, mlx.nn.QuantizedLinear, mlx.nn.Embedding, mlx.nn.QuantizedEmbedding)):
            continue
        seen += 1
        scheme = recipe[name]
        if scheme.isKept:
            equal("mlx", name, "Quantized" in type(module).__name__, False)
            continue
        named = {"ocp-mxfp4": (4, 32, "mxfp4"), "ocp-mxfp8": (8, 32, "mxfp8"), "nvidia-nvfp4": (4, 16, "nvfp4")}
        expected = named.get(scheme.word, (scheme.bits, scheme.group, "affine"))
        equal("mlx", name, (module.bits, module.group_size, module.mode), expected)
        equal("mlx", f"{name} in its config", written[name], ours[name])
        if module.mode == "affine":
            wide = [part.astype(mlx.core.float32) for part in (module.scales, module.biases)]
            made = mlx.core.dequantize(module.weight, *wide, group_size=module.group_size, bits=module.bits)
            same_error("mlx", name, made, floats[name + ".weight"].astype(mlx.core.float32), claimed[name][0])
            size = module.weight.nbytes + module.scales.nbytes + module.biases.nbytes
            equal("mlx", f"bytes of {name}", size, claimed[name][1])
    return seen + mlx_experts()


def experts_model(family, router=None):
    """A small model of experts as transformers' classes save it: each expert's projections by themselves."""
    import shutil

    import numpy
    from safetensors.numpy import save_file

    random = numpy.random.default_rng(5)
    folder = FOLDER / family
    folder.mkdir(exist_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        shutil.copy(f"{LLM}/{name}", folder / name)
    vocabulary = json.loads(Path(f"{LLM}/config.json").read_text())["vocab_size"]
    tensors = {}

    def add(name, *shape):
        ones = len(shape) == 1
        tensors[name + ".weight"] = (numpy.ones(shape) if ones else random.normal(size=shape) * .05).astype(numpy.float16)

    add("model.embed_tokens", vocabulary, 64)
    add("model.norm", 64)
    add("lm_head", vocabulary, 64)
    for layer in range(2):
        prefix = f"model.layers.{layer}."
        for name in ("input_layernorm", "post_attention_layernorm"):
            add(prefix + name, 64)
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            add(prefix + "self_attn." + name, 64, 64)
            if family == "qwen2_moe" and name != "o_proj":
                tensors[f"{prefix}self_attn.{name}.bias"] = numpy.zeros(64, numpy.float16)
        block, words = (("block_sparse_moe.", ("w1", "w3", "w2")) if family == "mixtral" else
                        ("mlp.", ("gate_proj", "up_proj", "down_proj")))
        add(prefix + block + "gate", 4, 64)
        for expert in range(4):
            for word, shape in zip(words, ((128, 64), (128, 64), (64, 128))):
                add(f"{prefix}{block}experts.{expert}.{word}", *shape)
        if family == "qwen2_moe":
            add(prefix + "mlp.shared_expert_gate", 1, 64)
            for word, shape in zip(words, ((128, 64), (128, 64), (64, 128))):
                add(prefix + "mlp.shared_expert." + word, *shape)
    save_file(tensors, folder / "model.safetensors")
    config = {
        "architectures": ["MixtralForCausalLM" if family == "mixtral" else "Qwen2MoeForCausalLM"], "model_type": family,
        "vocab_size": vocabulary, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 4, "num_experts_per_tok": 2, "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0, "tie_word_embeddings": False, "torch_dtype": "float16", "bos_token_id": 0, "eos_token_id": 0,
        "num_local_experts": 4, "num_experts": 4, "moe_intermediate_size": 128, "shared_expert_intermediate_size": 128,
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def mlx_experts():
    """mlx-lm's stacks of experts have what the recipe says of each of them, and come back as that recipe."""
    import mlx.core
    import mlx.nn
    import mlx_lm

    seen = 0
    projections = {"w1": "gate_proj", "w2": "down_proj", "w3": "up_proj"}
    for family in ("mixtral", "qwen2_moe"):
        model_folder = experts_model(family)
        rules = ["*self_attn*=int8,group=64,affine", "*experts*=int4,group=32,affine", "*experts*.w2=int6,group=64,affine",
                 "*experts*.down_proj=int6,group=64,affine", "lm_head=ocp-mxfp4"]
        rules = [rule for rule in rules if (family == "mixtral") != ("down_proj" in rule) or "w2" not in rule and "down_proj" not in rule]
        path, recipe = lathe("mlx-config", rules, str(model_folder), f"{family}-mlx/config.json")
        claimed = estimate("mlx-config", rules, model_folder)
        out = FOLDER / f"{family}-packed"
        run(sys.executable, path.with_suffix(".py"), model_folder, out)
        floats = mlx.core.load(str(model_folder / "model.safetensors"))
        model, _ = mlx_lm.load(str(out))
        modules = dict(model.named_modules())
        for name, scheme in recipe.items():
            if f"{name}.weight" not in floats or floats[f"{name}.weight"].ndim < 2:
                continue
            place, expert = name, None
            if ".experts." in name:
                block, number, word = *name.split(".experts.")[:1], *name.split(".experts.")[1].split(".")
                place, expert = f"{block}.switch_mlp.{projections.get(word, word)}", int(number)
            module = modules[place]
            seen += 1
            if scheme.isKept:
                equal("mlx", name, hasattr(module, "scales"), False)
                continue
            mode = "affine" if scheme.bits else "mxfp4"
            equal("mlx", name, (module.bits, module.group_size, module.mode), (scheme.bits or 4, scheme.group or 32, mode))
            parts = [module.weight, module.scales] + ([module.biases] if scheme.bits else [])
            if expert is not None:
                parts = [part[expert] for part in parts]
            if scheme.bits:
                wide = [part.astype(mlx.core.float32) for part in parts[1:]]
                made = mlx.core.dequantize(parts[0], *wide, group_size=module.group_size, bits=module.bits)
                same_error("mlx", name, made, floats[name + ".weight"].astype(mlx.core.float32), claimed[name][0])
            equal("mlx", f"bytes of {name}", sum(part.nbytes for part in parts), claimed[name][1])
        # What mlx-lm wrote, its config and its weights, is that recipe of the folder with separate experts.
        for source in (out / "config.json", out):
            table = FOLDER / "back.json"
            run(LATHE, "export", model_folder, "--to", "json", "-o", table, "--recipe", source)
            back = {layer["name"]: Scheme(layer) for layer in json.loads(table.read_text())["layers"]}
            for name, scheme in recipe.items():
                equal("mlx", f"{name} read back from {source.name}", vars(back[name]), vars(scheme))
    return seen


def onnxruntime():
    import numpy
    import onnx
    import onnxruntime as ort

    rules = ["*conv*=int8,channel", "/conv1/Conv=int8,tensor,affine", "*fc1*=int4,channel,affine", "/conv3/Conv=int4,channel", "*fc2*=keep"]
    path, recipe = lathe("onnxruntime", rules, CNN, "cnn/quantise.py")
    claimed = estimate("onnxruntime", rules, CNN)
    count = 0
    data = numpy.load("Samples/digits-test.npz")
    names = [n for n in data.files]
    labels = data[next(n for n in names if data[n].ndim == 1)]
    images = data[next(n for n in names if data[n].ndim > 1)]
    calibration = FOLDER / "calibration.npz"
    source = onnx.load(CNN)
    numpy.savez(calibration, **{source.graph.input[0].name: images[:32]})
    for extra in ([], ["--data", calibration]):
        out = FOLDER / "cnn.onnx"
        run(sys.executable, path, CNN, out, *extra)
        model = onnx.load(out)
        constants = {t.name: t for t in model.graph.initializer}
        dequantized = {n.output[0]: n for n in model.graph.node if n.op_type == "DequantizeLinear"}
        for name, scheme in recipe.items():
            node = next((n for n in model.graph.node if n.name == name), None)
            if node is None or len(scheme.shape) < 2:
                continue
            pair = dequantized.get(node.input[1])
            equal("onnxruntime", f"{name} is quantised", pair is not None, not scheme.isKept)
            if pair is None:
                continue
            count += 1
            codes, scales = (constants[pair.input[i]] for i in range(2))
            kind = {4: ("INT4", "UINT4"), 8: ("INT8", "UINT8")}[scheme.bits][scheme.affine]
            equal("onnxruntime", name, onnx.TensorProto.DataType.Name(codes.data_type), kind)
            equal("onnxruntime", f"{name}'s scales", int(numpy.prod(scales.dims)), scheme.shape[0] if scheme.channel else 1)
            arrays = [onnx.numpy_helper.to_array(constants[pair.input[i]]).astype(numpy.float64) for i in range(3)]
            if not scheme.affine:
                equal("onnxruntime", f"{name}'s zero point", int(numpy.abs(arrays[2]).max()), 0)
            # A convolution's and this model's Gemm's outputs are the first axis.
            shape = [-1] + [1] * (arrays[0].ndim - 1)
            made = (arrays[0] - arrays[2].reshape(shape)) * arrays[1].reshape(shape)
            weight = next(t for t in source.graph.initializer if t.name == scheme.tensor)
            same_error("onnxruntime", name, made, onnx.numpy_helper.to_array(weight), claimed[name][0])
        quantised = any(n.op_type == "QuantizeLinear" for n in model.graph.node)
        equal("onnxruntime", "activations", quantised, bool(extra))
        session = ort.InferenceSession(str(out), providers=["CPUExecutionProvider"])
        outputs = session.run(None, {session.get_inputs()[0].name: images})[0]
        right = int((outputs.argmax(1) == labels).sum())
        if right < len(labels) - 6:
            sys.exit(f"onnxruntime: {right} of {len(labels)} right")
    # Products in groups, and one that stays.
    model = products()
    rules = ["first=int4,group=32", "second=int8,group=16,affine", "third=keep"]
    path, recipe = lathe("onnxruntime", rules, str(model), "products/quantise.py")
    claimed = estimate("onnxruntime", rules, model)
    out = FOLDER / "products.onnx"
    run(sys.executable, path, model, out)
    for name, scheme in recipe.items():
        nodes = [n for n in onnx.load(out).graph.node if n.name.startswith(name)]
        if scheme.isKept:
            equal("onnxruntime", name, [n.op_type for n in nodes], ["MatMul"])
            continue
        count += 1
        attributes = {a.name: a.i for a in nodes[0].attribute}
        equal("onnxruntime", name, (nodes[0].op_type, attributes["bits"], attributes["block_size"]),
              ("MatMulNBits", scheme.bits, scheme.group))
        equal("onnxruntime", f"{name} has zero points", len(nodes[0].input) > 3 and bool(nodes[0].input[3]), scheme.affine)
        # What the node computes of the columns of a unit matrix is its matrix.
        inputs = attributes["K"]
        alone = onnx.helper.make_graph(
            [nodes[0]], "alone", [onnx.helper.make_tensor_value_info(nodes[0].input[0], onnx.TensorProto.FLOAT, [inputs, inputs])],
            [onnx.helper.make_tensor_value_info(nodes[0].output[0], onnx.TensorProto.FLOAT, [inputs, attributes["N"]])],
            [t for t in onnx.load(out).graph.initializer if t.name in nodes[0].input])
        opsets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("com.microsoft", 1)]
        session = ort.InferenceSession(
            onnx.helper.make_model(alone, opset_imports=opsets, ir_version=8).SerializeToString(),
            providers=["CPUExecutionProvider"])
        made = session.run(None, {nodes[0].input[0]: numpy.eye(inputs, dtype=numpy.float32)})[0]
        weight = next(t for t in onnx.load(model).graph.initializer if t.name == scheme.tensor)
        same_error("onnxruntime", name, made, onnx.numpy_helper.to_array(weight), claimed[name][0])
        size = sum(len(t.raw_data) for t in onnx.load(out).graph.initializer if t.name in nodes[0].input)
        equal("onnxruntime", f"bytes of {name}", size, claimed[name][1])
    ort.InferenceSession(str(out), providers=["CPUExecutionProvider"])
    return count


def products():
    """Three matrix products one after another."""
    import numpy
    import onnx

    random = numpy.random.default_rng(7)
    widths = [64, 96, 80, 32]
    weights = [
        onnx.numpy_helper.from_array(random.normal(size=(a, b)).astype(numpy.float32), f"w{i}")
        for i, (a, b) in enumerate(zip(widths, widths[1:]))
    ]
    names = ["first", "second", "third"]
    nodes = [
        onnx.helper.make_node("MatMul", ["x" if i == 0 else f"y{i - 1}", f"w{i}"], [f"y{i}"], name=names[i]) for i in range(3)
    ]
    value = lambda name, width: onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", width])
    graph = onnx.helper.make_graph(nodes, "products", [value("x", 64)], [value("y2", 32)], weights)
    path = FOLDER / "source.onnx"
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, path)
    return path


def coremltools():
    import coremltools as ct
    import coremltools.optimize.coreml as cto
    import numpy
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(3)

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = torch.nn.Conv2d(1, 32, 3)
            self.blocks = torch.nn.ModuleList([torch.nn.Linear(128, 64), torch.nn.Linear(64, 64)])
            self.head = torch.nn.Linear(64, 10)

        def forward(self, x):
            x = torch.nn.functional.avg_pool2d(torch.relu(self.conv1(x)), 13).flatten(1)
            for block in self.blocks:
                x = torch.relu(block(x))
            return self.head(x)

    net = Net().eval()
    source = FOLDER / "net.safetensors"
    save_file(net.state_dict(), source)
    path, recipe = lathe(
        "coremltools",
        ["conv1=kmeans4,tensor", "blocks.0=int4,group=32", "blocks.1=int8,channel,affine,sparsity=0.5", "head=keep,threshold=0.05"],
        str(source), "coreml/")
    x = torch.rand(1, 1, 28, 28)
    count = 0
    for precision in (ct.precision.FLOAT32, ct.precision.FLOAT16):
        package = FOLDER / f"net-{precision.name}.mlpackage"
        ct.convert(torch.jit.trace(net, x), inputs=[ct.TensorType(shape=x.shape)], compute_precision=precision,
                   minimum_deployment_target=ct.target.iOS18, skip_model_load=True).save(str(package))
        out = FOLDER / f"out-{precision.name}.mlpackage"
        run(sys.executable, FOLDER / "coreml/apply.py", package, out)
        operations = constants(ct.models.MLModel(str(out), skip_model_load=True))
        count += len(recipe)
        expected = {
            "conv1": {"constexpr_lut_to_dense"}, "blocks_0": {"constexpr_blockwise_shift_scale"},
            "blocks_1": {"constexpr_sparse_blockwise_shift_scale", "constexpr_sparse_to_dense"},
            "head": {"constexpr_sparse_to_dense"},
        }
        for name, kinds in expected.items():
            found = {kind for kind, output in operations if output.startswith(name + "_weight")}
            equal("coremltools", name, found, kinds)
    return count


def constants(model):
    """The operations that make weights, and what they make."""
    program = model.get_spec().mlProgram
    block = next(iter(program.functions["main"].block_specializations.values()))
    return [(op.type, op.outputs[0].name) for op in block.operations if op.type.startswith("constexpr")]


def auto_round():
    """What AutoRound makes of the text for every layer of a model, before it trains."""
    import torch
    from auto_round.compressors.utils import set_layer_config
    from auto_round.utils import INNER_SUPPORTED_LAYER_TYPES, SUPPORTED_LAYER_TYPES, parse_layer_config_arg

    path, recipe = lathe("auto-round", INTEGERS + ["*layers.2.mlp.down_proj=ocp-mxfp4"])
    settings, _, _ = set_layer_config(
        torch_model(), parse_layer_config_arg(path.read_text()), "W4A16", torch.float16, SUPPORTED_LAYER_TYPES,
        INNER_SUPPORTED_LAYER_TYPES)
    for name in linears(torch_model()):
        scheme, found = recipe[name], settings[name]
        if scheme.isKept:
            equal("auto-round", name, found["bits"], 16)
        elif scheme.word == "ocp-mxfp4":
            equal("auto-round", name, (found["data_type"], found["bits"], found["group_size"]), ("mx_fp", 4, 32))
        else:
            equal("auto-round", name, (found["data_type"], found["bits"], found["group_size"], found["sym"]),
                  ("int", scheme.bits, scheme.group or -1, not scheme.affine))
    return len(settings)


def gptqmodel():
    from gptqmodel.quantization.config import QuantizeConfig

    path, recipe = lathe("gptqmodel", INTEGERS)
    config = QuantizeConfig.from_quant_config(json.loads(path.read_text()))
    for name in linears(torch_model()):
        scheme = recipe[name]
        if scheme.isKept:
            equal("GPTQModel", name, config.dynamic_get(name), False)
            continue
        found = tuple(config.dynamic_get(name, key, getattr(config, key)) for key in ("bits", "group_size", "sym"))
        equal("GPTQModel", name, found, (scheme.bits, scheme.group or -1, not scheme.affine))
    return len(recipe)


def exllamav3():
    """Its own reading of a recipe, without its CUDA extension: modules are stand-ins with the model's names."""
    import types

    import yaml

    place = Path(importlib.util.find_spec("exllamav3").submodule_search_locations[0])

    class Linear:
        modules = []

        def __init__(self, key, shape):
            self.key, self.qmap = key, "block"
            self.qbits_key = "head_bits" if key == "lm_head" else "bits"
            self.weights_numel = lambda: shape[0] * shape[1]

    for name in ("exllamav3", "exllamav3.modules", "exllamav3.conversion"):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__path__ = []
    sys.modules["exllamav3.modules.linear"] = types.ModuleType("linear")
    sys.modules["exllamav3.modules.linear"].Linear = Linear
    spec = importlib.util.spec_from_file_location("exllamav3.conversion.allocation", place / "conversion/allocation.py")
    allocation = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = allocation
    spec.loader.exec_module(allocation)

    path, recipe = lathe("exllamav3", ["*self_attn*=int4,group=64", "*mlp*=int3,channel", "*.1.mlp.*=keep", "lm_head=int6,channel"])
    text = yaml.safe_load(path.read_text())
    model = types.SimpleNamespace(modules=[Linear(name, layer.shape) for name, layer in recipe.items() if "embed" not in name])
    found, mean = allocation.create_q_strategy_from_recipe(model, None, None, text["tensors"], text["head_bits"], None)
    for name, layer in recipe.items():
        if "embed" not in name:
            equal("exllamav3", name, found[name], 16 if layer.isKept else layer.bits)
    return len(found)


def gguf():
    """The weights themselves, read by gguf-py."""
    from gguf import GGUFReader

    model = "Samples/shakespeare-llama-f16.gguf"
    path, recipe = lathe("gguf", ["*=q4_k", "*attn_v*=q6_k", "*ffn_down*=q5_0", "token_embd=q8_0", "output=f16"], model, "out.gguf")
    types = {tensor.name: tensor.tensor_type.name.lower() for tensor in GGUFReader(path).tensors}
    for layer in recipe.values():
        if len(layer.shape) > 1:
            equal("gguf", layer.tensor, types[layer.tensor], layer.word)
    return len(types)


def llama():
    """`llama-quantize --dry-run` says every tensor's type."""
    quantize = os.environ["LLAMA_QUANTIZE"]
    model = "Samples/shakespeare-llama-f16.gguf"
    path, recipe = lathe(
        "llama.cpp", ["*=q4_k", "*attn_v*=q6_k", "*ffn_down*=q5_0", "token_embd=q8_0", "output=f16"], model, "types.txt")
    lines = run(
        quantize, "--dry-run", "--tensor-type-file", path, model, FOLDER / "out.gguf", "Q4_K_S").splitlines()
    count = 0
    for name, scheme in recipe.items():
        line = next((line for line in lines if f"] {scheme.tensor} " in line), None)
        if len(scheme.shape) < 2:
            continue
        count += 1
        # A tensor that has its type already is copied, and its own type is told.
        made = re.search(r"\((\w+)\)$", line) or re.search(r"type = +(\w+)", line)
        equal("llama.cpp", name, made[1].lower(), "f16" if scheme.isKept else scheme.word)
    return count


CHECKS = {
    "llama.cpp": (llama, None), "compressed-tensors-config": (compressed_tensors_config, "compressed_tensors"),
    "llm-compressor": (llm_compressor, "llmcompressor"), "mlx-config": (mlx_config, "mlx_lm"),
    "onnxruntime": (onnxruntime, "onnxruntime"), "coremltools": (coremltools, "coremltools"), "torchao": (torchao, "torchao"),
    "auto-round": (auto_round, "auto_round"), "gptqmodel": (gptqmodel, "gptqmodel"), "exllamav3": (exllamav3, "exllamav3"),
    "gguf": (gguf, "gguf"),
}

for target in sys.argv[2:] or CHECKS:
    check, package = CHECKS[target]
    if package and importlib.util.find_spec(package) is None or target == "llama.cpp" and "LLAMA_QUANTIZE" not in os.environ:
        print(f"{target}: left out, {package or 'LLAMA_QUANTIZE'} is not there")
        continue
    print(f"{target}: {check()} layers as the recipe says", flush=True)
