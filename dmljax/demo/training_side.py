"""Images that a run was trained on, with their embeddings: among them the nearest people are looked for."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from dmljax import bars
from dmljax.data import reading
from dmljax.demo import pictures
from dmljax.inference.model import Model
from dmljax.inference.program import EMBEDDING
from dmljax.runs import sides
from dmljax.types import Samples, UserError


class TrainingSide(NamedTuple):
    """N training images.

    Attributes:
      embedding: float32 [N, E].
      people: whose image each is, int32 [N], below 0 where it is not known.
      names, expressions: the person and the expression of each in words, '' where it is not known.
      shown: each as the network sees it, as a text that a page can show.
      origin: in words, such as '2,000 training images of 80 people of kdef (a random choice of 2,800)'.
    """

    embedding: np.ndarray
    people: np.ndarray
    names: list[str]
    expressions: list[str]
    shown: list[str]
    origin: str


def read(model: Model, run: Path, *, most: int, root: str = "", progress: bool = True) -> TrainingSide:
    """Reads training images of a run and puts them through its network.

    Images of people who are also tested are left out.

    Args:
      model: of the run.
      run: its folder.
      most: images at most; of more these are a random choice, the same one each time.
      root: where the run's set lies, if not where its configuration says.
      progress: show how far it is.

    Raises:
      UserError: the set is not there or cannot be read, or everybody in it is also tested.
    """
    there = sides.read(run, "train", root)
    train = apart(there.samples, there.train, there.test)
    if not len(train):
        raise UserError(f"all training people of {there.samples.name} are also tested")
    chosen = train
    if len(train) > most:
        chosen = np.sort(np.random.default_rng(0).choice(train, most, replace=False))
    boxed = there.boxed(chosen, progress=progress)
    samples, pixels = reading.read_all(boxed, model.image_size, progress=progress)
    assert pixels is not None  # which are kept
    return TrainingSide(
        embedding=_embedding(model, pixels, progress=progress),
        people=samples.identity,
        names=_names(samples.identity_names, samples.identity),
        expressions=_names(samples.expression_names, samples.expression),
        shown=[pictures.as_text(picture) for picture in pixels],
        origin=_origin(samples)
        + (f" (a random choice of {len(train):,})" if len(chosen) < len(train) else ""),
    )


def apart(samples: Samples, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """The training samples, int [R], without those of people who are in a test image."""
    tested = samples.identity[test]
    return train[~np.isin(samples.identity[train], tested[tested >= 0])]


def _embedding(model: Model, pixels: np.ndarray, *, progress: bool) -> np.ndarray:
    found = []
    with bars.bar(total=len(pixels), desc="embedding", unit="image", show=progress) as bar:
        for first in range(0, len(pixels), model.batch):
            part = pixels[first : first + model.batch]
            found.append(model.outputs(part, more=True)[EMBEDDING])
            bar.update(len(part))
    return np.concatenate(found)


def _names(names: tuple[str, ...], labels: np.ndarray) -> list[str]:
    return [names[label] if label >= 0 else "" for label in labels]


def _origin(samples: Samples) -> str:
    people = len(np.unique(samples.identity[samples.identity >= 0]))
    of_people = f" of {people:,} people" if people else ""
    return f"{len(samples):,} training images{of_people} of {samples.name}"
