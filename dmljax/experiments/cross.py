"""Trained on one set, tested on another: labels meet by name, and people and pictures have nothing in common."""
from __future__ import annotations

import numpy as np

from dmljax.compare.members import Member
from dmljax.experiments import _networks, _published, _runs
from dmljax.report import statistics
from dmljax.report.parts import Finding, Part, Table, Text
from dmljax.types import UserError

ITEMS = ("table9",)
METHODS = ("lbp_svm", "one_resnet", "mpcnn", "dynamic")


def members(plan: _networks.Plan) -> list[Member]:
    """Raises UserError if no second set was given."""
    if not plan.test:
        raise UserError("table9 trains on one set and tests on another: give the other as --test=NAME:FOLDER, such as --test=sfew:FOLDER")
    once = plan._replace(folds=plan.folds[:1])  # everybody trains, everybody of the other set tests
    return _networks.runs(once, METHODS, f"--config.dataset.test={plan.test}", apart=f"to_{plan.test.partition(':')[0]}")


def show(rows: list[dict], out) -> list[Part]:
    """Accuracy and mean recall of the expressions that the other set has, with chance."""
    del out
    trained, tested, published = _published.CROSS
    lines = [["method", "runs", "expression %", "95 %", "mean of the classes %", "95 %", "pose %",
              f"paper: {trained} to {tested}, mean of the classes %"]]
    for label in METHODS:
        own = [row | {"mean recall": _mean_recall(row)} for row in _runs.of(rows, label)]
        lines.append([_networks.NETWORKS[label].title, str(len(own)), *_runs.percent(own), *_runs.percent(own, "mean recall"),
                      _runs.percent(own, "pose accuracy")[0], f"{published:.2f}" if label == "dynamic" else "-"])
    counts = np.array(_runs.pooled(_runs.of(rows, rows[0]["label"]))["confusion"]["expression"]).sum(1)
    names = _runs.pooled(rows[:1])["names"]["expression"]
    lacking = [name for name, count in zip(names, counts) if not count]
    chance = f"{rows[0]['dataset']}: chance {100 / len(names):.1f} % of the {len(names)} learnt expressions"
    absent = f"; the tested set has no {', '.join(lacking)}, which a network may still say" if lacking else ""
    both = _runs.pairs(rows, "dynamic", "one_resnet")
    gain = np.mean([a - b for a, b in both]) if both else 0.0
    verdict = f"DML-Net against one ResNet: {_runs.gain(both)} points, {_runs.told(statistics.paired(both), gain)}."
    return [Table(lines), Text(f"{chance}{absent}."), Finding(verdict)]


def _mean_recall(row: dict) -> float:
    counts = np.array(_runs.pooled([row])["confusion"]["expression"])
    there = counts.sum(1) > 0
    return float((np.diag(counts)[there] / counts.sum(1)[there]).mean())
