"""Trained on one set, tested on another: labels meet by name, and people and pictures have nothing in
common.
"""

from __future__ import annotations

import numpy as np

from dmljax import plugins
from dmljax.report import statistics
from dmljax.report.parts import Finding, Part, Table, Text
from dmljax.studies import measures as _runs
from dmljax.studies import networks as _networks
from dmljax.studies import published as _published
from dmljax.studies.members import Member
from dmljax.types import UserError

ITEMS = ("table9",)
METHODS = ("lbp_svm", "one_resnet", "mpcnn", "dynamic")


def members(plan: _networks.Plan) -> list[Member]:
    """Raises UserError if no second set was given, or one of an unknown name."""
    if not plan.test:
        raise UserError(
            "table9 trains on one set and tests on another: give the other as --test=NAME:FOLDER, such as"
            " --test=sfew:FOLDER"
        )
    plugins.load("datasets", plan.test.partition(":")[0])
    once = plan._replace(folds=plan.folds[:1])  # everybody trains, everybody of the other set tests
    return _networks.runs(
        once, METHODS, f"--config.dataset.test={plan.test}", apart=f"to_{plan.test.partition(':')[0]}"
    )


def show(rows: list[dict], out) -> list[Part]:
    """Accuracy and mean recall of the expressions that the other set has, with chance."""
    del out
    trained, tested, published = _published.CROSS
    lines = [
        [
            "method",
            "runs",
            "expression %",
            "95 %",
            "mean of the classes %",
            "95 %",
            "pose %",
            f"paper: {trained} to {tested}, mean of the classes %",
        ]
    ]
    for label in METHODS:
        own = [row | {"mean recall": _mean_recall(row)} for row in _runs.of(rows, label)]
        lines.append(
            [
                _networks.NETWORKS[label].title,
                str(len(own)),
                *_runs.percent(own),
                *_runs.percent(own, "mean recall"),
                _runs.percent(own, "pose accuracy")[0],
                f"{published:.2f}" if label == "dynamic" else "-",
            ]
        )
    both = _runs.pairs(rows, "dynamic", "one_resnet")
    gain = np.mean([a - b for a, b in both]) if both else 0.0
    verdict = (
        f"DML-Net against one ResNet: {_runs.gain(both)} points, {_runs.told(statistics.paired(both), gain)}."
    )
    return [Table(lines), Text(_chance(rows)), Finding(verdict)]


def _chance(rows: list[dict]) -> str:
    """Chance, and how often expressions are answered that the tested set does not have."""
    whole = {label: found for label in METHODS if (found := _runs.pooled(_runs.of(rows, label)))}
    first = next(iter(whole.values()))
    names, absent = first["names"]["expression"], first["confusion"]["expression"].sum(1) == 0
    told = f"{rows[0]['dataset']}: chance {100 / len(names):.1f} % of the {len(names)} learnt expressions"
    if not absent.any():
        return f"{told}."
    counts = {label: found["confusion"]["expression"].sum(0) for label, found in whole.items()}
    shares = ", ".join(
        f"{_networks.NETWORKS[label].title} {100 * found[absent].sum() / found.sum():.0f} %"
        for label, found in counts.items()
    )
    lacking = ", ".join(name for name, lost in zip(names, absent) if lost)
    return (
        f"{told}; the tested set has no {lacking}, and yet these are the answers of {shares} of its images."
    )


def _mean_recall(row: dict) -> float:
    counts = np.array(_runs.pooled([row])["confusion"]["expression"])
    there = counts.sum(1) > 0
    return float((np.diag(counts)[there] / counts.sum(1)[there]).mean())
