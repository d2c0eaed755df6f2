"""Accuracy by pose, by expression and on frontal faces, of all methods."""

from __future__ import annotations

import numpy as np

from dmljax.experiments import methods
from dmljax.report.parts import Finding, Part, Table
from dmljax.report.tables import percent
from dmljax.studies import measures, networks
from dmljax.studies.members import Member

TITLE = "Accuracy by pose, by expression and on frontal faces, of all methods"
ITEMS = ("table4",)


def members(request: networks.Request) -> list[Member]:
    return methods.members(request)


def show(rows: list[dict], out) -> list[Part]:
    """Counts of each method's runs as one, expression accuracy in %; '-' where a set has no image."""
    del out
    whole = {
        label: found for label in methods.METHODS if (found := measures.pooled(measures.of(rows, label)))
    }
    first = next(iter(whole.values()))
    frontal = [k for k, yaw in enumerate(first["yaw"]) if yaw == 0]
    by_pose = [["method", *(f"pose {name}" for name in first["names"]["pose"]), "frontal", "all"]]
    by_expression = [["method", *first["names"]["expression"], "all"]]
    front, side = {}, {}
    for label, found in whole.items():
        title, hits, counts = (
            networks.NETWORKS[label].title,
            *(found["cells"][key].sum(0) for key in ("hits", "counts")),
        )
        front[title], side[title] = (
            _share(hits[k], counts[k]) for k in (frontal, [k for k in range(len(counts)) if k not in frontal])
        )
        by_pose.append(
            [
                title,
                *map(percent, map(_share, hits, counts)),
                percent(front[title]),
                percent(_share(hits, counts)),
            ]
        )
        confusion = found["confusion"]["expression"]
        right, images = np.diag(confusion), confusion.sum(1)
        by_expression.append(
            [title, *map(percent, map(_share, right, images)), percent(_share(right, images))]
        )
    return [
        Table(by_pose, "By pose"),
        Table(by_expression, "By expression"),
        *_best(front, "on frontal faces"),
        *_best(side, "on all other poses"),
    ]


def _best(shares: dict[str, float | None], where: str) -> list[Finding]:
    known = {title: share for title, share in shares.items() if share is not None}
    if not known:
        return []
    title = max(known, key=known.get)
    ours = known.get(networks.NETWORKS[methods.OURS].title)
    beside = "" if ours is None else f"; DML-Net: {percent(ours)} %"
    return [Finding(f"Best {where}: {title}, {percent(known[title])} %{beside}.")]


def _share(hits, counts) -> float | None:
    """Of one count or the sum of several; None of nothing."""
    images = int(np.sum(counts))
    return float(np.sum(hits) / images) if images else None
