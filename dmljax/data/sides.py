"""The sides of a split as they were written down: read from a file, and checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dmljax.types import Samples, UserError, nearest


class Split(NamedTuple):
    """Sample indices, int [.] each, sorted and disjoint; `train` and `test` share no identity, nor does
    `validation`.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def listed(samples: Samples, file: str) -> Split:
    """What a file says: three lists of references in JSON, or names of test people in a text."""
    if not file:
        raise UserError("split.kind=list reads who tests from split.file; set it")
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"split.kind=list reads split.file, and '{file}' cannot be read: {error}") from None
    if file.endswith(".json"):
        return _from_references(samples, text, file)
    names = [line.strip() for line in text.splitlines() if line.strip()]
    unknown = [name for name in names if name not in samples.identity_names]
    if unknown or not names:
        raise UserError(
            f"split.file '{file}' must name test people of {samples.name}, a line each; "
            + (
                f"'{unknown[0]}' is none of them.{nearest(unknown[0], samples.identity_names)}"
                if unknown
                else "it is empty"
            )
        )
    out = np.isin(samples.identity, [samples.identity_names.index(name) for name in names])
    return checked(
        samples, Split(np.flatnonzero(~out), np.empty(0, int), np.flatnonzero(out)), f"split.file '{file}'"
    )


def _from_references(samples: Samples, text: str, file: str) -> Split:
    number = {reference: k for k, reference in enumerate(samples.references)}
    try:
        sides = {side: json.loads(text).get(side, []) for side in Split._fields}
        lost = [name for names in sides.values() for name in names if name not in number]
    except (ValueError, AttributeError, TypeError) as error:
        raise UserError(f"split.file '{file}' is no split.json: {error}") from None
    if lost:
        raise UserError(
            f"split.file '{file}' names {len(lost)} images that are not in {samples.name}, e.g. '{lost[0]}'."
            f"{nearest(lost[0], number)}"
        )
    made = Split(*(np.array(sorted(number[name] for name in names), int) for names in sides.values()))
    return checked(samples, made, f"split.file '{file}'")


def checked(samples: Samples, split: Split, what: str) -> Split:
    """The split, if training and test are there and nobody is on two sides."""
    if not len(split.train) or not len(split.test):
        raise UserError(
            f"{what}: {len(split.train)} train and {len(split.test)} test samples; both are needed"
        )
    for one, other in (("train", "test"), ("train", "validation"), ("validation", "test")):
        both = np.intersect1d(samples.identity[getattr(split, one)], samples.identity[getattr(split, other)])
        if len(both := both[both >= 0]):
            raise UserError(
                f"{what}: {len(both)} people are in {one} and in {other}, e.g."
                f" '{samples.identity_names[both[0]]}'; a person must be in one part only"
            )
    return split
