"""What is shown of a sweep: its trials, the best first; which fields matter; values and what they gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from dmljax import writing
from dmljax.report import page, parts, tables

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NOTE = (
    "Scores are those of the validation people, who were held out of training to choose by; the best of many"
    " trials is better there than it will be on others. No run is judged by the people who test in it."
)
BEHIND = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.0}  # of a label on a line
FEW = "Too few complete trials to say which field matters."


class Tried(Protocol):
    """See `studies.sweep.Tried`."""

    number: int
    values: Mapping[str, str]
    score: float | None
    state: str
    reason: str


def write(
    folder: Path,
    fields: Mapping[str, bool],
    tried: Sequence[Tried],
    importance: Mapping[str, float],
    measure: str,
    larger: bool,
) -> Path:
    """Writes sweep.csv, .md, .html and the plots; returns the page.

    Args:
      fields: what was tried -> whether its range is logarithmic.
      tried: the trials that are over.
      importance: share of the scores' variance by field; empty where it is not known.
      measure, larger: what was sought, and whether more of it is better.
    """
    share = measure.startswith("accuracy")
    shown = lambda score: "-" if score is None else tables.percent(score) if share else f"{score:.4f}"
    worst = -np.inf if larger else np.inf
    ranked = sorted(tried, key=lambda one: worst if one.score is None else one.score, reverse=larger)
    lines = [["trial", f"{measure}{', %' if share else ''}", *fields, "state"]]
    lines += [
        [str(one.number), shown(one.score), *(one.values.get(field, "-") for field in fields), one.state]
        for one in ranked
    ]
    title = f"A sweep over {len(fields)} field{'s' if len(fields) > 1 else ''}: {len(tried)} trials"
    told = [parts.Table(lines), parts.Text(NOTE)]
    if importance:
        rows = [["field", "share of the variance, %"]]
        rows += [[field, tables.percent(value)] for field, value in importance.items()]
        told.append(parts.Table(rows, title="Which field matters"))
    elif len(fields) > 1:
        told.append(parts.Text(FEW))
    told += [
        parts.Text(f"trial {one.number} failed: {one.reason}", lost=True) for one in ranked if one.reason
    ]
    complete = [one for one in tried if one.score is not None]
    if complete:
        told.append(_coordinates(folder, fields, complete, measure, larger))
    parts.write_csv(told, folder / "sweep.csv")
    writing.text(folder / "sweep.md", f"# {title}\n\n{parts.markdown(told, folder)}\n")
    return page.write(folder / "sweep.html", title, *parts.html(told))


def _coordinates(folder: Path, fields: Mapping[str, bool], complete, measure: str, larger: bool):
    """Parallel coordinates: a line a trial through its values and its score; the best is drawn last."""
    import matplotlib
    from matplotlib.figure import Figure

    from dmljax.report import plots

    path = folder / "sweep.png"
    scores = np.array([one.score for one in complete])
    order = np.argsort(scores if larger else -scores, kind="stable")
    with plots.style(*fields, measure):
        figure = Figure(figsize=(2.4 + 1.9 * len(fields), 4.0))
        axes = figure.subplots()
        columns = [_column([one.values[field] for one in complete], log) for field, log in fields.items()]
        columns.append(_column([f"{score:.4g}" for score in scores], False))
        _draw(axes, columns, order, matplotlib.colormaps["viridis"])
        axes.set_xticks(range(len(columns)), [name.replace(".", ".\n", 1) for name in (*fields, measure)])
        axes.set_title("a line a trial: the darker, the better; the best is thick", loc="left", fontsize=9)
        figure.savefig(path)
    return parts.Picture(path, f"values of {', '.join(fields)} and {measure} of each trial")


def _column(texts: list[str], log: bool) -> tuple[np.ndarray, list[tuple[float, str]]]:
    """(heights 0..1 of the trials, ticks): numbers by their size, words one above another."""
    try:
        values = np.array([float(text) for text in texts])
        words = False
    except ValueError:
        words = True
    if words:
        names = sorted(set(texts))
        height = {name: k / max(len(names) - 1, 1) for k, name in enumerate(names)}
        return np.array([height[text] for text in texts]), [(height[name], name) for name in names]
    scaled = np.log10(values) if log else values
    low, high = scaled.min(), scaled.max()
    heights = (scaled - low) / (high - low) if high > low else np.full(len(values), 0.5)
    ends = [(0.0, low), (1.0, high)] if high > low else [(0.5, low)]
    return heights, [(height, f"{10**end if log else end:.3g}") for height, end in ends]


def _draw(axes: Axes, columns, order, colours) -> None:
    for rank, trial in enumerate(order):
        axes.plot(
            range(len(columns)),
            [heights[trial] for heights, _ in columns],
            color=colours(0.9 * (1 - rank / max(len(order) - 1, 1))) if len(order) > 1 else colours(0.0),
            linewidth=2.2 if rank == len(order) - 1 else 1.0,
            alpha=1.0 if rank == len(order) - 1 else 0.7,
        )
    for k, (_, ticks) in enumerate(columns):
        axes.axvline(k, color="#9ca3af", linewidth=0.8, zorder=0)
        for height, text in ticks:
            axes.annotate(
                text, (k, height), (4, 0), textcoords="offset points", fontsize=7, va="center", bbox=BEHIND
            )
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(length=0)
    axes.set(xlim=(-0.1, len(columns) - 0.6), ylim=(-0.05, 1.05))
