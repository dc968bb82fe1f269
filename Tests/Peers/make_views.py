"""PyTorch files with views whose signs are turned, as torch 2 saves them, and an archive of arrays of several kinds.

    python3 Tests/Peers/make_views.py     (numpy alone: the pickles are written as torch._utils describes them)

`torch.save({"plain": t, "negative": torch._neg_view(t)})` keeps one storage of t and marks the second tensor with
{"neg": True}, the last argument of `_rebuild_tensor_v2` (torch._utils.get_tensor_metadata). The numbers are 1, -2, 3, -4, 5, -6.
"""

import collections
import io
import os
import pickle
import sys
import types
import zipfile

import numpy as np

FOLDER = os.path.join(os.path.dirname(__file__), "..", "Fixtures", "views")
torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
sys.modules["torch"], sys.modules["torch._utils"] = torch, utils


def _rebuild_tensor_v2(*arguments):
    raise NotImplementedError


class FloatStorage:
    pass


_rebuild_tensor_v2.__module__, FloatStorage.__module__ = "torch._utils", "torch"
utils._rebuild_tensor_v2, torch.FloatStorage, torch._utils = _rebuild_tensor_v2, FloatStorage, utils


class Storage:
    pass


class Tensor:
    def __init__(self, storage, shape, metadata):
        self.arguments = (storage, 0, shape, (shape[1], 1), False, collections.OrderedDict())
        self.arguments += (metadata,) if metadata else ()

    def __reduce__(self):
        return _rebuild_tensor_v2, self.arguments


class Pickler(pickle.Pickler):
    def persistent_id(self, value):
        return ("storage", FloatStorage, "0", "cpu", 6) if isinstance(value, Storage) else None


def save(name, values):
    text = io.BytesIO()
    Pickler(text, 2).dump(values)
    with zipfile.ZipFile(os.path.join(FOLDER, name), "w") as archive:
        archive.writestr("archive/data.pkl", text.getvalue())
        archive.writestr("archive/byteorder", "little")
        archive.writestr("archive/data/0", np.array([1, -2, 3, -4, 5, -6], "<f4").tobytes())
        archive.writestr("archive/version", "3\n")


storage = Storage()
save("negative.pt", {"plain.weight": Tensor(storage, (2, 3), None), "negative.weight": Tensor(storage, (2, 3), {"neg": True})})
save("shared.pt", {"embed.weight": Tensor(storage, (2, 3), None), "lm_head.weight": Tensor(storage, (2, 3), None)})
np.savez(os.path.join(FOLDER, "kinds.npz"), weight=np.arange(6, dtype=np.float32).reshape(2, 3),
         labels=np.array(["a", "b"]), things=np.array([{"a": 1}, None], dtype=object))
