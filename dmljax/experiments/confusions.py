"""Confusion matrices of DML-Net, expression and pose."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dmljax.report.parts import Finding, Part, Picture
from dmljax.studies import measures, networks
from dmljax.studies.members import Member

TITLE = "Confusion matrices of DML-Net, expression and pose"
ITEMS = ("fig6", "fig7", "fig8", "fig9")


def members(request: networks.Request) -> list[Member]:
    return networks.members_of(request, ("dynamic",))


def show(rows: list[dict], out: Path) -> list[Part]:
    """Counts of all runs as one; the most frequent mistakes in words."""
    from dmljax.report import plots

    whole = measures.pooled(rows)
    parts = []
    for head, counts in whole["confusion"].items():
        names, picture = whole["names"][head], out / f"confusion_{head}.png"
        plots.confusion(counts, names, picture, title=f"DML-Net: {head}, {len(rows)} runs")
        parts += [Picture(picture, f"confusion of {head}"), Finding(_mistakes(counts, names, head))]
    return parts


def _mistakes(counts: np.ndarray, names: list[str], head: str, most: int = 3) -> str:
    images = counts.sum(1, keepdims=True)
    share = np.where(np.eye(len(names), dtype=bool), 0.0, counts / np.maximum(images, 1))
    order = [divmod(int(k), len(names)) for k in np.argsort(-share, axis=None)[:most]]
    said = [
        f"{names[t]} taken for {names[p]} ({100 * share[t, p]:.0f} %)"
        for t, p in order
        if share[t, p] >= 0.005
    ]
    lacking = [name for name, count in zip(names, images[:, 0]) if not count]
    absent = f" No test image of {', '.join(lacking)}." if lacking else ""
    return f"Most frequent mistakes of {head}: {'; '.join(said) if said else 'none'}.{absent}"
