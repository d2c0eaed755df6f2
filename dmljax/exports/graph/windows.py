"""Operations on windows of images: convolutions, maxima and sums."""

from __future__ import annotations

import numpy as np

from dmljax.exports.graph.values import Value, number

IMAGES, KERNEL = (0, 3, 1, 2), (3, 2, 0, 1)  # JAX's names for [N, H, W, C] and [H, W, in, out]


class Unknown(ValueError):
    """An operation is used in a way that no rule knows; the text says what."""


def transposed(target, x: Value, order) -> Value:
    """The axes of a value in another order."""
    order = tuple(order)
    if order == tuple(range(len(order))):
        return x
    shape = tuple(x.shape[axis] for axis in order)
    return number(x.tensor.transpose(order)) if x.known else Value(target.transpose(x.tensor, order), shape)


def convolution(target, operation, x: Value, kernel: Value) -> list[Value]:
    """A convolution of images, in whatever order the axes are."""
    options, numbers = operation.params, operation.params["dimension_numbers"]
    if len(numbers.lhs_spec) != 4 or any(n != 1 for n in options["lhs_dilation"]):
        raise Unknown("only convolutions over rows and columns, not transposed")
    if options["batch_group_count"] != 1:
        raise Unknown("groups of images")
    x, kernel = (target.full(value, place.aval.shape) for value, place in zip((x, kernel), operation.invars))
    images = transposed(target, x, _order(numbers.lhs_spec, IMAGES))
    filters = transposed(target, kernel, _order(numbers.rhs_spec, KERNEL))
    made = target.convolution(
        target.tensor(images),
        filters,
        strides=tuple(options["window_strides"]),
        pads=[(int(low), int(high)) for low, high in options["padding"]],
        dilation=tuple(options["rhs_dilation"]),
        groups=options["feature_group_count"],
        size=images.shape[1:3],
    )
    shape = operation.outvars[0].aval.shape
    back = _order(IMAGES, numbers.out_spec)
    inside = tuple(shape[axis] for axis in _order(numbers.out_spec, IMAGES))
    return [transposed(target, Value(made, inside), back)]


def _order(has, wants) -> tuple[int, ...]:
    """The permutation from one order of axes to another; either as JAX writes it, the place of each role."""
    roles = {place: role for role, place in enumerate(wants)}
    return tuple(has[roles[place]] for place in range(len(wants)))


def _window(operation) -> tuple[tuple, tuple, list[tuple[int, int]]]:
    """(size, strides, padding) over rows and columns."""
    options = operation.params
    window, strides, padding = (options[k] for k in ("window_dimensions", "window_strides", "padding"))
    dilated = any(n != 1 for key in ("base_dilation", "window_dilation") for n in options[key])
    whole = (window[0], window[-1], strides[0], strides[-1])
    if len(window) != 4 or dilated or whole != (1, 1, 1, 1) or any(map(any, (padding[0], padding[-1]))):
        raise Unknown("only windows over rows and columns of [N, H, W, C]")
    return tuple(window[1:3]), tuple(strides[1:3]), [(int(low), int(high)) for low, high in padding[1:3]]


def maximum(target, operation, x: Value) -> list[Value]:
    """The largest value of each window."""
    whole = target.full(x, operation.invars[0].aval.shape)
    made = target.maximum(target.tensor(whole), *_window(operation))
    return [Value(made, operation.outvars[0].aval.shape)]


def total(target, operation, x: Value) -> list[Value]:
    """The sum of each window: a convolution of each channel with ones."""
    size, strides, pads = _window(operation)
    whole = target.full(x, operation.invars[0].aval.shape)
    channels = whole.shape[-1]
    ones = number(np.ones((*size, 1, channels), operation.invars[0].aval.dtype))
    made = target.convolution(
        target.tensor(whole),
        ones,
        strides=strides,
        pads=pads,
        dilation=(1, 1),
        groups=channels,
        size=whole.shape[1:3],
    )
    return [Value(made, operation.outvars[0].aval.shape)]
