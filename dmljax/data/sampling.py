"""What a sampler is given and gives: mini-batches of training samples, a function of seed and epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from dmljax.types import LABELS, Samples, UserError


class Wanted(NamedTuple):
    """What the run asks of every sampler.

    Attributes:
      seed: with the epoch it alone determines the order.
      batch_size: images in a mini-batch over all devices, of samplers that are free in it.
      tuples_per_step: five-tuples in a mini-batch, of samplers that draw them.
      accumulate: mini-batches in an optimizer step.
      leftovers: whether samples that are in no five-tuple are drawn too.
    """

    seed: int = 0
    batch_size: int = 32
    tuples_per_step: int = 3
    accumulate: int = 1
    leftovers: bool = False


class Sampler(NamedTuple):
    """How the mini-batches of an epoch are drawn.

    Attributes:
      name: of the plug-in that draws.
      size: images in a mini-batch over all devices.
      together: consecutive images that stay on one device and are flipped as one: 5 in five-tuples, else 1.
      draw: epoch -> int32 [N, size], positions in the training samples; the same for the same epoch.
      told: what became of the samples of the first epoch, in words.
      size_field: the field of the configuration that sets `size`, which errors name.
      instead: why this one draws where another was asked for first, in words; else ''.
    """

    name: str
    size: int
    together: int
    draw: Callable[[int], np.ndarray]
    told: str
    size_field: str = "data.batch_size"
    instead: str = ""


def classes_of(samples: Samples, label: str, field: str) -> list[np.ndarray]:
    """Positions of the samples of each class of a label, of classes that have any; int [.] each.

    Args:
      label: 'expression', 'pose' or 'identity'.
      field: which says so, named in errors.

    Raises:
      UserError: no such label, or fewer than two classes of it among the samples.
    """
    if label not in LABELS:
        raise UserError(f"must be one of {', '.join(LABELS)}; got '{label}'", parameter=field)
    values = getattr(samples, label)
    found = [np.flatnonzero(values == k) for k in np.unique(values[values >= 0])]
    if len(found) < 2:
        raise UserError(
            f"{samples.name}: the training samples have {len(found)} classes of {label}, and two are needed;"
            " choose another label",
            parameter=field,
        )
    return found


def check_enough(samples: Samples, count: int, wanted: Wanted, size: int, field: str) -> None:
    """Raises UserError if `count` images do not fill one step of mini-batches of `size`; `field` sets it."""
    if count < size * wanted.accumulate:
        several = f" x data.accumulate={wanted.accumulate}" if wanted.accumulate > 1 else ""
        raise UserError(
            f"{samples.name}: {count} training samples do not fill one step of {size} images{several}; set"
            f" {field} lower, or bring more samples"
        )


class Stream:
    """Endless draws from one class: every sample once before any comes again, each time in another order."""

    def __init__(self, members: np.ndarray, rng: np.random.Generator):
        self._members, self._rng, self._left = members, rng, np.empty(0, members.dtype)

    def take(self, count: int) -> np.ndarray:
        """`count` samples; different ones where the class has as many."""
        if count > len(self._members):
            more = -(-count // len(self._members))
            return np.concatenate([self._rng.permutation(self._members) for _ in range(more)])[:count]
        if len(self._left) < count:
            first = self._left
            others = self._rng.permutation(np.setdiff1d(self._members, first))
            need = count - len(first)
            self._left = self._rng.permutation(np.concatenate([others[need:], first]))
            return np.concatenate([first, others[:need]])
        drawn, self._left = self._left[:count], self._left[count:]
        return drawn


def generator(wanted: Wanted, epoch: int, number: int) -> np.random.Generator:
    """The random numbers of an epoch for a sampler, which has a number of its own."""
    return np.random.default_rng(np.random.SeedSequence([wanted.seed, epoch, number]))
