"""Accuracy of DML-Net for each expression and pose."""
from __future__ import annotations

from pathlib import Path

from dmljax.compare.members import Member
from dmljax.experiments import _networks, _runs
from dmljax.report import tables
from dmljax.report.parts import Part, Picture, Table, Text

ITEMS = ("table3",)


def members(plan: _networks.Plan) -> list[Member]:
    return _networks.runs(plan, ("dynamic",))


def show(rows: list[dict], out: Path) -> list[Part]:
    """Counts of all runs as one; '-' where a set has no image."""
    from dmljax.report import plots

    whole = _runs.pooled(rows)
    picture = out / "expression_by_pose.png"
    names = whole["names"]
    plots.cells(whole["cells"]["hits"], whole["cells"]["counts"], names["expression"], names["pose"], picture,
                title=f"DML-Net: expression accuracy, %, {len(rows)} runs")
    empty = int((whole["cells"]["counts"] == 0).sum())
    lacking = [Text(f"{empty} cells have no test image; they are '-', not 0.")] if empty else []
    return [Table(tables.cells(whole)), *lacking, Picture(picture, "expression accuracy by expression and pose")]
