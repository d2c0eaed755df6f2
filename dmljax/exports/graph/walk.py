"""Walks through a JAX program and writes it as a graph of another runtime, operation by operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import export
from jax.extend import core

from dmljax.exports.graph import rules
from dmljax.exports.graph.values import Value, number
from dmljax.types import UserError

# Operations that hold a program which is run once, and the name under which they have it.
CALLS = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "core_call": "call_jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "checkpoint": "jaxpr",
    "remat2": "jaxpr",
}
PLATFORM, CHOICE = "platform_index", "cond"  # what `jax.lax.platform_dependent` makes
BATCH = "n"  # name of the number of images


def write(function: Callable, size: int, target) -> dict[str, Any]:
    """Writes a function of images into a target.

    What does not depend on the images is computed here. Of alternatives for several platforms, the one that
    is not for a CPU is taken: it has the fewer and larger operations.

    Args:
      function: uint8 [N, size, size, 3] -> named arrays.
      size: side of the images in pixels.
      target: see `onnx_target.Target`.

    Returns:
      The target's tensors by name.

    Raises:
      UserError: the program has an operation that the target lacks; the text names it.
    """
    (images,) = export.symbolic_shape(BATCH)
    shape = (images, size, size, 3)
    closed, outputs = jax.make_jaxpr(function, return_shape=True)(jax.ShapeDtypeStruct(shape, np.uint8))
    found = _run(closed.jaxpr, closed.consts, [Value(target.images, shape)], target)
    values = jax.tree.unflatten(jax.tree.structure(outputs), found)
    whole = {name: target.full(value, outputs[name].shape) for name, value in values.items()}
    return {name: target.tensor(value) for name, value in whole.items()}


def _run(program: core.Jaxpr, constants, inputs: list[Value], target) -> list[Value]:
    known: dict[Any, Value] = dict(zip(program.constvars, map(number, constants)))
    known |= dict(zip(program.invars, inputs))
    read = lambda place: number(place.val) if isinstance(place, core.Literal) else known[place]
    for operation in program.eqns:
        found = _one(operation, [read(place) for place in operation.invars], target)
        known |= dict(zip(operation.outvars, found))
    return [read(place) for place in program.outvars]


def _one(operation: core.JaxprEqn, inputs: list[Value], target) -> list[Value]:
    name, options = operation.primitive.name, operation.params
    if name in CALLS:
        return _inside(options[CALLS[name]], inputs, target)
    if name == PLATFORM:
        others = [k for k, platforms in enumerate(options["platforms"]) if platforms is None]
        return [number(np.int32(others[0] if others else 0))]
    if name == CHOICE and inputs[0].known:
        branches = options["branches"]
        chosen = int(np.clip(inputs[0].tensor, 0, len(branches) - 1))
        return _inside(branches[chosen], inputs[1:], target)
    if all(value.known and value.shape == place.aval.shape for value, place in zip(inputs, operation.invars)):
        if all(isinstance(n, int) for place in operation.outvars for n in place.aval.shape):
            found = operation.primitive.bind(*(value.tensor for value in inputs), **options)
            return [number(each) for each in (found if operation.primitive.multiple_results else [found])]
    rule = rules.RULES.get(name)
    if rule is None:
        raise UserError(
            f"the network uses JAX's operation '{name}' ({_place(operation)}), which has no counterpart in"
            f" {target.name} here; choose another format, such as stablehlo",
            parameter="format",
        )
    try:
        return rule(target, operation, *inputs)
    except rules.Unknown as error:
        raise UserError(
            f"the network uses JAX's operation '{name}' ({_place(operation)}) in a way that has no"
            f" counterpart in {target.name} here: {error}; choose another format, such as stablehlo",
            parameter="format",
        ) from None


def _inside(program, inputs: list[Value], target) -> list[Value]:
    closed = isinstance(program, core.ClosedJaxpr)
    return _run(*((program.jaxpr, program.consts) if closed else (program, ())), inputs, target)


def _place(operation: core.JaxprEqn) -> str:
    """Where in the network an operation stands, as Flax names modules."""
    return str(operation.source_info.name_stack) or "outside of all modules"
