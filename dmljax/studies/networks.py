"""The networks that experiments set beside each other: what each takes from the configured method, or puts in
its place.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from dmljax.studies.members import TRAIN, Member
from dmljax.types import UserError

EQUAL = "--config.weighting.name=equal"
NO_TRIPLETS = "--config.losses.triplets=()"
ONE = ("--config.model.branches=('face',)", "--config.model.pose_head=False", NO_TRIPLETS)


class Plan(NamedTuple):
    """What is asked for.

    Attributes:
      config: the whole method on a set.
      seeds, folds: each pair is a run of every network; a seed also draws the people of the folds.
      run: where the runs and what is made of them lie.
      test: another set to test on, 'name:folder', or ''.
    """

    config: Any
    seeds: tuple[int, ...]
    folds: tuple[int, ...]
    run: Path
    test: str = ""


class Network(NamedTuple):
    """A row of a table: its title, whose it is, what its command changes, and the command."""

    title: str
    source: str
    arguments: tuple[str, ...]
    program: tuple[str, ...] = TRAIN


def _rival(loss: str, weight: float) -> tuple[str, ...]:
    """One ResNet whose embedding a loss of others trains, beside cross-entropy."""
    return (
        *ONE,
        f"--config.losses.others=('{loss}',)",
        "--config.weighting.name=fixed",
        f"--config.weighting.fixed.triplet={weight}",
    )


NETWORKS = {
    "lbp_svm": Network("LBP with SVM", "Shan et al. 2009", (), ("classical", "lbp")),
    "lgbp_svm": Network("LGBP with SVM", "Moore & Bowden 2011", (), ("classical", "lgbp")),
    "one_resnet": Network("one ResNet", "He et al. 2016", (*ONE, EQUAL)),
    "densenet": Network("DenseNet", "Huang et al. 2017", (*ONE, EQUAL, "--config.backbone.name=densenet")),
    "iacnn": Network("identity-pair contrastive (IACNN)", "Meng et al. 2017", _rival("contrastive", 1.0)),
    # Its authors weigh a sum over the batch by 0.01; the mean over 30 images, by 0.3.
    "island": Network("island loss", "Cai et al. 2018", _rival("island", 0.3)),
    "tuplet": Network("(N+M)-tuplet", "Liu et al. 2017", _rival("tuplet", 1.0)),
    "mpcnn": Network(
        "multi-scale fusion (MPCNN)",
        "Liu et al. 2018",
        (NO_TRIPLETS, EQUAL, "--config.backbone.resnet.scales=all"),
    ),
    "mfe": Network("MFE", "", ("--config.model.pose_head=False", NO_TRIPLETS, EQUAL)),
    "hpe": Network("+ HPE", "", (NO_TRIPLETS, EQUAL)),
    "pose_triplets": Network("pose triplets", "", ("--config.losses.triplets=('pose',)", EQUAL)),
    "identity_triplets": Network("identity triplets", "", ("--config.losses.triplets=('identity',)", EQUAL)),
    "jefl": Network("+ JEFL", "", (EQUAL,)),
    "dynamic": Network("DML-Net", "the paper", ("--config.weighting.name=dwa",)),
}


def runs(plan: Plan, names, *arguments: str, apart: str = "") -> list[Member]:
    """Members for the named networks, seed by seed, so that what is unfinished is balanced. Experiments share
    them.

    Args:
      arguments: for all commands, beside the networks' own.
      apart: folder of runs that are not those of other experiments.
    """
    folder = plan.run / "runs" / apart
    where = lambda seed, fold: (f"--config.seed={seed}", f"--config.split.fold={fold}")
    return [
        Member(
            name,
            seed,
            fold,
            folder / name / f"seed_{seed}_fold_{fold}",
            (*NETWORKS[name].arguments, *where(seed, fold), *arguments),
            NETWORKS[name].program,
        )
        for seed in plan.seeds
        for fold in plan.folds
        for name in names
    ]


def check_whole(config, what: str) -> None:
    """Raises UserError if the configuration lacks a part that an experiment takes away."""
    if not config.model.pose_head or len(config.model.branches) < 2 or not config.losses.triplets:
        raise UserError(
            f"{what} takes parts of the whole method away: give a configuration with three branches, a pose"
            " head and triplets"
        )
