"""Faces of many pictures through the network in whole batches, each picture's own back to it, in order."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from dmljax.inference.faces import Faces
from dmljax.inference.model import Model

PATIENCE_S = 5.0


def predicted(model: Model, entries: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, Any, dict | None]]:
    """Entries with what the network says of their faces.

    A picture waits until its batch is full, but not longer than `PATIENCE_S`: where faces are found slowly,
    little is lost if all is ended.

    Args:
      entries: (what a caller knows an entry by, its `Faces` or anything else).

    Yields:
      The entry's two parts, and of `Faces` the outputs of `Model.outputs`, F rows each; else None.
    """
    waiting: deque[tuple[Any, Any]] = deque()
    pixels: list[np.ndarray] = []  # of faces that were not yet predicted
    ready: dict[str, np.ndarray] = {}  # outputs that no picture got yet
    begun = False  # some went through the network already

    def take() -> Iterator[tuple[Any, Any, dict | None]]:
        """What is complete at the head of the queue."""
        nonlocal ready
        while waiting:
            known_by, found = waiting[0]
            count = len(found.pixels) if isinstance(found, Faces) else 0
            if count > len(next(iter(ready.values()), ())):
                return
            waiting.popleft()
            own = {key: values[:count] for key, values in ready.items()} if count else None
            ready = {key: values[count:] for key, values in ready.items()}
            yield known_by, found, own

    def put(count: int, *, last: bool = False) -> None:
        nonlocal ready, begun
        found = model.outputs(np.stack(pixels[:count]), more=begun or not last)
        begun = True
        del pixels[:count]
        ready = {
            key: np.concatenate([ready[key], new]) if key in ready else new for key, new in found.items()
        }

    since = time.monotonic()
    for entry in entries:
        waiting.append(entry)
        if isinstance(entry[1], Faces):
            pixels.extend(entry[1].pixels)
        while len(pixels) >= model.batch:
            put(model.batch)
        if pixels and time.monotonic() - since > PATIENCE_S:
            put(len(pixels))
        if not pixels:
            since = time.monotonic()
        yield from take()
    if pixels:
        put(len(pixels), last=True)
    yield from take()
