"""Writes the PyTorch files of Tests/Fixtures/pytorch, in every form that torch still writes and some that it only reads.

    torch_files.py FOLDER      (pip install torch numpy)

Not one of the make_*.py: storages are called by their address in the old form, so no two runs give the same bytes.
make_torch_values.py says what torch reads in these files.
"""
import argparse
import io
import json
import pickle
import struct
import sys
import tarfile
import warnings
import zipfile
from pathlib import Path

import numpy as np
import torch

warnings.filterwarnings("ignore")
OUT = Path(sys.argv[1])
TYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16,
         torch.int8, torch.uint8, torch.bool, torch.complex64, torch.complex128]
NEW_TYPES = [torch.uint16, torch.uint32, torch.uint64, torch.float8_e4m3fn, torch.float8_e5m2,
             torch.float8_e4m3fnuz, torch.float8_e5m2fnuz, torch.float8_e8m0fnu]


def counted(*shape):
    return torch.arange(float(np.prod(shape))).reshape(shape) - 3


def state(types):
    whole = counted(6, 8)
    weights = {"w.weight": whole, "w.bias": whole[2], "transposed": whole.t(), "part": whole[1:5:2, 3:6],
               "expanded": counted(3, 1).expand(3, 4), "scalar": torch.tensor(2.5), "none": torch.zeros(0, 4),
               "last.weight": counted(4, 3, 2, 5).to(memory_format=torch.channels_last),
               "parameter": torch.nn.Parameter(counted(2, 2)), "tied": whole,
               "one": counted(5)[2:3].reshape(1, 1)}
    for kind in types:
        weights[f"type.{str(kind)[6:]}"] = counted(3, 3).abs().to(kind)[1:]
    return weights


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(2, 3, 3)
        self.norm = torch.nn.BatchNorm2d(3)
        self.head = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 4, bias=False))
        self.again = self.head[2]
        self.register_buffer("unsaved", torch.ones(2), persistent=False)
        self.register_buffer("saved", torch.full((2,), 7.0))
        self.plain = torch.ones(5)

    def forward(self, x):
        y = self.head(self.norm(self.conv(x)).mean((2, 3))) + torch.tensor([1.0, 2.0, 3.0, 4.0])
        return y + self.saved.sum()


def rezip(data, name, change=lambda name, data: data, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(OUT / name, "w", method) as new:
        for member in old.infolist():
            if member.filename.endswith(".debug_pkl"):
                continue
            new.writestr(member.filename, change(member.filename, old.read(member)))


def saved(value, **options):
    out = io.BytesIO()
    torch.save(value, out, **options)
    return out.getvalue()


def big_endian():
    tensors = {"double": counted(3).double(), "float": counted(2, 3), "half": counted(4).half(),
               "turned": counted(2, 3).t(), "byte": torch.arange(5, dtype=torch.uint8)}
    sizes = {"0": 8, "1": 4, "2": 2, "3": 4, "4": 1}

    def change(name, data):
        if name.endswith("/byteorder"):
            return b"big"
        parent, key = name.split("/")[-2:]
        if parent != "data":
            return data
        return np.frombuffer(data, f"u{sizes[key]}").byteswap().tobytes()

    rezip(saved(tensors), "big-endian.pt", change)


def tar():
    """As PyTorch before 0.1.10 wrote it: a tar of "storages", "tensors" and "pickle"."""
    storages, tensors, main = io.BytesIO(), io.BytesIO(), io.BytesIO()
    values = counted(3, 4)
    pickle.dump(1, storages, 2)
    pickle.dump((11, "cpu", torch.FloatStorage), storages, 2)
    storages.write(struct.pack("<q", 12) + values.numpy().tobytes())
    pickle.dump([(12, 11, 4, 8)], storages, 2)
    pickle.dump(3, tensors, 2)
    for key, storage, shape, stride, offset in [(1, 11, (3, 4), (4, 1), 0), (2, 11, (4, 3), (1, 4), 0),
                                                (3, 12, (2, 3), (4, 1), 1)]:
        pickle.dump((key, storage, torch.FloatTensor), tensors, 2)
        tensors.write(struct.pack(f"<i4x{2 * len(shape) + 1}q", len(shape), *shape, *stride, offset))

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            return value.key if isinstance(value, Key) else None

    class Key:
        def __init__(self, key):
            self.key = key

    Pickler(main, 2).dump({"w.weight": Key("1"), "turned": Key("2"), "view": Key("3"), "epoch": 2})
    with tarfile.open(OUT / "ancient.tar.pt", "w", format=tarfile.PAX_FORMAT) as file:
        for name, part in [("sys_info", io.BytesIO(pickle.dumps({}, 2))), ("storages", storages),
                           ("tensors", tensors), ("pickle", main)]:
            info = tarfile.TarInfo(name)
            info.size = len(part.getvalue())
            file.addfile(info, io.BytesIO(part.getvalue()))


def shards():
    folder = OUT / "shards"
    folder.mkdir(exist_ok=True)
    parts = [{"a.weight": counted(2, 3), "a.bias": counted(2)}, {"b.weight": counted(3, 2).half()}]
    places = {}
    for number, part in enumerate(parts, 1):
        name = f"pytorch_model-{number:05}-of-00002.bin"
        torch.save(part, folder / name, _use_new_zipfile_serialization=number == 1)
        places.update(dict.fromkeys(part, name))
    (folder / "pytorch_model.bin.index.json").write_text(
        json.dumps({"metadata": {"total_size": 44}, "weight_map": places}, indent=2) + "\n")
    (folder / "config.json").write_text('{"architectures": ["BertModel"]}\n')


def main():
    torch.manual_seed(1)
    torch.save(state(TYPES + NEW_TYPES), OUT / "state.pt")
    torch.save(state(TYPES), OUT / "state-legacy.pt", _use_new_zipfile_serialization=False)
    rezip(saved(state(TYPES)), "state-deflated.pt", method=zipfile.ZIP_DEFLATED)
    torch.save(state([torch.float32]), OUT / "state-protocol-4.pt", pickle_protocol=4)
    big_endian()

    net = Net().eval()
    torch.save(net, OUT / "module.pt")
    # The old form keeps the modules' sources beside them, where it finds them.
    torch.serialization.get_source_lines_and_file = None
    torch.save(net, OUT / "module-legacy.pt", _use_new_zipfile_serialization=False)
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.ones(1, 2, 5, 5)).sum().backward()
    optimizer.step()
    torch.save({"epoch": 3, "model": net.state_dict(), "optimizer": optimizer.state_dict(), "loss": np.float64(0.25),
                "args": argparse.Namespace(lr=0.1), "name": "net", "rng": torch.arange(4, dtype=torch.uint8)},
               OUT / "training.pt")
    traced = io.BytesIO()
    torch.jit.save(torch.jit.trace(net, torch.ones(1, 2, 5, 5)), traced)
    rezip(traced.getvalue(), "traced.pt")

    torch.save({"q": torch.quantize_per_tensor(counted(2, 3), 0.5, 3, torch.qint8),
                "c": torch.quantize_per_channel(counted(2, 3), torch.tensor([0.5, 0.25]).double(), torch.tensor([0, 1]),
                                                0, torch.quint8)}, OUT / "quantised.pt")
    torch.save({"s": torch.eye(3).to_sparse(), "r": torch.eye(3).to_sparse_csr()}, OUT / "sparse.pt")
    torch.save(counted(2, 3), OUT / "single.pt")
    arrays = {"layers": [{"w": counted(3, 4).numpy(), "f": np.asfortranarray(counted(2, 3).numpy())}],
              "big": np.arange(4, dtype=">i2"), "half": np.arange(3, dtype=np.float16), "names": np.array(["a"]),
              "count": np.int64(5), "tensor": counted(2, 2)}
    for protocol in (2, 4, 5):
        (OUT / f"plain-{protocol}.pkl").write_bytes(pickle.dumps(arrays, protocol))
    tar()
    shards()


OUT.mkdir(parents=True, exist_ok=True)
main()
