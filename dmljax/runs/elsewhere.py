"""A trained run on another set than its own: labels meet the run's classes by their names."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dmljax import config as configuration
from dmljax import run_folder
from dmljax.data import joined
from dmljax.data.labels import unmirrored
from dmljax.preparation import opening
from dmljax.runs import assemble, record, sets
from dmljax.runs.predict import Predictor
from dmljax.runs.trained import Opened, read_checkpoint
from dmljax.training.devices import set_up_process
from dmljax.types import ROOT, Samples, UserError, counted

OF_THE_SET = "set"  # rule of the crop that takes faces as the set gives them
OF_TABLES = ("views", "boxes")  # rules that read a table, which is of one set


def open_elsewhere(
    run: Path,
    test: str,
    *,
    checkpoint: str = "last",
    progress: bool = True,
    flip: bool = False,
    say: Callable[[str], None] = print,
) -> Opened:
    """A trained run and another set, all of which tests, or its official test side. The run's own set need
    not be there. Faces are cut as in the run; where the run read a table for that, as the set gives them.

    Args:
      run: the folder of a training.
      test: 'NAME:FOLDER', as of `dataset.test`.
      checkpoint, progress, flip: as of `trained.open_run`.
      say: is told of the set, and what of it has no counterpart.

    Raises:
      UserError: no run, no such set, the run's own set, or no label in common.
    """
    set_up_process()
    own = configuration.read(run)
    saved = read_checkpoint(run, checkpoint, own)
    record.check(run, run_folder.CLASSES, saved)
    classes = record.read_classes(run)
    place = opening.Place("test", *opening.named(test, "test"))
    _check_other(own, place)
    try:
        feed = sets.open_feed(
            _configuration(own, place, say),
            progress=progress,
            change=lambda samples: joined.onto(samples, *classes),
        )
    except UserError as error:
        raise UserError(
            error.message, parameter="test" if error.parameter == ROOT else error.parameter
        ) from None
    samples = feed.samples
    for line in (_described(samples), *samples.notes, *_perhaps_trained(run, own, place, samples)):
        say(line)
    net = assemble.network(own, classes)
    flip = flip and not unmirrored(samples)
    predict = Predictor(net, feed, flip=flip)
    everybody = np.arange(len(samples), dtype=np.int32)
    return Opened(
        run,
        own,
        feed,
        net,
        saved.averages,
        predict,
        None,
        everybody,
        checkpoint,
        saved.step,
        flip,
    )


def name(samples: Samples) -> str:
    """What the evaluation on a set is called: a folder of one's own also by the folder's name."""
    place = Path(samples.place)
    own = place.parent.name if place.suffix == ".csv" else place.stem
    return f"{samples.name}_{own}" if own else samples.name


def _check_other(config, place: opening.Place) -> None:
    made = not os.path.exists(place.root)  # by the plug-in itself, which needs no folder
    for own in opening.places(config):
        if own.name == place.name and (made or os.path.realpath(own.root) == os.path.realpath(place.root)):
            raise UserError(
                f"the run was trained with {place.name} '{place.root}'; without another set its own test"
                " people are evaluated",
                parameter="test",
            )


def _perhaps_trained(run: Path, config, place: opening.Place, samples: Samples) -> list[str]:
    """What to tell of a set of the same name that has images called as those that the run was trained on: it
    may be the run's own in another place, as prepared or copied.
    """
    if place.name not in [own.name for own in opening.places(config)]:
        return []
    trained = run_folder.read(run / run_folder.SPLIT).get("train") or []
    if config.dataset.train or config.dataset.test:
        trained = joined.references_of(place.name, trained)
    count = len(set(trained).intersection(samples.references))
    if not count:
        return []
    return [
        f"{count} images are called as images of {place.name} that the run was trained on: if they are the"
        " same, the scores are not those of other people"
    ]


def _configuration(own, place: opening.Place, say: Callable[[str], None]):
    """The run's configuration with the other set in the place of its own."""
    changes = {
        "dataset.name": place.name,
        "dataset.root": place.root,
        **dict.fromkeys(("dataset.train", "dataset.test", "dataset.labels"), ""),
    }
    if own.crop.rule in OF_TABLES:
        instead = "its table is of the run's own set; faces are taken as this set gives them"
        say(f"crop.rule={own.crop.rule}: {instead}")
        changes |= {"crop.rule": OF_THE_SET, "crop.table": ""}
    return configuration.changed(configuration.complete(own.to_dict()), changes)


def _described(samples: Samples) -> str:
    people = np.unique(samples.identity[samples.identity >= 0])
    who = f" of {len(people)} people" if len(people) else ""
    skipped = f", {counted(len(samples.skipped), 'file')} skipped" if samples.skipped else ""
    return f"{samples.name}: {len(samples)} images{who} test{skipped}"
