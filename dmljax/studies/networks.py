"""The networks that experiments set beside each other: what each changes in the configured method."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from dmljax.studies import published
from dmljax.studies.members import Member, run_name
from dmljax.types import UserError

EQUAL = {"weighting.name": "equal"}
NO_TRIPLETS = {"losses.triplets": ()}
ONE = {"model.branches": ("face",), "model.pose_head": False} | NO_TRIPLETS


class Request(NamedTuple):
    """What experiments are asked for.

    Attributes:
      config: the whole method on a set.
      seeds, folds: each pair is a run of every network; a seed also draws the people of the folds.
      folder: where the runs and what is made of them lie.
      test: another set to test on, 'name:folder', or ''.
    """

    config: Any
    seeds: tuple[int, ...]
    folds: tuple[int, ...]
    folder: Path
    test: str = ""


class Network(NamedTuple):
    """A row of a table: its title, whose it is, and what it changes in the configuration.

    With a descriptor it is no network, but a support vector machine on that. `published` has its names in the
    paper's tables.
    """

    title: str
    source: str
    changes: dict[str, Any]
    descriptor: str = ""
    published: tuple[str, ...] = ()


def _rival(loss: str, weight: float) -> dict[str, Any]:
    """One ResNet whose embedding a loss of others trains, beside cross-entropy."""
    return ONE | {"losses.others": (loss,), "weighting.name": "fixed", "weighting.fixed.triplet": weight}


NETWORKS = {
    "lbp_svm": Network("LBP with SVM", "Shan et al. 2009", {}, "lbp"),
    "lgbp_svm": Network("LGBP with SVM", "Moore & Bowden 2011", {}, "lgbp", published=("SVM [36]",)),
    "one_resnet": Network("one ResNet", "He et al. 2016", ONE | EQUAL, published=("ResNet50 [10]",)),
    "densenet": Network(
        "DenseNet",
        "Huang et al. 2017",
        ONE | EQUAL | {"backbone.name": "densenet"},
        published=("DenseNet [33]",),
    ),
    "iacnn": Network(
        "identity-pair contrastive (IACNN)",
        "Meng et al. 2017",
        _rival("contrastive", 1.0),
        published=("IACNN [8]",),
    ),
    # Its authors weigh a sum over the batch by 0.01; the mean over 30 images, by 0.3.
    "island": Network("island loss", "Cai et al. 2018", _rival("island", 0.3), published=("IL-CNN [19]",)),
    "tuplet": Network("(N+M)-tuplet", "Liu et al. 2017", _rival("tuplet", 1.0)),
    "mpcnn": Network(
        "multi-scale fusion (MPCNN)",
        "Liu et al. 2018",
        NO_TRIPLETS | EQUAL | {"backbone.resnet.scales": "all"},
        published=("MPCNN [11]",),
    ),
    "mfe": Network("MFE", "", {"model.pose_head": False} | NO_TRIPLETS | EQUAL, published=("MFE",)),
    "mined": Network("MFE and triplets", "", {"model.pose_head": False} | EQUAL),
    "hpe": Network("+ HPE", "", NO_TRIPLETS | EQUAL, published=("MFE+HPE",)),
    "pose_triplets": Network("pose triplets", "", {"losses.triplets": ("pose",)} | EQUAL),
    "identity_triplets": Network("identity triplets", "", {"losses.triplets": ("identity",)} | EQUAL),
    "jefl": Network("+ JEFL", "", EQUAL, published=("MFE+HPE+JEFL",)),
    "dynamic": Network(
        "DML-Net",
        "the paper",
        {"weighting.name": "dwa"},
        published=("DML-Net", "MFE+HPE+JEFL+ADW"),
    ),
}


def members_of(request: Request, names, changes: dict | None = None, *, apart: str = "") -> list[Member]:
    """Members for the named networks, seed by seed, so that what is unfinished is balanced.

    Args:
      changes: for all of them, beside the networks' own.
      apart: folder of runs that are not those of other experiments, which share theirs.
    """
    folder = request.folder / "runs" / apart
    return [
        Member(
            name,
            seed,
            fold,
            folder / name / run_name(seed, fold),
            NETWORKS[name].changes | (changes or {}),
            NETWORKS[name].descriptor,
        )
        for seed in request.seeds
        for fold in request.folds
        for name in names
    ]


def beside(header: str, cells: dict[str, str]) -> published.Here:
    """A column of ours beside a published table: cells by network, in the rows of its published names."""
    named = {name: cell for label, cell in cells.items() for name in NETWORKS[label].published}
    return published.Here(f"here: {header}", named)


def check_whole(config, what: str) -> None:
    """Raises UserError if the configuration lacks a part that an experiment takes away."""
    if not config.model.pose_head or len(config.model.branches) < 2 or not config.losses.triplets:
        raise UserError(
            f"{what} takes parts of the whole method away: give a configuration with three branches, a pose"
            " head and triplets"
        )
