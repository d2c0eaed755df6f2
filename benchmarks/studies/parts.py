"""When does each part of the method help? The method beside itself without one part, on many conditions."""

from typing import NamedTuple

import variants
from absl import flags
from dmljax.launch import cli

SUMMARY = (
    "Takes parts of the method away, by people, difficulty and how far the pose goes with the expression."
)
USAGE = """\
    python benchmarks/studies/parts.py --run=runs/parts --jobs=2
    python benchmarks/studies/parts.py --run=runs/parts --conditions="10 people, difficulty 0.3" --seeds=0

All runs are tested on the same 100 rendered people and trained for the same number of steps. Goes on where it
was stopped; what its file of results holds is not made again.
"""
WHOLE = "the whole method"
EQUAL = {"weighting.name": "equal"}
PARTS = {
    WHOLE: {},
    "without eyes and mouth": {"model.branches": ("face",)},
    "without the pose head": {"model.pose_head": False},
    "without pose triplets": {"losses.triplets": ("identity",)},
    "without identity triplets": {"losses.triplets": ("pose",)},
    "without dynamic weights": EQUAL,
    "heads on the fused feature": {"model.expression_input": "fused", "model.pose_input": "fused"},
    "without all of them": {"model.branches": ("face",), "model.pose_head": False, "losses.triplets": ()}
    | EQUAL,
}


class Condition(NamedTuple):
    """Who trains, and on what.

    Attributes:
      people: who train.
      difficulty: of the rendered set.
      correlation: of pose and expression in training, `split.correlation`; None: all images train.
    """

    people: int
    difficulty: float
    correlation: float | None = None

    def __str__(self) -> str:
        tells = "" if self.correlation is None else f", correlation {self.correlation:g}"
        return f"{self.people} people, difficulty {self.difficulty:g}{tells}"

    @property
    def changes(self) -> dict:
        chosen = {"dataset.synthetic.images": 2, "split.shown": 2, "split.correlation": self.correlation}
        return ({} if self.correlation is None else chosen) | {
            "dataset.synthetic.identities": variants.tested() + self.people,
            "dataset.synthetic.difficulty": self.difficulty,
        }


CONDITIONS = (
    *(Condition(people, difficulty) for difficulty in (0.3, 0.5) for people in (10, 20, 40, 80)),
    *(Condition(80, 0.3, correlation) for correlation in (0.0, 0.5, 0.9)),
)
COMPARED = variants.Variants({str(condition): condition.changes for condition in CONDITIONS}, PARTS)


def define(values) -> None:
    variants.define(values, "parts")
    flags.DEFINE_multi_string("conditions", [], "conditions; none: all", flag_values=values)


def run(values) -> None:
    variants.run(COMPARED.among(values.conditions), values)


if __name__ == "__main__":
    cli.run("benchmarks/studies/parts.py", SUMMARY, USAGE, define, run)
