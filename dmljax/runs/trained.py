"""A trained run read back from its folder: configuration, set, network and weights."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from dmljax import config as configuration
from dmljax import config_differences, run_folder
from dmljax.data.labels import unmirrored
from dmljax.preparation import opening
from dmljax.runs import assemble, kept_tables, record, sets
from dmljax.runs.predict import Predictor
from dmljax.training.checkpoint import Checkpoints, Saved
from dmljax.training.devices import set_up_process
from dmljax.types import Samples, UserError

FUSED, EMBEDDING = "f2", "embedding"  # names of the feature spaces


@dataclasses.dataclass(frozen=True)
class Opened:
    """A trained run, for whoever evaluates it or looks into it.

    Attributes:
      run: its folder.
      config: its configuration, resolved.
      feed: of all images of its set.
      net, variables: the network, and the moving averages of the weights: {'params', 'batch_stats'}.
      predict: (variables, sample numbers [R]) -> outputs for them, see `predict.Predictor`.
      train, test: numbers of the samples that trained, None of a set that is not the run's, and of those that
        test, int32.
      checkpoint, step: which weights these are: 'last' or 'best', and after how many steps.
      flip: whether `predict` takes means over each image and its mirror image.
      validation: numbers of the samples that were held out of the training beside those that test, int32;
        None of a set that is not the run's.
    """

    run: Path
    config: Any
    feed: Any
    net: Any
    variables: dict
    predict: Predictor
    train: np.ndarray | None
    test: np.ndarray
    checkpoint: str
    step: int
    flip: bool
    validation: np.ndarray | None = None

    @property
    def samples(self) -> Samples:
        """The images that can be read."""
        return self.feed.samples

    @cached_property
    def outputs(self) -> dict[str, np.ndarray]:
        """What the network returns for the test samples; computed once."""
        return self.predict(self.variables, self.test)


def open_runs(
    runs: Iterable[Path],
    *,
    checkpoint: str = "last",
    root: str = "",
    progress: bool = True,
    flip: bool = False,
) -> Iterator[Opened]:
    """Opens runs one after another, as `open_run` does; runs on the same images share what was read of them.

    Raises:
      UserError: one of the folders is no run, or its set has changed since.
    """
    shared: tuple[dict, Any] = ({}, None)
    for run in runs:
        images = sets.images_of(read_configuration(run, root))
        opened = open_run(
            run,
            checkpoint=checkpoint,
            root=root,
            progress=progress,
            flip=flip,
            feed=shared[1] if images == shared[0] else None,
        )
        shared = images, opened.feed
        yield opened


def open_run(
    run: Path,
    *,
    checkpoint: str = "last",
    root: str = "",
    progress: bool = True,
    flip: bool = False,
    feed=None,
) -> Opened:
    """Reads a run folder back.

    Args:
      run: the folder of a training.
      checkpoint: 'last' or 'best'; its moving averages are taken.
      root: where the dataset lies, if not where the run's configuration says; of joined sets
        'kdef:FOLDER,rafd:FOLDER'.
      flip: predict by the mean over each image and its mirror image; nothing is flipped where a pose has no
        mirror image among the set's poses.
      feed: of the run's set, if it is open already.

    Raises:
      UserError: it is none, or its set has changed since.
    """
    set_up_process()
    config = read_configuration(run, root)
    saved = read_checkpoint(run, checkpoint, config)  # before a set is read that is not the run's
    for name in (run_folder.SPLIT, run_folder.CLASSES):
        record.check(run, name, saved)
    record.check_tables(config, saved)
    with errors_of(run, config):
        feed = sets.open_feed(config, progress=progress) if feed is None else feed
    samples = feed.samples
    train, test, validation = _sides(run, samples)
    net = assemble.network(config, record.read_classes(run))
    if saved.position["set"] != sets.fingerprint(samples):
        raise UserError(
            f"'{run}' was trained on another state of {samples.name}; its images or labels have changed since"
        )
    flip = flip and not unmirrored(samples)
    predict = Predictor(net, feed, flip=flip)
    return Opened(
        run,
        config,
        feed,
        net,
        saved.averages,
        predict,
        train,
        test,
        checkpoint,
        saved.step,
        flip,
        validation,
    )


def read_checkpoint(run: Path, checkpoint: str, config) -> Saved:
    """The newest checkpoint of a run whose configuration is `config`.

    Raises:
      UserError: there is none, it is damaged, or config.json is not that of the run any more.
    """
    saved = Checkpoints(run).newest(checkpoint)
    there = configuration.in_full(saved.position["config"])
    different = config_differences.differences(
        there, configuration.trimmed(config), config_differences.may_change()
    )
    if different:
        raise UserError(
            f"'{run / run_folder.CONFIG}' is not that of the run's checkpoint of step {saved.step}:"
            f" {'; '.join(different)}"
        )
    return saved


def read_configuration(run: Path, root: str = ""):
    """A run's configuration, with its own copies of tables.

    Args:
      root: where its sets lie now, if they were moved, see `opening.moved`.

    Raises:
      UserError: it cannot be read, its set lies elsewhere, or a table is gone of which it has no copy.
    """
    config = kept_tables.own(run, configuration.read(run))
    return opening.moved(config, root) if root else config


@contextlib.contextmanager
def errors_of(run: Path, config) -> Iterator[None]:
    """Says of an error in opening a run's set what an evaluation can be given: `root`, or a table anew."""
    try:
        yield
    except UserError as error:
        if error.parameter in (place.field for place in opening.places(config)):
            form = ",".join(f"{place.name}:FOLDER" for place in opening.places(config))
            several = f", as {form}" if "," in form else ""
            raise UserError(
                f"give the place where the set lies now{several} (the run has it in {error.parameter}):"
                f" {error.message}",
                parameter="root",
            ) from None
        if lost := kept_tables.lost(run, config):
            raise UserError(
                f"{error}; the run has no copy of that table: write into '{run / run_folder.CONFIG}' where it"
                f" lies now ({', '.join(lost)})"
            ) from None
        raise


def spaces(found: dict[str, np.ndarray], config) -> dict[str, np.ndarray]:
    """'f2' and 'embedding' of predictions, float32 [N, D]; the embedding at unit length if the triplets mine
    it so.
    """
    embedding = found["embedding"]
    if config.losses.normalise:
        embedding = embedding / np.maximum(np.linalg.norm(embedding, axis=1, keepdims=True), 1e-12)
    return {FUSED: found["fused"], EMBEDDING: embedding}


def _sides(run: Path, samples: Samples) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The samples that trained, those that the run's own split put aside to test, and to validate."""
    path = run / run_folder.SPLIT
    split = run_folder.read(path)
    sides = [split.get(side) for side in ("train", "test")]
    if not all(isinstance(names, list) for names in sides) or not sides[1]:
        raise UserError(
            f"'{path}' does not say which samples train and test: it has no lists 'train' and 'test'"
        )
    number = {reference: k for k, reference in enumerate(samples.references)}
    lost = [name for name in sides[1] if name not in number]
    if lost:
        raise UserError(
            f"{len(lost)} of {len(sides[1])} test samples are not in {samples.name} any more, e.g."
            f" '{lost[0]}'",
            parameter="root",
        )
    sides.append(split.get("validation") or [])  # older versions held nobody out
    train, test, validation = ([number[name] for name in names if name in number] for names in sides)
    return np.array(train, np.int32), np.array(test, np.int32), np.array(validation, np.int32)
