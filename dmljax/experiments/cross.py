"""Trained on one set, tested on another."""

from __future__ import annotations

import numpy as np

from dmljax import plugins
from dmljax.report.parts import Finding, Part, Table, Text
from dmljax.studies import measures, networks, published
from dmljax.studies.members import Member
from dmljax.types import UserError

TITLE = "Trained on one set, tested on another: labels meet by name, people have nothing in common"
ITEMS = ("table9",)
RECALL = "mean recall"
METHODS = ("lbp_svm", "one_resnet", "mpcnn", "dynamic")


def members(request: networks.Request) -> list[Member]:
    """Raises UserError if no second set was given, or one of an unknown name."""
    if not request.test:
        raise UserError(
            "table9 trains on one set and tests on another: give the other as name:folder, such as"
            " sfew:FOLDER",
            parameter="test",
        )
    name = request.test.partition(":")[0]
    plugins.load("datasets", name)
    once = request._replace(folds=request.folds[:1])  # everybody trains, everybody of the other set tests
    return networks.members_of(once, METHODS, {"dataset.test": request.test}, apart=f"to_{name}")


def show(rows: list[dict], out) -> list[Part]:
    """Accuracy and mean recall of the expressions that the other set has, with chance."""
    del out
    lines = [
        [
            "method",
            "runs",
            "expression %",
            "95 %",
            "mean of the classes %",
            "95 %",
            "pose %",
        ]
    ]
    for label in METHODS:
        own = _recalled(rows, label)
        lines.append(
            [
                networks.NETWORKS[label].title,
                str(len(own)),
                *measures.percent(own),
                *measures.percent(own, RECALL),
                measures.percent(own, "pose accuracy")[0],
            ]
        )
    found = measures.difference(rows, "dynamic", "one_resnet")
    verdict = f"DML-Net against one ResNet: {measures.gain(found)} points, {measures.told(found)}."
    return [Table(lines), Text(_chance(rows)), Finding(verdict), *measures.notes([found])]


def beside(rows: list[dict], item: str) -> published.Here:
    """Mean recall: the published table has cells of the classes alone."""
    del item
    cells = {label: measures.mean(_recalled(rows, label), RECALL) for label in METHODS}
    return networks.beside("mean of the classes %", cells)


def _recalled(rows: list[dict], label: str) -> list[dict]:
    return [row | {RECALL: _mean_recall(row)} for row in measures.of(rows, label)]


def _chance(rows: list[dict]) -> str:
    """Chance, and how often expressions are answered that the tested set does not have."""
    whole = {label: found for label in METHODS if (found := measures.pooled(measures.of(rows, label)))}
    first = next(iter(whole.values()))
    names, absent = first["names"]["expression"], first["confusion"]["expression"].sum(1) == 0
    told = f"{rows[0]['dataset']}: chance {100 / len(names):.1f} % of the {len(names)} learnt expressions"
    if not absent.any():
        return f"{told}."
    counts = {label: found["confusion"]["expression"].sum(0) for label, found in whole.items()}
    shares = ", ".join(
        f"{networks.NETWORKS[label].title} {100 * found[absent].sum() / found.sum():.0f} %"
        for label, found in counts.items()
    )
    lacking = ", ".join(name for name, lost in zip(names, absent) if lost)
    return (
        f"{told}; the tested set has no {lacking}, and yet these are the answers of {shares} of its images."
    )


def _mean_recall(row: dict) -> float:
    counts = np.array(measures.pooled([row])["confusion"]["expression"])
    there = counts.sum(1) > 0
    return float((np.diag(counts)[there] / counts.sum(1)[there]).mean())
