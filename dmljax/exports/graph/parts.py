"""Operations on parts of arrays: cutting, taking, putting side by side, padding."""

from __future__ import annotations

import numpy as np

from dmljax.exports.graph.values import Value
from dmljax.exports.graph.windows import Unknown


def concatenate(target, operation, *several) -> list[Value]:
    """Values along an axis that they have."""
    axis, shape = operation.params["dimension"], operation.outvars[0].aval.shape
    parts = [target.full(x, place.aval.shape) for x, place in zip(several, operation.invars)]
    return [Value(target.concatenate([target.tensor(part) for part in parts], axis), shape)]


def cut(target, operation, x) -> list[Value]:
    """A part, of images every one."""
    own, shape = operation.invars[0].aval.shape, operation.outvars[0].aval.shape
    limits, options = operation.params["limit_indices"], operation.params
    steps = options["strides"] or (1,) * len(own)
    wanted = {}
    for axis, (first, last, step) in enumerate(zip(options["start_indices"], limits, steps)):
        if (first, last, step) != (0, own[axis], 1):
            if not isinstance(last, int):
                raise Unknown("a part of a batch")
            wanted[axis] = (first, last, step)
    whole = target.full(x, own)
    return [Value(target.cut(target.tensor(whole), wanted), shape) if wanted else whole]


def split(target, operation, x) -> list[Value]:
    """Parts along an axis."""
    axis, first, found = operation.params["axis"], 0, []
    whole = target.tensor(target.full(x, operation.invars[0].aval.shape))
    for size, place in zip(operation.params["sizes"], operation.outvars):
        found.append(Value(target.cut(whole, {axis: (first, first + size, 1)}), place.aval.shape))
        first += size
    return found


def reverse(target, operation, x) -> list[Value]:
    """Axes backwards."""
    whole = target.full(x, operation.invars[0].aval.shape)
    return [Value(target.reverse(target.tensor(whole), operation.params["dimensions"]), whole.shape)]


def pad(target, operation, x, value) -> list[Value]:
    """A border of a known value."""
    config = operation.params["padding_config"]
    if any(int(inner) != 0 or int(low) < 0 or int(high) < 0 for low, high, inner in config):
        raise Unknown("padding between elements, or a negative one")
    if not value.known:
        raise Unknown("padding with a computed value")
    pads = [(int(low), int(high)) for low, high, _ in config]
    whole = target.full(x, operation.invars[0].aval.shape)
    tensor = target.pad(target.tensor(whole), pads, value.tensor)
    return [Value(tensor, operation.outvars[0].aval.shape)]


def gather(target, operation, x: Value, indices: Value) -> list[Value]:
    """One window, or whole rows along one axis, by numbers that are known."""
    of, sizes = operation.params["dimension_numbers"], operation.params["slice_sizes"]
    own, shape = operation.invars[0].aval.shape, operation.outvars[0].aval.shape
    if not indices.known or of.operand_batching_dims:
        raise Unknown("places that are computed")
    if indices.tensor.ndim == 1:
        return [_window(target, target.full(x, own), of.start_index_map, indices.tensor, sizes, shape)]
    axes = of.collapsed_slice_dims
    whole = [size == own[axis] for axis, size in enumerate(sizes) if axis not in axes]
    if not (len(axes) == 1 and of.start_index_map == axes and all(whole) and indices.tensor.ndim == 2):
        raise Unknown("only whole rows along one axis are taken")
    # other axes stay in their order, and the one that is taken from keeps its place
    if tuple(of.offset_dims) != tuple(axis for axis in range(len(own)) if axis != axes[0]):
        raise Unknown("the axes change their order")
    numbers = np.clip(indices.tensor[:, 0], 0, own[axes[0]] - 1).astype(np.int64)
    return [Value(target.take(target.tensor(target.full(x, own)), axes[0], numbers), shape)]


def _window(target, x: Value, axes, firsts, sizes, shape) -> Value:
    cut = {
        axis: (first, first + sizes[axis], 1)
        for axis, first in zip(axes, (int(first) for first in firsts))
        if sizes[axis] != x.shape[axis]
    }
    found = target.cut(target.tensor(x), cut) if cut else target.tensor(x)
    return target.shaped(Value(found, tuple(sizes)), shape)


def stack(target, operation, *several: Value) -> list[Value]:
    """Values along a new axis."""
    axis, shape = operation.params["axis"], operation.outvars[0].aval.shape
    parts = [target.full(x, place.aval.shape) for x, place in zip(several, operation.invars)]
    one = shape[:axis] + (1,) + shape[axis + 1 :]
    found = [target.tensor(target.shaped(part, one)) for part in parts]
    return [Value(target.concatenate(found, axis), shape)]
