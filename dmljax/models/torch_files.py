"""Tensors of a file that PyTorch saved, read without PyTorch and without running what the file says.

A pickle can call any function. This reader knows the few names that a dict of tensors consists of, turns
them into plain values, and refuses a file with any other. Both formats are read: zip archives, and the older
row of pickles with the numbers behind them.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import ml_dtypes
import numpy as np

from dmljax.types import UserError

MAGIC = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)  # what a file of the older format begins with
PROTOCOL = 1001
RECORD = "data.pkl"  # the pickle of an archive

_TYPES = {
    "DoubleStorage": np.float64,
    "FloatStorage": np.float32,
    "HalfStorage": np.float16,
    "BFloat16Storage": ml_dtypes.bfloat16,
    "LongStorage": np.int64,
    "IntStorage": np.int32,
    "ShortStorage": np.int16,
    "CharStorage": np.int8,
    "ByteStorage": np.uint8,
    "BoolStorage": np.bool_,
}


class Storage(NamedTuple):
    """A row of numbers of one type, of which tensors are views: its key in the file and its length."""

    key: str
    dtype: np.dtype
    length: int


class Tensor(NamedTuple):
    """A tensor as the pickle describes it; its numbers are looked up when all of it is read."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # in numbers

    def of(self, numbers: np.ndarray, name: str) -> np.ndarray:
        """Its array, a copy in order.

        Raises:
          UserError: it reaches beyond its storage.
        """
        last = self.offset + sum((n - 1) * step for n, step in zip(self.shape, self.strides))
        inside = min((self.offset, *self.shape, *self.strides)) >= 0 and len(self.shape) == len(self.strides)
        size = math.prod(self.shape)
        if not inside or size > len(numbers) or (size and last >= len(numbers)):
            raise UserError(f"is damaged: the tensor '{name}' reaches beyond its {len(numbers)} numbers")
        steps = [step * numbers.itemsize for step in self.strides]
        view = np.lib.stride_tricks.as_strided(numbers[self.offset :], self.shape, steps, writeable=False)
        return np.array(view, order="C")


def is_archive(file: BinaryIO) -> bool:
    """Whether it is a zip archive of PyTorch."""
    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as archive:
        return any(name.rpartition("/")[2] == RECORD for name in archive.namelist())


def read(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a file, which holds a dict of them or dicts of such dicts.

    Returns:
      array by name; of an inner dict, with its key and a dot before it: 'state_dict.conv1.weight'.

    Raises:
      UserError: it is damaged, no file of PyTorch's, or holds more than tensors and plain values. The text
        does not name the file.
    """
    try:
        with path.open("rb") as file:
            return (_archive if is_archive(file) else _older)(file)
    except UserError:
        raise
    except Exception as error:  # a damaged pickle or archive raises whatever it comes to
        reason = " ".join(str(error).split())
        raise UserError(f"is damaged or cut short: {type(error).__name__}: {reason}") from None


class _Unpickler(pickle.Unpickler):
    """Makes plain values of the names of tensors, and refuses any other name."""

    def __init__(self, file: BinaryIO):
        super().__init__(file, encoding="utf-8")
        self.storages: dict[str, Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module in ("torch", "torch.storage") and name in _TYPES:
            return np.dtype(_TYPES[name])
        known = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch", "Size"): tuple,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            ("torch._utils", "_rebuild_parameter"): _parameter,
        }
        if (module, name) not in known:
            raise UserError(
                f"holds '{module}.{name}', which is no tensor and is not run here; in PyTorch, save the"
                " weights alone: torch.save(model.state_dict(), FILE)"
            )
        return known[module, name]

    def persistent_load(self, pid: Any) -> Storage:
        kind, dtype, key, _, length, *rest = pid
        if kind != "storage" or not isinstance(dtype, np.dtype) or any(view is not None for view in rest):
            raise UserError(f"is no file of weights: it refers to '{str(pid):.60}'")
        return self.storages.setdefault(str(key), Storage(str(key), dtype, int(length)))


def _tensor(storage, offset, shape, strides, *_) -> Tensor:
    return Tensor(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))


def _parameter(tensor, *_) -> Tensor:
    return tensor


def _archive(file: BinaryIO) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        record = next(name for name in names if name.rpartition("/")[2] == RECORD)
        folder = record.removesuffix(RECORD)
        if f"{folder}byteorder" in names and archive.read(f"{folder}byteorder") != b"little":
            raise UserError("was written on a machine of the other byte order; save it anew on this one")
        tensors = _named(_Unpickler(io.BytesIO(archive.read(record))).load())
        numbers = {}
        for storage in {tensor.storage for tensor in tensors.values()}:
            entry = archive.getinfo(f"{folder}data/{storage.key}")
            if entry.file_size != storage.length * storage.dtype.itemsize:
                raise UserError(
                    f"is damaged: storage {storage.key} has {entry.file_size:,} bytes, not"
                    f" {storage.length:,} numbers of {storage.dtype}"
                )
            numbers[storage.key] = np.frombuffer(archive.read(entry), storage.dtype)
    return {name: tensor.of(numbers[tensor.storage.key], name) for name, tensor in tensors.items()}


def _older(file: BinaryIO) -> dict[str, np.ndarray]:
    """The format before PyTorch 1.6: pickles of the magic number, the protocol, the system, the values and
    the storages' keys, then the numbers of each storage behind their count.
    """
    file.seek(0)
    if file.read(len(MAGIC)) != MAGIC:
        raise UserError("is no file that PyTorch saved")
    protocol, system, values = (_Unpickler(file) for _ in range(3))
    if protocol.load() != PROTOCOL or not system.load().get("little_endian", True):
        raise UserError("is of an unknown protocol or the other byte order; save it anew")
    tensors, numbers = _named(values.load()), {}
    for key in _Unpickler(file).load():
        storage, count = values.storages.get(key), int.from_bytes(file.read(8), "little", signed=True)
        if storage is None or count != storage.length:
            raise UserError(f"is damaged: storage {key} is of no tensor, or of another length")
        content = file.read(count * storage.dtype.itemsize)
        if len(content) < count * storage.dtype.itemsize:
            raise UserError(f"is cut short: storage {key} has {len(content):,} bytes")
        numbers[key] = np.frombuffer(content, storage.dtype)
    return {name: tensor.of(numbers[tensor.storage.key], name) for name, tensor in tensors.items()}


def _named(found: Any) -> dict[str, Tensor]:
    """The tensors of nested dicts by their keys, with dots between; what has another key is passed over.

    A dict that is met twice, which would let a small file describe endlessly many tensors, is taken once.
    """
    tensors: dict[str, Tensor] = {}
    waiting, seen = [("", found)], set()
    while waiting:
        prefix, inner = waiting.pop()
        if not isinstance(inner, dict) or id(inner) in seen:
            continue
        seen.add(id(inner))
        for key, value in inner.items():
            if isinstance(value, Tensor) and isinstance(key, str):
                tensors[prefix + key] = value
            elif isinstance(key, str):
                waiting.append((f"{prefix}{key}.", value))
    return tensors
