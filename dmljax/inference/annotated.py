"""Photographs and films with their faces drawn in, as JPEG files and MP4 films in a folder."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from dmljax import writing
from dmljax.data import images
from dmljax.inference import drawing
from dmljax.inference.films import Frame
from dmljax.inference.predictions import Predictions
from dmljax.inference.sources import Source

FOLDER = "annotated"
JPEG, QUALITY = ".jpg", 90
FILM, TICKS = ".mp4", 1000  # of a second, in which the times of pictures are written


class Annotated:
    """OUT/annotated: one file for each source, named as it is below the folder that was given."""

    def __init__(self, out: Path, files: list[Source]):
        self._folder = out / FOLDER
        times = Counter(file.inside for file in files)
        # of two files with one name in two folders both have a number
        self._names = {
            file.name: f"{k}_{Path(file.inside).name}" if times[file.inside] > 1 else file.inside
            for k, file in enumerate(files)
        }
        self._films: dict[str, _Film] = {}

    def photograph(self, source: Source, boxes: np.ndarray, predictions: Predictions) -> None:
        """Draws the faces into a photograph, which is read once more."""
        picture = images.decode(Path(source.name).read_bytes())[0]
        path = self._path(source, JPEG)
        with writing.whole(path) as part:
            shown = drawing.draw(picture, boxes, drawing.labels(predictions))
            shown.save(part, "JPEG", quality=QUALITY)

    def frame(self, source: Source, frame: Frame, boxes: np.ndarray, predictions: Predictions | None) -> None:
        """Draws the faces into a film's next picture."""
        if source.name not in self._films:
            self._films[source.name] = _Film(self._path(source, FILM))
        labels = [] if predictions is None else drawing.labels(predictions)
        self._films[source.name].add(frame.time, drawing.draw(Image.fromarray(frame.pixels), boxes, labels))

    def close(self, source: Source) -> None:
        """Ends a source's film, if there is one."""
        if film := self._films.pop(source.name, None):
            film.close()

    def _path(self, source: Source, ending: str) -> Path:
        name = self._names[source.name]
        path = self._folder / (name if name.lower().endswith(ending) else name + ending)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


class _Film:
    """A film in the making; it is there when it is closed."""

    def __init__(self, path: Path):
        self._path, self._part = path, path.with_name(f".{path.name}.part")
        self._film = self._stream = None
        self._last = -1

    def add(self, time: float, picture: Image.Image) -> None:
        import av

        if self._film is None:
            self._film = av.open(str(self._part), "w", format="mp4")
            self._stream = self._film.add_stream("mpeg4", rate=TICKS)
            # encoders want even sides
            self._stream.width, self._stream.height = (2 * (side // 2) for side in picture.size)
            self._stream.pix_fmt, self._stream.bit_rate = "yuv420p", 4_000_000
        size = self._stream.width, self._stream.height
        frame = av.VideoFrame.from_image(picture.crop((0, 0, *size)))
        # each picture at its own time; two at one time are one too many for the file
        self._last = max(round(time * TICKS), self._last + 1)
        frame.pts = self._last
        self._film.mux(self._stream.encode(frame))

    def close(self) -> None:
        if self._film is not None:
            self._film.mux(self._stream.encode())
            self._film.close()
            self._part.replace(self._path)
