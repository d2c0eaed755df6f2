"""Films: their pictures one after another, upright and with their times, by PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dmljax import extras
from dmljax.types import Unreadable

ROUNDING = 1e-6  # of times, as a share of the time between two pictures


class Frame(NamedTuple):
    """A picture of a film.

    Attributes:
      number: from 0, of all pictures of the film.
      time: seconds since the film's beginning.
      pixels: uint8 [H, W, 3], RGB.
    """

    number: int
    time: float
    pixels: np.ndarray


def require() -> None:
    """Raises UserError where what reads films is not installed."""
    extras.require("video", "av", purpose="films")


def frames(path: str | Path, *, rate: float = 0.0, after: int = -1) -> Iterator[Frame]:
    """The pictures of a film.

    Args:
      rate: at most so many a second are taken, the first of each part of that length; 0: all.
      after: number of the picture behind which to begin.

    Raises:
      UserError: PyAV is not installed.
      Unreadable: the file has no pictures, or cannot be decoded from there on.
    """
    require()
    import av

    taken = -1  # the part of the film, each 1 / rate long, of which a picture was taken last
    try:
        with av.open(str(path)) as film:
            if not film.streams.video:
                raise Unreadable("has no pictures", "has no pictures")
            stream = film.streams.video[0]
            stream.thread_type = "AUTO"
            per_second = float(stream.average_rate or 25)
            count = 0
            for number, frame in enumerate(film.decode(stream)):
                count += 1
                time = number / per_second if frame.time is None else float(frame.time)
                part = int(time * rate + ROUNDING)
                if rate and part == taken:
                    continue
                taken = part
                if number > after:
                    yield Frame(number, time, _upright(frame))
            if not count:
                raise Unreadable("has no pictures", "has no pictures")
    except OSError as error:
        raise Unreadable(f"cannot be read ({error.strerror or error})", "cannot be read") from None
    except av.error.FFmpegError as error:
        raise Unreadable(f"cannot be decoded ({error.strerror or error})", "cannot be decoded") from None


def _upright(frame) -> np.ndarray:
    """A telephone stores how it was held beside its pictures."""
    turns = round(getattr(frame, "rotation", 0) / 90) % 4  # counterclockwise
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), turns))
