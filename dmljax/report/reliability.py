"""The reliability diagram: accuracy against confidence, before and after calibration, as PNG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from dmljax.metrics import calibration
from dmljax.report import lettering
from dmljax.report.plots import COLOURS, style
from dmljax.report.tables import percent

COLUMNS = {"bins": "as the network gives them", "bins_calibrated": "by temperature"}
FEW = 5  # predictions of a bin below which its accuracy is drawn pale


def draw(found: dict, path: Path, *, title: str) -> None:
    """A row a head, with the share of predictions in each bin below.

    Args:
      found: by head, see `calibration.of_head`.
    """
    columns = [key for key in COLUMNS if any(key in of for of in found.values())]
    with style(title):
        width, height = 0.6 + 3.2 * len(columns), 1.4 + 3.6 * len(found)
        figure = Figure(figsize=(width, height))
        edges = {
            "left": 0.6 / width,
            "right": 1 - 0.1 / width,
            "top": 1 - 0.6 / height,
            "bottom": 0.8 / height,
        }
        outer = figure.add_gridspec(len(found), 1, hspace=0.28, **edges)
        for row, (head, of) in zip(outer, found.items()):
            inner = row.subgridspec(2, len(columns), height_ratios=(3.4, 0.8), hspace=0.08, wspace=0.25)
            for c, key in enumerate(columns):
                if key in of:
                    above = figure.add_subplot(inner[0, c])
                    _panel(above, figure.add_subplot(inner[1, c], sharex=above), of[key], head, key)
        figure.suptitle(
            lettering.plain(title), x=0.1 / width, y=1 - 0.1 / height, va="top", ha="left", fontsize=10
        )
        note = f"red: from accuracy to mean confidence; pale: fewer than {FEW} images"
        figure.text(0.1 / width, 0.1 / height, note, fontsize=8, color="0.35")
        figure.savefig(path)


def _panel(accuracy, shares, bins: dict, head: str, key: str) -> None:
    counts, hits, sure = (np.array(bins[name], float) for name in ("counts", "hits", "confidence"))
    edges, there = np.linspace(0, 1, len(counts) + 1), counts > 0
    width, middle = edges[1], (edges[:-1] + edges[1:]) / 2
    right = np.divide(hits, counts, out=np.zeros_like(hits), where=there)
    mean = np.divide(sure, counts, out=np.zeros_like(hits), where=there)
    colour = COLOURS.get(head, "#475569")
    for some, alpha in ((there & (counts >= FEW), 0.85), (there & (counts < FEW), 0.3)):
        accuracy.bar(middle[some], right[some], width * 0.92, color=colour, alpha=alpha, linewidth=0)
    # from what was reached to what was promised
    accuracy.vlines(mean[there], right[there], mean[there], color="#b91c1c", linewidth=1.4)
    accuracy.plot([0, 1], [0, 1], color="0.55", linewidth=0.8, linestyle="--")
    accuracy.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="accuracy")
    accuracy.tick_params(labelbottom=False)
    accuracy.set_title(f"{head}, {COLUMNS[key]}", loc="left", fontsize=9)
    shares.bar(middle, counts / max(counts.sum(), 1), width * 0.92, color="0.6", linewidth=0)
    error = f"calibration error {percent(calibration.error(bins))} %"
    shares.set(xlabel=f"confidence ({error})", ylabel="share")
