"""Functions of the caller's own that a training calls: after steps, epochs and saves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

NAMES = ("on_step", "on_epoch", "on_save")


class Hooks:
    """All hooks of a training as one.

    A hook is any object with some of these methods; what they return is not used, and what they raise ends
    the training as it would end the caller's own loop:

    - `on_step(step, scalars)`: losses, weights and the like of an optimizer step, floats by name. They are
      fetched with the next line of the log (`train.log_every`), lest the devices wait; then every step's
      come, in order.
    - `on_epoch(epoch, scores)`: number of epochs that are over; 'loss', the fixed combination's mean, and of
      the validation people, if there are any, 'validation/loss', 'validation/accuracy/expression' and so on.
    - `on_save(kind, step, folder)`: 'last' or 'best', and where this checkpoint lies now.

    Raises:
      TypeError: an object without any of them.
    """

    def __init__(self, hooks: Iterable[Any] = ()):
        if not isinstance(hooks, Iterable):
            raise TypeError(f"hooks must be a list of objects with methods such as on_step; got {hooks!r}")
        self._hooks = tuple(hooks)
        for hook in self._hooks:
            if not any(callable(getattr(hook, name, None)) for name in NAMES):
                raise TypeError(
                    f"a hook must have one of the methods {', '.join(NAMES)}; got {type(hook).__name__}"
                )

    def and_also(self, hooks: Iterable[Any]) -> Hooks:
        """These hooks, and others after them."""
        return Hooks((*self._hooks, *hooks))

    def step(self, step: int, scalars: Mapping[str, float]) -> None:
        self._call("on_step", step, scalars)

    def epoch(self, epoch: int, scores: Mapping[str, float]) -> None:
        self._call("on_epoch", epoch, scores)

    def save(self, kind: str, step: int, folder: Path) -> None:
        self._call("on_save", kind, step, folder)

    def _call(self, name: str, *arguments) -> None:
        for hook in self._hooks:
            if method := getattr(hook, name, None):
                method(*arguments)
