"""Files as PyTorch writes them, made without PyTorch: zip archives and the older row of pickles."""

import io
import pickle
import sys
import types
import zipfile
from collections import OrderedDict
from unittest import mock

import numpy as np

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
STORAGES = {
    "float32": "FloatStorage",
    "float16": "HalfStorage",
    "int64": "LongStorage",
    "float64": "DoubleStorage",
}


def modules():
    """Stand-ins for PyTorch's modules, so that a pickle can name what is in them."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in STORAGES.values():
        setattr(torch, name, type(name, (), {"__module__": "torch"}))

    def _rebuild_tensor_v2(*args):
        raise AssertionError("nothing is run while writing")

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    torch._utils, utils._rebuild_tensor_v2 = utils, _rebuild_tensor_v2
    return {"torch": torch, "torch._utils": utils}


class Storage:
    """A row of numbers under a key."""

    def __init__(self, key, numbers):
        self.key, self.numbers = str(key), np.ascontiguousarray(numbers).ravel()


class View:
    """A tensor as a view of a storage; strides in numbers."""

    def __init__(self, storage, shape, strides, offset=0):
        self.storage, self.shape, self.strides, self.offset = storage, shape, strides, offset


def views(arrays):
    """Every array as the whole of a storage of its own."""
    found = OrderedDict()
    for key, (name, array) in enumerate(arrays.items()):
        steps = tuple(step // array.itemsize for step in np.ascontiguousarray(array).strides)
        found[name] = View(Storage(key, array), array.shape, steps if array.ndim else ())
    return found


def pickled(value, *, older=False):
    """(pickle of a value in which views are tensors, the storages in it by key)."""
    fake, storages, out = modules(), {}, io.BytesIO()

    class Pickler(pickle.Pickler):
        def persistent_id(self, thing):
            if not isinstance(thing, Storage):
                return None
            storages[thing.key] = thing.numbers
            kind = getattr(fake["torch"], STORAGES[str(thing.numbers.dtype)])
            return ("storage", kind, thing.key, "cpu", thing.numbers.size) + ((None,) if older else ())

        def reducer_override(self, thing):
            if not isinstance(thing, View):
                return NotImplemented
            given = thing.storage, thing.offset, thing.shape, thing.strides, False, OrderedDict()
            return fake["torch._utils"]._rebuild_tensor_v2, given

    with mock.patch.dict(sys.modules, fake):
        Pickler(out, protocol=2).dump(value)
    return out.getvalue(), storages


def archive(path, value):
    """A zip archive, as since PyTorch 1.6."""
    record, storages = pickled(value)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("weights/data.pkl", record)
        file.writestr("weights/byteorder", "little")
        for key, numbers in storages.items():
            file.writestr(f"weights/data/{key}", numbers.tobytes())
        file.writestr("weights/version", "3\n")
    return path


def older(path, value):
    """The format before."""
    record, storages = pickled(value, older=True)
    with open(path, "wb") as file:
        for part in (MAGIC, PROTOCOL, {"protocol_version": PROTOCOL, "little_endian": True}):
            pickle.dump(part, file, protocol=2)
        file.write(record)
        pickle.dump(sorted(storages), file, protocol=2)
        for key in sorted(storages):
            file.write(storages[key].size.to_bytes(8, "little") + storages[key].tobytes())
    return path
