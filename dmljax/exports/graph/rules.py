"""How JAX's operations are said in the few that a target has; a function each."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from string import ascii_lowercase

import numpy as np

from dmljax.exports.graph import parts, windows
from dmljax.exports.graph.values import Value, broadcast, number
from dmljax.exports.graph.windows import Unknown

UNARY = "exp log tanh logistic sqrt neg abs floor ceil erf sign sin cos not".split()
BINARY = "add sub mul div max min pow lt le gt ge eq and or".split()
REDUCE = {"reduce_sum": "sum", "reduce_max": "max", "reduce_min": "min", "reduce_prod": "prod"}


def _unary(kind: str, target, operation, x: Value) -> list[Value]:
    return [Value(target.unary(kind, target.tensor(x)), x.shape)]


def _binary(kind: str, target, operation, x: Value, y: Value) -> list[Value]:
    return [_pair(target, kind, x, y)]


def _pair(target, kind: str, x: Value, y: Value) -> Value:
    return Value(target.binary(kind, target.tensor(x), target.tensor(y)), broadcast(x.shape, y.shape))


def _like(operation, value: float) -> Value:
    """A number of the type of the operation's first input."""
    return number(np.asarray(value, operation.invars[0].aval.dtype))


def _ne(target, operation, x, y):
    return _unary("not", target, operation, _pair(target, "eq", x, y))


def _rsqrt(target, operation, x):
    root = Value(target.unary("sqrt", target.tensor(x)), x.shape)
    return [_pair(target, "div", _like(operation, 1), root)]


def _square(target, operation, x):
    return [_pair(target, "mul", x, x)]


def _integer_pow(target, operation, x):
    exponent = operation.params["y"]
    if exponent == 2:
        return _square(target, operation, x)
    return [_pair(target, "pow", x, _like(operation, exponent))]


def _log1p(target, operation, x):
    return _unary("log", target, operation, _pair(target, "add", x, _like(operation, 1)))


def _expm1(target, operation, x):
    power = Value(target.unary("exp", target.tensor(x)), x.shape)
    return [_pair(target, "sub", power, _like(operation, 1))]


def _clamp(target, operation, low, x, high):
    return [_pair(target, "min", _pair(target, "max", x, low), high)]


def _select(target, operation, chosen, *cases):
    if len(cases) != 2 or operation.invars[0].aval.dtype != bool:
        raise Unknown("a choice among more than two")
    no, yes = cases
    tensor = target.where(*(target.tensor(each) for each in (chosen, yes, no)))
    return [Value(tensor, broadcast(chosen.shape, yes.shape, no.shape))]


def _cast(target, operation, x):
    return [Value(target.cast(target.tensor(x), np.dtype(operation.params["new_dtype"])), x.shape)]


def _same(target, operation, x):
    return [x]


def _broadcast(target, operation, x):
    """A reshape alone: the axes that grow are expanded where that matters."""
    places = operation.params["broadcast_dimensions"]
    shape = [1] * len(operation.params["shape"])
    for axis, place in enumerate(places):
        shape[place] = x.shape[axis]
    return [target.shaped(x, tuple(shape))]


def _reshape(target, operation, x):
    whole = target.full(x, operation.invars[0].aval.shape)
    return [target.shaped(whole, operation.outvars[0].aval.shape)]


def _transpose(target, operation, x):
    order = operation.params["permutation"]
    return [windows.transposed(target, x, order)]


def _reduce(kind: str, target, operation, x):
    axes = tuple(operation.params["axes"])
    whole = target.full(x, operation.invars[0].aval.shape)
    return [Value(target.reduce(kind, target.tensor(whole), axes), operation.outvars[0].aval.shape)]


def _argument(kind: str, target, operation, x):
    (axis,) = operation.params["axes"]
    whole = target.full(x, operation.invars[0].aval.shape)
    tensor = target.argument(kind, target.tensor(whole), axis, np.dtype(operation.params["index_dtype"]))
    return [Value(tensor, operation.outvars[0].aval.shape)]


def _product(target, operation, x, y):
    (of_x, of_y), (batch_x, batch_y) = operation.params["dimension_numbers"]
    x, y = (target.full(value, place.aval.shape) for value, place in zip((x, y), operation.invars))
    shape = operation.outvars[0].aval.shape
    if (len(x.shape), len(y.shape), tuple(of_x), tuple(of_y), batch_x) == (2, 2, (1,), (0,), ()):
        return [Value(target.matmul(target.tensor(x), target.tensor(y)), shape)]
    letters = iter(ascii_lowercase)
    names_x, names_y = [""] * len(x.shape), [""] * len(y.shape)
    for a, b in [*zip(batch_x, batch_y), *zip(of_x, of_y)]:
        names_x[a] = names_y[b] = next(letters)
    names_x, names_y = ([name or next(letters) for name in names] for names in (names_x, names_y))
    free = lambda names, *used: [name for k, name in enumerate(names) if not any(k in u for u in used)]
    result = [names_x[a] for a in batch_x] + free(names_x, batch_x, of_x) + free(names_y, batch_y, of_y)
    equation = f"{''.join(names_x)},{''.join(names_y)}->{''.join(result)}"
    return [Value(target.einsum(equation, target.tensor(x), target.tensor(y)), shape)]


RULES: dict[str, Callable] = {
    **{kind: partial(_unary, kind) for kind in UNARY},
    **{kind: partial(_binary, kind) for kind in BINARY},
    **{name: partial(_reduce, kind) for name, kind in REDUCE.items()},
    **{kind: partial(_argument, kind) for kind in ("argmax", "argmin")},
    "broadcast_in_dim": _broadcast,
    "clamp": _clamp,
    "concatenate": parts.concatenate,
    "conv_general_dilated": windows.convolution,
    "convert_element_type": _cast,
    "copy": _same,
    "copy_p": _same,
    "dot_general": _product,
    "expand_dims": _reshape,
    "expm1": _expm1,
    "gather": parts.gather,
    "integer_pow": _integer_pow,
    "log1p": _log1p,
    "ne": _ne,
    "pad": parts.pad,
    "reduce_precision": _same,
    "reduce_window_max": windows.maximum,
    "reduce_window_sum": windows.total,
    "reshape": _reshape,
    "rev": parts.reverse,
    "rsqrt": _rsqrt,
    "select_n": _select,
    "slice": parts.cut,
    "split": parts.split,
    "stack": parts.stack,
    "square": _square,
    "squeeze": _reshape,
    "stop_gradient": _same,
    "transpose": _transpose,
}
