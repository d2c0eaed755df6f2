"""Faces of a film over time: which of two pictures are one, and probabilities that follow it smoothly."""

from __future__ import annotations

import numpy as np

from dmljax.boxes import overlap

SAME = 0.3  # share that two boxes of one face have in common, intersection over union
PATIENCE_S = 1.0  # how long a face may be lost and be the same
LEAST = 1e-12  # below the least probability that is told apart from 0


class Tracks:
    """The faces of one film.

    A face's logarithms of probabilities are smoothed exponentially: with s seconds of smoothing and t seconds
    since its last picture, l <- a l + (1 - a) log p, a = exp(-t / s), and probabilities are the softmax of l.
    """

    def __init__(self, smooth: float = 0.0, state: dict | None = None):
        """
        Args:
          smooth: seconds after which an earlier picture counts 1 / e; 0: not at all.
          state: of `state`, to go on there.
        """
        self._smooth = smooth
        self._next = state["next"] if state else 0
        self._known: list[dict] = [dict(one) for one in state["known"]] if state else []

    def state(self) -> dict:
        """What JSON can hold, from which another one goes on."""
        return {"next": self._next, "known": self._known}

    def follow(
        self, time: float, boxes: np.ndarray, probability: dict[str, np.ndarray]
    ) -> tuple[list[int], dict[str, np.ndarray]]:
        """(numbers of the faces, their smoothed probabilities) of one picture.

        Args:
          time: seconds.
          boxes: float [F, 4].
          probability: by head, float32 [F, classes].
        """
        self._known = [one for one in self._known if time - one["time"] <= PATIENCE_S]
        numbers, smoothed = [], {head: np.array(values, np.float32) for head, values in probability.items()}
        for k, track in enumerate(self._matched(boxes)):
            if track is None:
                track = {"number": self._next, "logs": {}}
                self._next += 1
                self._known.append(track)
            for head, values in probability.items() if self._smooth > 0 else ():
                logs = np.log(np.maximum(values[k].astype(np.float64), LEAST))
                if head in track["logs"]:
                    share = np.exp(-(time - track["time"]) / self._smooth)
                    logs = share * np.array(track["logs"][head]) + (1 - share) * logs
                powers = np.exp(logs - logs.max())
                smoothed[head][k] = powers / powers.sum()
                track["logs"][head] = logs.tolist()
            track |= {"time": time, "box": [float(edge) for edge in boxes[k]]}
            numbers.append(track["number"])
        return numbers, smoothed

    def _matched(self, boxes: np.ndarray) -> list[dict | None]:
        """The known face of each box; the pairs that overlap most come first."""
        pairs = [
            (overlap(box, track["box"]), k, t)
            for k, box in enumerate(boxes)
            for t, track in enumerate(self._known)
        ]
        of: dict[int, int] = {}
        for shared, k, t in sorted(pairs, reverse=True):
            if shared >= SAME and k not in of and t not in of.values():
                of[k] = t
        return [self._known[of[k]] if k in of else None for k in range(len(boxes))]
