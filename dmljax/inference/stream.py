"""Photographs and the pictures of films, one after another with their faces, read by several processes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from dmljax.inference import films, pool, reader
from dmljax.inference.faces import Box, Faces, Rule
from dmljax.inference.reader import Picture
from dmljax.inference.sources import VIDEO, Source
from dmljax.types import Skipped, Unreadable
from dmljax.workers import cores


class Step(NamedTuple):
    """What a picture is, or the end of a film.

    Attributes:
      source: the file.
      frame: of a film's picture; its pixels are None where they are not kept.
      over: there are no more pictures of this film.
      fault: of a film that is over before its end, why.
    """

    source: Source
    frame: films.Frame | None = None
    over: bool = False
    fault: Skipped | None = None


def pictures(
    files: list[Source],
    *,
    rule: Rule,
    boxes: list[list[Box]] | None = None,
    rate: float = 0.0,
    jobs: int = 0,
    state: dict[str, dict] | None = None,
    keep: bool = False,
) -> Iterator[tuple[Step, Faces | Skipped | None]]:
    """Every picture in order, with its faces or why it has none; None where a film is over.

    Args:
      boxes: of each file, if they are known.
      rate: of a film at most so many pictures a second; 0: all.
      jobs: processes; 0: one for each core.
      state: of films that were begun, the number of the last 'frame' that is done.
      keep: keep the pixels of films.
    """
    steps: deque[Step] = deque()

    def given() -> Iterator[Picture]:
        for k, file in enumerate(files):
            if file.kind != VIDEO:
                steps.append(Step(file))
                yield Picture(file.name, boxes=None if boxes is None else boxes[k])
                continue
            fault = None
            try:
                after = (state or {}).get(file.name, {}).get("frame", -1)
                for frame in films.frames(file.name, rate=rate, after=after):
                    steps.append(Step(file, frame if keep else frame._replace(pixels=None)))
                    yield Picture(file.name, frame.pixels)
            except Unreadable as error:
                fault = Skipped.after(file.name, error)
            steps.append(Step(file, over=True, fault=fault))

    jobs = jobs or cores()
    if all(file.kind != VIDEO for file in files):
        jobs = max(1, min(jobs, len(files)))
    for found in pool.results(partial(reader.start, rule), given(), jobs):
        while steps[0].over:
            yield steps.popleft(), None
        step = steps.popleft()
        lost = isinstance(found, pool.Lost)
        yield step, Skipped(step.source.name, found.reason, "cannot be read") if lost else found
    yield from ((step, None) for step in steps)
