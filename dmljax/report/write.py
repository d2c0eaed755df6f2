"""The report of an evaluation folder: its tables and plots, and where they lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dmljax import extras, run_folder
from dmljax.report import tables
from dmljax.types import UserError


def report(folder: Path) -> str:
    """Writes tables.md, the CSV files and the PNG files beside metrics.json; returns a short text for the
    terminal.

    Raises:
      UserError: metrics.json is missing or unreadable.
    """
    try:
        score = run_folder.score(folder)
    except UserError as error:
        raise UserError(f"{error}; evaluate the run first") from None
    tables.write(folder, score)
    title = f"{score['dataset']}, {score['run']}"
    pictures = _pictures(folder, score, title)
    lines = [f"{name}: {tables.percent(value)} %" for name, value in score["scores"].items()]
    lines += [f"{name}: {tables.degrees(value)} degrees" for name, value in score.get("errors", {}).items()]
    lines += tables.single_classes(score)
    return f"{title}\n  " + "\n  ".join(lines) + f"\n  tables{pictures}: {folder}/"


def _pictures(folder: Path, score: dict, title: str) -> str:
    try:
        extras.require("report", "matplotlib", purpose="pictures")
    except UserError as missing:
        return f" (no pictures: {missing})"
    from dmljax.report import plots, reliability

    for head, counts in score["confusion"].items():
        plots.confusion(
            np.array(counts), score["names"][head], folder / f"confusion_{head}.png", title=f"{title}: {head}"
        )
    if tables.has_cells(score):
        plots.cells(
            np.array(score["cells"]["hits"]),
            np.array(score["cells"]["counts"]),
            score["names"]["expression"],
            score["names"]["pose"],
            folder / "expression_by_pose.png",
            title=f"{title}: expression accuracy, %",
        )
    if score.get("calibration"):  # an older version wrote none
        reliability.draw(score["calibration"], folder / "reliability.png", title=f"{title}: reliability")
    plots.curves(run_folder.log(folder.parent), folder / "curves.png", title=title)
    return " and pictures"
