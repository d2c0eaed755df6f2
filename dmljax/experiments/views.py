"""Accuracy by pose, by expression and on frontal faces, of all methods."""

from __future__ import annotations

import numpy as np

from dmljax.experiments import methods
from dmljax.report.parts import Finding, Part, Table
from dmljax.report.tables import percent
from dmljax.studies import measures, networks, published
from dmljax.studies.members import Member

TITLE = "Accuracy by pose, by expression and on frontal faces, of all methods"
ITEMS = ("table4", "table6", "table7")


def members(request: networks.Request) -> list[Member]:
    return methods.members(request)


def show(rows: list[dict], out) -> list[Part]:
    """Counts of each method's runs as one, expression accuracy in %; '-' where a set has no image."""
    del out
    whole = _pooled(rows)
    first = next(iter(whole.values()))
    frontal = _frontal(first)
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


def beside(rows: list[dict], item: str) -> published.Here:
    """Expression accuracy of the methods that run here; for Table 4, on frontal faces alone."""
    if item != "table4":
        return methods.beside(rows, item)
    shares = {
        label: _share(*(found["cells"][key][:, _frontal(found)] for key in ("hits", "counts")))
        for label, found in _pooled(rows).items()
    }
    return networks.beside(
        "expression %, frontal", {label: percent(share) for label, share in shares.items()}
    )


def _pooled(rows: list[dict]) -> dict[str, dict]:
    """Method -> counts of its runs as one, of those that have runs."""
    return {label: found for label in methods.METHODS if (found := measures.pooled(measures.of(rows, label)))}


def _frontal(found: dict) -> list[int]:
    """The poses whose yaw is 0."""
    return [k for k, yaw in enumerate(found["yaw"]) if yaw == 0]


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
