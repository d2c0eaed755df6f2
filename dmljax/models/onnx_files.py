"""Weights in an ONNX file by name; nothing of the program in it is run.

Exporters keep a layer's names, 'conv1.weight', or number their constants and name layers by their outputs.
So a convolution's kernel and what it adds have their own names where these end in '.weight' and '.bias', and
are else '<its output>.weight' and '<its output>.bias'. All other constants keep their names.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dmljax import extras
from dmljax.types import UserError

MAGIC = b"\x08"  # the first field of a model is its version, a whole number
ROLES = ("weight", "bias")  # of a convolution's inputs after the picture


def read(path: Path) -> dict[str, np.ndarray] | None:
    """All constants by name; None of a file that is no model with nodes.

    Raises:
      UserError: the package that reads it is missing, or constants lie in another file or are damaged.
    """
    extras.require("export", "onnx", purpose="weights in an .onnx file")
    import onnx
    from google.protobuf.message import DecodeError

    try:
        graph = onnx.load(str(path), load_external_data=False).graph
    except DecodeError:
        return None
    if not graph.node:
        return None
    arrays = _constants(graph)
    named, renamed, kept = {}, set(), set()
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name not in arrays:
                continue
            role = ROLES[place - 1] if node.op_type == "Conv" and place else ""
            if role and not name.endswith(f".{role}"):
                named[f"{node.output[0]}.{role}"] = arrays[name]
                renamed.add(name)
            else:
                kept.add(name)
    return named | {name: array for name, array in arrays.items() if name in kept or name not in renamed}


def _constants(graph) -> dict[str, np.ndarray]:
    """Initial values, and tensors that are nodes of their own, by name."""
    import onnx
    from onnx import numpy_helper

    tensors = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if not node.output and node.op_type in ("Constant", "Conv"):
            raise UserError(f"is damaged (a {node.op_type} without an output)")
        for attribute in node.attribute if node.op_type == "Constant" else ():
            if attribute.name == "value":
                tensors[node.output[0]] = attribute.t
    elsewhere = onnx.TensorProto.EXTERNAL
    if outside := next((name for name, tensor in tensors.items() if tensor.data_location == elsewhere), ""):
        raise UserError(f"keeps '{outside}' in another file; save the model in one file")
    try:
        return {name: numpy_helper.to_array(tensor) for name, tensor in tensors.items()}
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"is damaged ({' '.join(str(error).split())})") from None
