"""Splits by image, of sets of which nobody says who is who: classes alike on all sides."""

from __future__ import annotations

import numpy as np

from dmljax.types import UserError


def _in_turn(count: int, seed: int, number: int, strata) -> np.ndarray:
    """Images in random order, those of a stratum one after another."""
    order = np.random.default_rng(np.random.SeedSequence([seed, number])).permutation(count)
    return order if strata is None else order[np.argsort(np.asarray(strata)[order], kind="stable")]


def folds_of(count: int, *, folds: int, seed: int, strata=None) -> np.ndarray:
    """The fold of each of `count` images, int [count]: folds differ by one image at most, in every stratum.

    Args:
      strata: class of each image, int [count]; None: the number of images alone.

    Raises:
      UserError: fewer images than folds.
    """
    if count < 2:
        raise UserError(f"split.folds={folds}: folds take two images at least; there is {count}")
    if not 2 <= folds <= count:
        raise UserError(f"split.folds={folds}: {count} images make from 2 to {count} folds")
    fold = np.empty(count, int)
    fold[_in_turn(count, seed, folds, strata)] = np.arange(count) % folds
    return fold


def holdout(count: int, share: float, *, seed: int, field: str, strata=None) -> tuple[np.ndarray, np.ndarray]:
    """(kept, held out): positions of images, sorted; the share is held out of every stratum, within one.

    Raises:
      UserError: nothing is left on one side; with the field.
    """
    if not 0 < share < 1:
        raise UserError(f"{field} is a share of the images between 0 and 1, got {share}")
    out = np.zeros(count, bool)
    marks = np.floor(np.arange(count + 1) * share + 0.5)
    out[_in_turn(count, seed, 7, strata)] = marks[1:] > marks[:-1]
    if out.all() or not out.any():
        raise UserError(f"{field}={share} of {count} images leaves none on one side; choose another value")
    return np.flatnonzero(~out), np.flatnonzero(out)
