"""What a network says of faces: classes, probabilities, yaw and embeddings, as arrays with names."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from dmljax import extras
from dmljax.types import ANGLE_NAMES, EXPRESSION, POSE, counted

SHOWN = 8  # images in a text of predictions


class Predictions(NamedTuple):
    """What a model says of N images.

    Attributes:
      expression: the likeliest class of each, N texts; None for a model without an expression head.
      expression_probability: float32 [N, classes], in the order of `expression_names`, or None.
      pose: the likeliest pose class of each, N texts; None for a model without a pose head.
      pose_probability: float32 [N, poses], in the order of `pose_names`, or None.
      yaw: degrees, float32 [N]: mean of the classes' yaws, weighted by their probabilities; positive to the
        person's own left. nan where no class is a yaw; None without a pose head.
      embedding: float32 [N, E], of unit length if it was trained so.
      expression_names, pose_names: the classes.
      angles: yaw, pitch and roll in degrees, float32 [N, 3], nan for one that was not learnt; None without a
        head for angles.
      angles_names: those of 'yaw', 'pitch' and 'roll' that were learnt.
    """

    expression: np.ndarray | None
    expression_probability: np.ndarray | None
    pose: np.ndarray | None
    pose_probability: np.ndarray | None
    yaw: np.ndarray | None
    embedding: np.ndarray
    expression_names: tuple[str, ...] = ()
    pose_names: tuple[str, ...] = ()
    angles: np.ndarray | None = None
    angles_names: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """A line an image, of the first few; NumPy's own text of all arrays would fill the screen."""
        count = len(self.embedding)
        lines = [f"Predictions of {counted(count, 'image')}"]
        lines += [f"  {self._words(k)}" for k in range(min(count, SHOWN))]
        return "\n".join([*lines, f"  and {count - SHOWN:,} more"] if count > SHOWN else lines)

    def _words(self, k: int) -> str:
        """'happiness (0.93), pose 45 (1.00), yaw 43.1' of an image."""
        words = []
        if self.expression is not None:
            words.append(f"{self.expression[k]} ({self.confidence[k]:.2f})")
        if self.pose is not None:
            words.append(f"pose {self.pose[k]} ({self.pose_confidence[k]:.2f})")
        if self.yaw is not None and np.isfinite(self.yaw[k]):
            words.append(f"yaw {self.yaw[k]:.1f}")
        words += [f"{name} {angle[k]:.1f} by the head" for name, angle in self.known_angles().items()]
        return ", ".join(words) or "an embedding alone"

    @property
    def confidence(self) -> np.ndarray | None:
        """Probability of the likeliest expression, float32 [N]."""
        return None if self.expression_probability is None else self.expression_probability.max(1)

    @property
    def pose_confidence(self) -> np.ndarray | None:
        """Probability of the likeliest pose, float32 [N]."""
        return None if self.pose_probability is None else self.pose_probability.max(1)

    def columns(self, *, embedding: bool = False) -> dict[str, np.ndarray]:
        """One column a value: expression, confidence, expression_<class>, pose, pose_confidence,
        pose_<class>, yaw; of a head for angles those that it learnt, as head_yaw, head_pitch and head_roll;
        with `embedding` also embedding_0 and so on. What there is no head for is left out.
        """
        found: dict[str, Any] = {}
        heads = (
            (EXPRESSION, "confidence", self.confidence, self.expression_names),
            (POSE, "pose_confidence", self.pose_confidence, self.pose_names),
        )
        for head, name, confidence, classes in heads:
            probability = getattr(self, f"{head}_probability")
            if probability is not None:
                each = {f"{head}_{one}": probability[:, k] for k, one in enumerate(classes)}
                found |= {head: getattr(self, head), name: confidence, **each}
        if self.yaw is not None:
            found["yaw"] = self.yaw
        found |= {f"head_{name}": angle for name, angle in self.known_angles().items()}
        if embedding:
            found |= {f"embedding_{k}": column for k, column in enumerate(self.embedding.T)}
        return found

    def known_angles(self) -> dict[str, np.ndarray]:
        """Name -> degrees, float32 [N], of the angles that the head for angles learnt; {} without one."""
        if self.angles is None:
            return {}
        return {name: self.angles[:, ANGLE_NAMES.index(name)] for name in self.angles_names}

    def to_pandas(self, *, embedding: bool = False):
        """A pandas DataFrame of `columns`, a row an image.

        Raises:
          UserError: pandas is not installed.
        """
        extras.require("pandas", "pandas", purpose="a DataFrame")
        import pandas

        return pandas.DataFrame(self.columns(embedding=embedding))


def named(
    classes,
    expression: np.ndarray | None,
    pose: np.ndarray | None,
    embedding: np.ndarray,
    angles: np.ndarray | None = None,
) -> Predictions:
    """Predictions of probabilities.

    Args:
      classes: `record.Classes` of the run.
      expression, pose: float32 [N, classes] each, or None where there is no head.
      embedding: float32 [N, E].
      angles: float32 [N, 3], degrees, or None likewise.
    """
    likeliest = lambda names, of: None if of is None else np.array(names)[of.argmax(1)]
    return Predictions(
        expression=likeliest(classes.expression_names, expression),
        expression_probability=expression,
        pose=likeliest(classes.pose_names, pose),
        pose_probability=pose,
        yaw=None if pose is None else _mean_yaw(pose, np.array(classes.pose_yaw, np.float32)),
        embedding=embedding,
        expression_names=tuple(classes.expression_names),
        pose_names=tuple(classes.pose_names),
        angles=angles,
        angles_names=tuple(classes.angles_names),
    )


def _mean_yaw(probability: np.ndarray, yaw: np.ndarray) -> np.ndarray:
    """Over the classes that are yaws."""
    known = ~np.isnan(yaw)
    if not known.any():
        return np.full(len(probability), np.nan, np.float32)
    weight = probability[:, known]
    return weight @ yaw[known] / np.maximum(weight.sum(1), 1e-12)
