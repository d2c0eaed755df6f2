"""Accuracy of DML-Net for each expression and pose."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dmljax.report import tables
from dmljax.report.parts import Finding, Part, Picture, Table, Text
from dmljax.studies import measures, networks
from dmljax.studies.members import Member

TITLE = "Accuracy of DML-Net for each expression and pose"
ITEMS = ("table3",)


def members(request: networks.Request) -> list[Member]:
    return networks.members_of(request, ("dynamic",))


def show(rows: list[dict], out: Path) -> list[Part]:
    """Counts of all runs as one; '-' where a set has no image."""
    from dmljax.report import plots

    whole = measures.pooled(rows)
    picture = out / "expression_by_pose.png"
    names = whole["names"]
    plots.cells(
        whole["cells"]["hits"],
        whole["cells"]["counts"],
        names["expression"],
        names["pose"],
        picture,
        title=f"DML-Net: expression accuracy, %, {len(rows)} runs",
    )
    empty = int((whole["cells"]["counts"] == 0).sum())
    lacking = [Text(f"{empty} cells have no test image; they are '-', not 0.")] if empty else []
    return [
        Table(tables.cells(whole)),
        _extremes(whole),
        *lacking,
        Picture(picture, "expression accuracy by expression and pose"),
    ]


def _extremes(whole: dict) -> Finding:
    """The best and the worst cell in words."""
    hits, counts = whole["cells"]["hits"], whole["cells"]["counts"]
    if not counts.any():
        return Finding("No test image has both labels.")
    share = np.where(counts > 0, hits / np.maximum(counts, 1), np.nan)
    cell = lambda k: (
        f"{whole['names']['expression'][k // share.shape[1]]} at pose "
        f"{whole['names']['pose'][k % share.shape[1]]} "
        f"({100 * share.ravel()[k]:.0f} %)"
    )
    return Finding(f"Easiest: {cell(int(np.nanargmax(share)))}; hardest: {cell(int(np.nanargmin(share)))}.")
