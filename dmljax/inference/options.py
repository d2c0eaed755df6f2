"""How a prediction works: the options, what they may be, and their defaults; no JAX."""

from __future__ import annotations

import dataclasses

from dmljax.types import UserError

FORMATS = ("csv", "jsonl")  # of the table of predictions
BATCH = 32  # images that go through the network at a time


@dataclasses.dataclass(frozen=True)
class Options:
    """How `predict` works.

    Attributes:
      faces: 'whole' pictures, a detector by name, a table of boxes that ends in .csv, or '': the detector
        that the run's own set was cropped by, else whole pictures.
      margin: added to a box on each side as a share of its longer side, which is then made square; None: as
        the run's set was cropped.
      checkpoint, flip, calibrated, batch: as of `load`.
      form: 'csv' or 'jsonl', of the table.
      embedding: write the embedding, too.
      annotated: write the pictures and films with their faces drawn in, too.
      rate: of a film at most so many pictures a second are taken; 0: all.
      smooth: seconds over which the probabilities of a film's faces are smoothed; 0: not at all.
      jobs: processes that decode pictures and find faces; 0: one for each core.
    """

    faces: str = ""
    margin: float | None = None
    checkpoint: str = "last"
    flip: bool = False
    calibrated: bool = True
    batch: int = BATCH
    form: str = "csv"
    embedding: bool = False
    annotated: bool = False
    rate: float = 0.0
    smooth: float = 0.0
    jobs: int = 0

    def check(self) -> None:
        """Raises UserError of an option out of its range."""
        if self.form not in FORMATS:
            known = ", ".join(FORMATS)
            raise UserError(f"must be one of {known}; got '{self.form}'", parameter="form")
        for name in ("rate", "smooth", "jobs"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise UserError(f"must be a number of at least 0, got {getattr(self, name)}", parameter=name)
