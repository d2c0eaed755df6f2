"""Weights in a file of another library: PyTorch's, safetensors, NumPy's or ONNX, read as arrays by name."""

from __future__ import annotations

import json
import math
import zipfile
from importlib import metadata
from pathlib import Path

import ml_dtypes
import numpy as np

from dmljax.models import onnx_files, torch_files
from dmljax.types import UserError, nearest

PACKAGE = "package:"  # what the name of an installed package that ships weights begins with
FORMS = (
    ".pth",
    ".pt",
    ".bin",
    ".safetensors",
    ".npz",
    ".onnx",
)  # endings of files of weights in such a package
MOST_HEADER = 100 * 2**20  # bytes of a safetensors header, the limit of its own library

_TYPES = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U8": np.uint8,
    "BOOL": np.bool_,
}


def located(name: str) -> Path:
    """The file that a path, or 'package:NAME' with the name of an installed package, leads to.

    Raises:
      UserError: it is not there, or the package has no file of weights, or several.
    """
    if not name.startswith(PACKAGE):
        path = Path(name).expanduser()
        if not path.is_file():
            raise UserError(
                f"'{name}' is no file; give a .pth, .safetensors, .npz or .onnx file, or {PACKAGE}NAME of"
                " an installed package that has one"
            )
        return path
    package, _, inner = name.removeprefix(PACKAGE).partition("/")
    try:
        distribution = metadata.distribution(package)
    except (metadata.PackageNotFoundError, ValueError):
        raise UserError(f"the package '{package}' is not installed; pip install {package}") from None
    files = {file.as_posix(): file for file in distribution.files or () if file.suffix in FORMS}
    chosen = [path for path in files if path == inner or not inner]
    if len(chosen) != 1:
        if not files:
            raise UserError(f"the package '{package}' has no file of weights ({', '.join(FORMS)})")
        raise UserError(
            f"the package '{package}' has {', '.join(files)}; name one of its files,"
            f" {PACKAGE}{package}/FILE.{nearest(inner, files)}"
        )
    return Path(str(distribution.locate_file(files[chosen[0]])))


def read(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a file by their names, in the file's own layout and types.

    What the file is, its first bytes tell, not its name.

    Raises:
      UserError: it cannot be read; it holds no array, or one with numbers that are not finite.
    """
    try:
        arrays = _read(path)
    except UserError as error:
        raise UserError(f"'{path}' {error.message}") from None
    except OSError as error:
        raise UserError(f"'{path}' cannot be read ({error.strerror or error})") from None
    if not arrays:
        raise UserError(f"'{path}' holds no tensor by name")
    for name, array in arrays.items():
        real = array.dtype.kind == "f" or array.dtype == ml_dtypes.bfloat16
        if real and not np.isfinite(array.astype(np.float32)).all():
            raise UserError(f"'{path}' has numbers that are not finite in '{name}'; take another file")
    return arrays


def _read(path: Path) -> dict[str, np.ndarray]:
    with path.open("rb") as file:
        start, size = file.read(9), path.stat().st_size
        if start.startswith(torch_files.MAGIC[:9]) or torch_files.is_archive(file):
            return torch_files.read(path)
    header = int.from_bytes(start[:8], "little")
    if start[8:] == b"{" and header <= size - 8:
        return _safetensors(path, header)
    if zipfile.is_zipfile(path):
        return _npz(path)
    if start.startswith(onnx_files.MAGIC) and (arrays := onnx_files.read(path)) is not None:
        return arrays
    raise UserError(
        "is no file of weights, or is cut short: known are .pth of PyTorch 0.1.10 and later, .safetensors,"
        " .npz and .onnx"
    )


def _npz(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (ValueError, OSError, zipfile.BadZipFile, EOFError) as error:
        raise UserError(f"is no .npz of arrays, or is damaged ({' '.join(str(error).split())})") from None


def _safetensors(path: Path, length: int) -> dict[str, np.ndarray]:
    """A header in JSON, its length before it in 8 bytes: name -> dtype, shape and place in what follows."""
    if length > MOST_HEADER:
        raise UserError(f"is no .safetensors: its header would be of {length:,} bytes")
    with path.open("rb") as file:
        file.seek(8)
        header, content = file.read(length), file.read()
    arrays = {}
    try:
        entries = json.loads(header)
        for name, entry in entries.items():
            if name == "__metadata__":
                continue
            dtype, shape, (begin, end) = _TYPES[entry["dtype"]], tuple(entry["shape"]), entry["data_offsets"]
            if not 0 <= begin <= end <= len(content) or min(shape, default=0) < 0:
                raise UserError(f"is cut short: '{name}' ends at {end:,} of {len(content):,} bytes")
            if end - begin != math.prod(shape) * np.dtype(dtype).itemsize:
                raise UserError(f"is damaged: '{name}' has {end - begin:,} bytes for {list(shape)}")
            arrays[name] = np.frombuffer(content[begin:end], dtype).reshape(shape)
    except UserError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise UserError("has a damaged header") from None
    return arrays
