"""Accuracy by pose, by expression and on frontal faces, of all methods."""
from __future__ import annotations

import numpy as np

from dmljax.compare.members import Member
from dmljax.experiments import _networks, _runs, comparison
from dmljax.report.parts import Part, Table
from dmljax.report.tables import percent

ITEMS = ("table4",)


def members(plan: _networks.Plan) -> list[Member]:
    return comparison.members(plan)


def show(rows: list[dict], out) -> list[Part]:
    """Counts of each method's runs as one, expression accuracy in %; '-' where a set has no image."""
    del out
    whole = {label: found for label in comparison.METHODS if (found := _runs.pooled(_runs.of(rows, label)))}
    first = next(iter(whole.values()))
    frontal = [k for k, yaw in enumerate(first["yaw"]) if yaw == 0]
    by_pose = [["method", *(f"pose {name}" for name in first["names"]["pose"]), "frontal", "all"]]
    by_expression = [["method", *first["names"]["expression"], "all"]]
    for label, found in whole.items():
        hits, counts = found["cells"]["hits"], found["cells"]["counts"]
        title = _networks.NETWORKS[label].title
        by_pose.append([title, *_shares(hits.sum(0), counts.sum(0)), *_shares(hits[:, frontal].sum(keepdims=True).ravel(),
                        counts[:, frontal].sum(keepdims=True).ravel()), *_shares(hits.sum(keepdims=True).ravel(), counts.sum(keepdims=True).ravel())])
        confusion = found["confusion"]["expression"]
        right, total = np.diag(confusion), confusion.sum(1)
        by_expression.append([title, *_shares(right, total), *_shares(right.sum(keepdims=True), total.sum(keepdims=True))])
    return [Table(by_pose, "By pose"), Table(by_expression, "By expression")]


def _shares(hits: np.ndarray, counts: np.ndarray) -> list[str]:
    return [percent(h / c if c else None) for h, c in zip(hits, counts)]
