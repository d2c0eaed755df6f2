"""A value on its way into a graph: known while it is written, or a tensor of the graph."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Value(NamedTuple):
    """What a variable of the program is in the graph.

    Attributes:
      tensor: NumPy array where it is known while the graph is written, else whatever the target calls a
        tensor.
      shape: of the tensor. An axis of 1 may stand for any length: it is expanded only where that matters.
    """

    tensor: Any
    shape: tuple

    @property
    def known(self) -> bool:
        """Whether it is a number, not something that depends on the images."""
        return isinstance(self.tensor, np.ndarray)


def number(array) -> Value:
    """A known value."""
    array = np.asarray(array)
    return Value(array, array.shape)


def broadcast(*shapes: tuple) -> tuple:
    """The shape of an operation on each element, of shapes of one rank or of scalars."""
    rank = max(map(len, shapes))
    full = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    return tuple(next((n for n in lengths if n != 1), 1) for lengths in zip(*full))
