"""Weights in an ONNX file, by the names of what the layers make; nothing of the program in it is run.

Exporters name constants by numbers and layers by their outputs, so a convolution's kernel is here
'<its output>.weight' and what it adds '<its output>.bias'. All other constants keep their names.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dmljax import extras
from dmljax.types import UserError

MAGIC = b"\x08"  # the first field of a model is its version, a whole number
ROLES = ("weight", "bias")  # of a convolution's inputs after the picture


def is_model(path: Path) -> bool:
    """Whether a file, which begins with `MAGIC`, can be read as a model with nodes.

    Raises:
      UserError: the package that reads it is missing.
    """
    return bool(_graph(path))


def read(path: Path) -> dict[str, np.ndarray]:
    """All constants by name.

    Raises:
      UserError: some lie in another file, or are damaged.
    """
    from onnx import numpy_helper

    graph = _graph(path)
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    if outside := next((name for name, tensor in tensors.items() if tensor.external_data), ""):
        raise UserError(f"keeps '{outside}' in another file; save the model in one file")
    try:
        arrays = {name: numpy_helper.to_array(tensor) for name, tensor in tensors.items()}
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"is damaged ({' '.join(str(error).split())})") from None
    named, used = {}, set()
    for node in graph.node:
        if node.op_type != "Conv":
            continue
        for role, name in zip(ROLES, node.input[1:]):
            if name in arrays:
                named[f"{node.output[0]}.{role}"] = arrays[name]
                used.add(name)
    return named | {name: array for name, array in arrays.items() if name not in used}


def _graph(path: Path):
    """The program of a model, or None."""
    extras.require("export", "onnx", purpose="weights in an .onnx file")
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(str(path), load_external_data=False)
    except DecodeError:
        return None
    return model.graph if model.graph.node else None
