"""Writes what the network says of each picture: rows, annotated pictures, and how far a film is."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from dmljax import bars
from dmljax.inference import rows
from dmljax.inference.annotated import Annotated
from dmljax.inference.faces import Faces
from dmljax.inference.model import Model
from dmljax.inference.output import Output
from dmljax.inference.predictions import Predictions, named
from dmljax.inference.stream import Step
from dmljax.inference.tracks import Tracks
from dmljax.types import EXPRESSION, POSE, Skipped

TOGETHER = 50  # pictures of a film between two notes of how far it is


class Writer:
    """Writes pictures in their order."""

    def __init__(
        self,
        model: Model,
        output: Output,
        *,
        form: str,
        embedding: bool,
        smooth: float,
        drawn: Annotated | None,
    ):
        self._model, self._output, self._drawn, self._smooth = model, output, drawn, smooth
        self._row = rows.flat if form == "csv" else rows.nested
        self._embedding = embedding
        self._tracks: Tracks | None = None  # of the film that is being written
        self._pictures = self._faces = 0  # of it, since the last note
        self._frame = -1

    def write(self, step: Step, faces: Faces | Skipped | None, outputs: dict | None) -> bool:
        """Writes one step of `flow.predicted`; returns whether its file is done."""
        name = step.source.name
        if step.over:
            self._end(step)
        elif step.frame is not None:
            self._write_frame(step, faces, outputs)
            return False
        elif isinstance(faces, Faces):
            predictions = self._model.of_outputs(outputs)
            numbers = list(range(len(faces.boxes)))
            self._put({"file": name}, faces.boxes, numbers, predictions)
            if self._drawn:
                self._drawn.photograph(step.source, faces.boxes, predictions)
            self._output.note(name, faces=len(numbers))
        else:
            self._output.note(name, faces=0, lost=faces)
        return True

    def _put(self, place: dict, boxes: np.ndarray, numbers: list[int], predictions: Predictions) -> None:
        self._output.put(self._row(place, boxes, numbers, predictions, embedding=self._embedding))

    def _write_frame(self, step: Step, faces: Faces | Skipped | None, outputs: dict | None) -> None:
        name, frame = step.source.name, step.frame
        if self._tracks is None:
            self._tracks = Tracks(self._smooth, self._output.state.get(name, {}).get("tracks"))
        place = {"file": name, "frame": frame.number, "time": round(frame.time, 3)}
        boxes, predictions = np.zeros((0, 4)), None
        if isinstance(faces, Faces):
            boxes, predictions = faces.boxes, self._model.of_outputs(outputs)
        numbers, predictions = self._followed(frame.time, boxes, predictions)
        if predictions is None:
            self._output.put([place])  # a line that says that there is no face
        else:
            self._put(place, boxes, numbers, predictions)
        if self._drawn:
            self._drawn.frame(step.source, frame, boxes, predictions)
        self._pictures, self._faces, self._frame = (
            self._pictures + 1,
            self._faces + len(numbers),
            frame.number,
        )
        # a film that is drawn begins anew: its file cannot be gone on with
        if self._pictures >= TOGETHER and not self._drawn:
            self._note(name, {"frame": self._frame, "tracks": self._tracks.state()}, None)

    def _followed(
        self, time: float, boxes: np.ndarray, predictions: Predictions | None
    ) -> tuple[list[int], Predictions | None]:
        """Numbers of the faces in the film, and their predictions, smoothed."""
        assert self._tracks is not None
        heads = (
            {EXPRESSION: None, POSE: None}
            if predictions is None
            else {EXPRESSION: predictions.expression_probability, POSE: predictions.pose_probability}
        )
        numbers, smoothed = self._tracks.follow(
            time, boxes, {k: v for k, v in heads.items() if v is not None}
        )
        if predictions is None:
            return numbers, None
        classes, both = self._model.classes, (smoothed.get(EXPRESSION), smoothed.get(POSE))
        return numbers, named(classes, *both, predictions.embedding, predictions.angles)

    def _note(self, name: str, state: dict | None, lost: Skipped | None) -> None:
        self._output.note(name, faces=self._faces, state=state, lost=lost)
        self._pictures = self._faces = 0

    def _end(self, step: Step) -> None:
        if self._drawn:
            self._drawn.close(step.source)
        self._note(step.source.name, None, step.fault)
        self._tracks = None


def everything(
    steps: Iterable[tuple[Step, Faces | Skipped | None, dict | None]], writer: Writer, bar: bars.Bar
):
    """Writes all steps, and counts files on the bar."""
    for step, faces, outputs in steps:
        if step.frame is not None:
            bar.set_postfix_str(f"{step.source.inside} at {step.frame.time:.1f} s", refresh=False)
        if writer.write(step, faces, outputs):
            bar.update(1)
