"""Makes Tests/Fixtures/torch-grids.json: what the tools on torch, and coremltools, themselves make of a model's weights.

    python3 Tests/Peers/make_torch_grids.py
    (torch on a processor, torchao, llmcompressor, auto-round, coremltools; gptqmodel without its dependencies)

Two weights of Samples/shakespeare-llama, in bfloat16, in half precision as they are stored and in single precision, are quantised by the
tools' own functions, before any calibration: torchao's quantize_, what llm-compressor's oneshot does to a module and compressed-tensors
makes of it, the quantiser that GPTQModel starts from, auto-round's roundings without learnt values, and coremltools'
linear_quantize_weights. Rows of the file: the tool (its target), the layer, the type of the model's floats, the SPEC that the
recipe has, t2 = |w' - w|^2 / |w|^2 with w' as the tool stores it, multiplied out in double precision, and the bytes of codes,
scales, zero points and indices as the tool's own checkpoint has them (of a Core ML model without what aligns them).
"""
import json
import os
import sys
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import numpy as np
import torch
from safetensors.torch import load_file

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ["model.layers.0.self_attn.k_proj", "model.layers.1.mlp.down_proj"]
FLOATS = {"bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32}
BUFFERS = ("qweight", "scales", "qzeros", "g_idx")
stored = load_file(ROOT / "Samples/shakespeare-llama/model.safetensors")


def weight(layer, floats):
    return stored[layer + ".weight"].to(FLOATS[floats])


def t2(made, w):
    made, w = (np.asarray(part.detach().double()) for part in (made, w))
    return float(((made - w) ** 2).sum() / (w ** 2).sum())


def linear(w):
    module = torch.nn.Linear(w.shape[1], w.shape[0], bias=False, dtype=w.dtype)
    module.weight = torch.nn.Parameter(w.clone(), requires_grad=False)
    return module


def spread(codes, scale, zero):
    """Codes multiplied out: scales and zero points are those of the tensor, of rows or of groups along them."""
    scale = scale.double().reshape(*((codes.shape[0], -1) if scale.numel() > 1 else (1, 1)), 1)
    groups = codes.double().reshape(scale.shape[0], scale.shape[1], -1)
    zero = torch.zeros(()) if zero is None else zero.double().reshape(scale.shape)
    return ((groups - zero) * scale).reshape(codes.shape)


def torchao(w):
    from torchao.quantization import (
        Float8WeightOnlyConfig, Int8WeightOnlyConfig, IntxWeightOnlyConfig, MappingType, PerAxis, PerGroup, quantize_)

    def made(config):
        model = torch.nn.Sequential(linear(w))
        quantize_(model, config, filter_fn=None)
        found = model.state_dict()["0.weight"]
        size = sum(getattr(found, name).nbytes for name in found.__tensor_flatten__()[0])
        return spread(found.qdata, found.scale, getattr(found, "zero_point", None)), size

    for bits in range(2, 9):
        for word, mapping in (("symmetric", MappingType.SYMMETRIC), ("affine", MappingType.ASYMMETRIC)):
            for place, granularity in (("group=32", PerGroup(32)), ("group=64", PerGroup(64)), ("channel", PerAxis(0))):
                spec = f"int{bits},{place},{word}"
                if spec == "int8,channel,symmetric":
                    yield spec, *made(Int8WeightOnlyConfig(version=2))
                    continue
                kind = getattr(torch, f"int{bits}")
                yield spec, *made(IntxWeightOnlyConfig(weight_dtype=kind, granularity=granularity, mapping_type=mapping))
    yield "fp8-e4m3,channel", *made(Float8WeightOnlyConfig())


def llm_compressor(w):
    for bits in range(2, 9):
        for affine in (False, True):
            for place in ("group=32", "channel", "tensor"):
                args = {"num_bits": bits, "type": "int", "symmetric": not affine, "strategy": place.split("=")[0]}
                if place == "group=32":
                    args["group_size"] = 32
                yield f"int{bits},{place},{'affine' if affine else 'symmetric'}", *compressed(w, args)
    for place in ("channel", "tensor"):
        yield f"fp8-e4m3,{place}", *compressed(w, {"num_bits": 8, "type": "float", "strategy": place})
    for spec, bits, strategy, size, kind in (
            ("ocp-mxfp4", 4, "group", 32, torch.uint8), ("ocp-mxfp8", 8, "group", 32, torch.uint8),
            ("nvidia-nvfp4", 4, "tensor_group", 16, torch.float8_e4m3fn)):
        yield spec, *compressed(w, {
            "num_bits": bits, "type": "float", "strategy": strategy, "group_size": size, "scale_dtype": kind, "zp_dtype": kind})


def compressed(w, args):
    """What llm-compressor's modifier gives a module, and compressed-tensors makes of it for the checkpoint."""
    from compressed_tensors.compressors import compress_module
    from compressed_tensors.compressors.nvfp4.helpers import unpack_fp4_from_uint8
    from compressed_tensors.compressors.pack_quantized.helpers import unpack_from_int32
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme, initialize_module_for_quantization
    from llmcompressor.modifiers.quantization.calibration import (
        freeze_module_quantization, initialize_observer, observe, update_qparams)

    args = QuantizationArgs(**args, observer="memoryless_minmax", dynamic=False)
    module = linear(w)
    initialize_module_for_quantization(module, QuantizationScheme(targets=["Linear"], weights=args))
    initialize_observer(module, "weight")
    observe(module, "weight")
    update_qparams(module, "weight")
    freeze_module_quantization(module)
    compress_module(module)
    parts = module.state_dict()
    scale, zero = parts["weight_scale"], parts.get("weight_zero_point")
    if args.type == "int":
        codes = unpack_from_int32(parts["weight_packed"], args.num_bits, w.shape)
        if zero is not None and args.strategy != "tensor":
            zero = unpack_from_int32(zero, args.num_bits, scale.shape, packed_dim=0)
    elif args.num_bits == 4:
        codes = unpack_fp4_from_uint8(parts["weight_packed"], *w.shape, dtype=torch.float32)
    else:
        codes = parts["weight"]
    if scale.dtype == torch.uint8:
        scale = 2 ** (scale.double() - 127)
    if "weight_global_scale" in parts:
        scale = scale.double() / parts["weight_global_scale"].double()
    return spread(codes, scale, zero), sum(part.nbytes for part in parts.values())


def gptqmodel(w):
    from gptqmodel.quantization.config import QuantizeConfig
    from gptqmodel.quantization.quantizer import Quantizer
    from gptqmodel.nn_modules.qlinear.torch import TorchLinear

    for bits in (2, 3, 4, 8):
        for affine in (False, True):
            for group in (32, 64, -1):
                quantizer = Quantizer(qcfg=QuantizeConfig(bits=bits, group_size=group, sym=not affine))
                quantizer.configure(perchannel=True)
                size = w.shape[1] if group < 0 else group
                parts = []
                for part in w.float().split(size, 1):
                    quantizer.find_params(part, weight=True)
                    # The checkpoint keeps scales in half precision.
                    scale, zero = quantizer.scale.half().float(), quantizer.zero
                    codes = torch.clamp(torch.round(part / scale) + zero, 0, 2 ** bits - 1)
                    parts.append(scale.double() * (codes - zero).double())
                rows, columns = w.shape
                module = TorchLinear(bits, group, not affine, False, columns, rows, bias=False, register_buffers=True)
                size = sum(part.nbytes for name, part in module.named_buffers() if name in BUFFERS)
                place = "channel" if group < 0 else f"group={group}"
                yield f"int{bits},{place},{'affine' if affine else 'symmetric'}", torch.cat(parts, 1), size


def auto_round(w):
    from auto_round.data_type.int import quant_tensor_asym, quant_tensor_sym
    from auto_round_extension.torch.qlinear_torch import QuantLinear

    for bits in (2, 3, 4, 8):
        for group in (32, 64, -1):
            for word, function in (("symmetric", quant_tensor_sym), ("affine", quant_tensor_asym)):
                made = function(w.float(), bits=bits, group_size=group)[0]
                module = QuantLinear(bits, group, w.shape[1], w.shape[0], bias=False)
                size = sum(part.nbytes for name, part in module.named_buffers() if name in BUFFERS)
                yield f"int{bits},{'channel' if group < 0 else f'group={group}'},{word}", made, size
    for spec, bits, group, kind in (("ocp-mxfp4", 4, 32, "mx_fp"), ("ocp-mxfp8", 8, 32, "mx_fp"), ("nvidia-nvfp4", 4, 16, "nv_fp")):
        yield spec, *small_floats(w, bits, group, kind)


def small_floats(w, bits, group, kind):
    """auto-round's floats, and the module that its checkpoint has."""
    from auto_round.data_type.mxfp import quant_mx
    from auto_round.data_type.nvfp import calculate_gparam, nv_fp4
    from auto_round.export.export_to_autoround.qlinear_fp import QuantLinear

    wide = w.float()
    made, scale, _ = quant_mx(wide, bits, group) if kind == "mx_fp" else nv_fp4(wide, bits, group)
    module = QuantLinear(bits, group, w.shape[1], w.shape[0], bias=False, data_type=kind + str(bits), act_bits=16)
    whole = calculate_gparam(wide) if kind == "nv_fp" else None
    module.pack(linear(wide), scale.reshape(w.shape[0], -1), global_scale=whole)
    return made, sum(part.nbytes for part in module.state_dict().values())


def coremltools(w):
    import coremltools as ct
    import coremltools.optimize.coreml as cto

    precision = ct.precision.FLOAT16 if w.dtype == torch.float16 else ct.precision.FLOAT32
    net = linear(w.float()).eval()
    x = torch.rand(1, w.shape[1])
    model = ct.convert(
        torch.jit.trace(net, x), inputs=[ct.TensorType(shape=x.shape)], compute_precision=precision,
        minimum_deployment_target=ct.target.iOS18, skip_model_load=True)
    for bits in (4, 8):
        for affine in (False, True):
            for place in ("tensor", "channel", "group=32"):
                words = {"granularity": {"tensor": "per_tensor", "channel": "per_channel"}.get(place, "per_block")}
                if place == "group=32":
                    words["block_size"] = 32
                config = cto.OpLinearQuantizerConfig(
                    mode="linear" if affine else "linear_symmetric", dtype=f"{'u' if affine else ''}int{bits}",
                    weight_threshold=0, **words)
                done = cto.linear_quantize_weights(model, cto.OptimizationConfig(global_config=config))
                made, size = constant(done, w.shape)
                yield f"int{bits},{place},{'affine' if affine else 'symmetric'}", torch.from_numpy(made), size


def constant(model, shape):
    """The weight that a model's one compressed constant stands for, and the bytes of its parts."""
    from coremltools.converters.mil.frontend.milproto.load import load

    spec = model.get_spec()
    program = load(spec, spec.specificationVersion, model.weights_dir)
    for operation in program.functions["main"].operations:
        if operation.op_type == "constexpr_blockwise_shift_scale":
            parts = [getattr(operation, name) for name in ("data", "scale", "offset")]
            size = sum((part.val.size * part.dtype.get_bitwidth() + 7) // 8 for part in parts if part is not None)
            data, scale, offset = (None if part is None else np.asarray(part.val, np.float64) for part in parts)
            wide = [np.repeat(part, data.shape[1] // part.shape[1], 1) for part in (scale, np.zeros(()) + scale * 0 if offset is None else offset)]
            return ((data - wide[1]) * wide[0]).reshape(shape), size
    sys.exit("coremltools: nothing was quantised")


def main():
    tools = {"torchao": torchao, "llm-compressor": llm_compressor, "gptqmodel": gptqmodel, "auto-round": auto_round,
             "coremltools": coremltools}
    path = Path(os.environ.get("OUT", ROOT / "Tests/Fixtures/torch-grids.json"))
    known = json.loads(path.read_text()) if path.exists() else []
    rows = []
    for tool in sys.argv[1:] or tools:
        own = []
        try:
            for layer in LAYERS:
                for floats in FLOATS if tool != "coremltools" else ("f16", "f32"):
                    w = weight(layer, floats)
                    for spec, made, size in tools[tool](w):
                        own.append({"tool": tool, "name": layer, "floats": floats, "spec": spec, "t2": t2(made, w), "bytes": size})
        except ImportError as error:
            print(f"{tool} is not installed ({error}): its rows stay", file=sys.stderr)
            own = [row for row in known if row["tool"] == tool]
        rows += own
    path.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
    print(len(rows), "rows")


main()
