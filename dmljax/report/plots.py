"""Plots of a run, as PNG, from its files.

By Matplotlib's objects, not pyplot: whoever calls this from a notebook keeps his backend and his figures.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from dmljax.report import lettering
from dmljax.types import TOTAL

STYLE = {
    "figure.dpi": 130,
    "savefig.bbox": "tight",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}
COLOURS = {"expression": "#2563a8", "pose": "#d97706", "triplet": "#15803d", "angles": "#7c3aed"}
CONFLICT = "cosine of the tasks' gradients"


def style(*texts: str, frame: bool = True):
    """The house's settings, with fonts for these texts, in a block."""
    axes = {} if frame else {"axes.spines.left": False, "axes.spines.bottom": False}
    return matplotlib.rc_context(STYLE | lettering.settings(texts) | axes)


def _grid(share, text, rows, columns, path: Path, *, title: str, x: str, y: str) -> None:
    """A table of shares 0..1 as shades, each cell labelled; nan cells stay white."""
    with style(title, *rows, *columns, frame=False):
        figure = Figure(figsize=(2.0 + 0.62 * len(columns), 1.5 + 0.46 * len(rows)))
        axes = figure.subplots()
        axes.imshow(share, vmin=0, vmax=1, cmap="Blues", aspect="auto")
        long = max(map(len, columns)) > 4
        axes.set_xticks(
            range(len(columns)), columns, rotation=45 if long else 0, ha="right" if long else "center"
        )
        axes.set_yticks(range(len(rows)), rows)
        axes.tick_params(length=0)
        axes.set(xlabel=x, ylabel=y)
        axes.set_title(lettering.plain(title), loc="left", fontsize=9)
        for r, c in np.ndindex(share.shape):
            axes.text(
                c,
                r,
                text[r][c],
                ha="center",
                va="center",
                fontsize=8,
                color="white" if share[r, c] > 0.55 else "#1f2937",
            )
        figure.savefig(path)


def confusion(counts: np.ndarray, names: list[str], path: Path, *, title: str) -> None:
    """A confusion matrix [true, predicted]: rows in %."""
    total = counts.sum(1, keepdims=True)
    share = np.where(total > 0, counts / np.maximum(total, 1), np.nan)
    text = [[f"{100 * s:.0f}" if np.isfinite(s) and s > 0 else "" for s in row] for row in share]
    _grid(
        share,
        text,
        [f"{n} ({t})" for n, t in zip(lettering.shown(names), total[:, 0])],
        lettering.shown(names),
        path,
        title=title,
        x="predicted, % of the row",
        y="true (samples)",
    )


def cells(
    hits: np.ndarray, counts: np.ndarray, expressions: list[str], poses: list[str], path: Path, *, title: str
) -> None:
    """Expression accuracy per expression and pose."""
    share = np.where(counts > 0, hits / np.maximum(counts, 1), np.nan)
    text = [[f"{100 * s:.0f}" if np.isfinite(s) else "-" for s in row] for row in share]
    rows, columns = lettering.shown(expressions), lettering.shown(poses)
    _grid(share, text, rows, columns, path, title=title, x="pose", y="expression")


def _series(lines: list[dict], prefix: str) -> dict[str, tuple[list, list]]:
    keys = [key for key in lines[0] if key.startswith(prefix)] if lines else []
    return {
        key[len(prefix) :]: ([d["step"] for d in lines if key in d], [d[key] for d in lines if key in d])
        for key in keys
    }


def curves(log: list[dict], path: Path, *, title: str) -> bool:
    """Losses, their weights, accuracies and the state of the embedding over the steps; False if the log is
    empty.
    """
    lines = [line for line in log if TOTAL in line]
    if not lines:
        return False
    panels = {
        "unweighted loss": _series(lines, "loss/"),
        "weight": _series(lines, "weight/"),
        "accuracy on training batches": _series(lines, "accuracy/"),
        "error on training batches, degrees": _series(lines, "error/"),
        "embedding": _embedding(lines),
        CONFLICT: _series([d for d in log if "conflict/norm_expression" in d], "conflict/cosine_"),
    }
    panels = {name: series for name, series in panels.items() if series}
    with style(title):
        figure = Figure(figsize=(3.3 * len(panels), 3.1))
        axes = figure.subplots(1, len(panels), squeeze=False)
        for one, (name, series) in zip(axes[0], panels.items()):
            for key, (x, y) in series.items():
                if key not in ("total", "weighted"):
                    label = key.replace("_", ", ") if name == CONFLICT else key
                    one.plot(
                        x,
                        y,
                        label=label,
                        color=COLOURS.get(key),
                        linewidth=1.1,
                        marker="" if len(x) > 1 else "o",  # one point makes no line
                        linestyle="--" if "identity" in key else "-",
                    )
            one.set_title(name, loc="left", fontsize=9)
            one.set(xlabel="step", ylim=(-1, 1) if name == CONFLICT else (0, None))
            one.axhline(0, color="0.8", linewidth=0.6, zorder=0)
            one.legend(
                fontsize=7,
                loc="upper center",
                bbox_to_anchor=(0.5, -0.22),
                ncols=3 if len(series) != 4 else 2,
            )
        figure.suptitle(lettering.plain(title), x=0.01, ha="left", fontsize=10)
        figure.tight_layout()
        figure.savefig(path)
    return True


def small_multiples(runs: dict[str, list[list[dict]]], prefix: str, path: Path) -> bool:
    """One small plot a name: `prefix`/<task> over the steps, means over that name's runs (lists of log
    lines). False if there is nothing.
    """
    drawn = {name: list(zip(*logs)) for name, logs in runs.items() if logs and all(logs)}
    if not drawn:
        return False
    columns = min(4, len(drawn))
    rows = -(-len(drawn) // columns)
    with style(*drawn):
        figure = Figure(figsize=(2.6 * columns, 2.0 * rows + 0.4))
        axes = figure.subplots(rows, columns, squeeze=False, sharex=True)
        for one, (name, steps) in zip(axes.flat, drawn.items()):
            for key in [
                key
                for key in steps[0][0]
                if key.startswith(f"{prefix}/") and not key.endswith(("/total", "/weighted"))
            ]:
                task = key.removeprefix(f"{prefix}/")
                one.plot(
                    [same[0]["step"] for same in steps],
                    [np.mean([line[key] for line in same]) for same in steps],
                    label=task,
                    color=COLOURS.get(task),
                    linewidth=1.0,
                    marker="o" if len(steps) == 1 else "",  # one point makes no line
                    markersize=3,
                    clip_on=len(steps) > 1,
                )
            one.set_title(lettering.plain(name), loc="left", fontsize=9)
            one.set_ylim(bottom=0)
        for one in list(axes.flat)[max(len(drawn) - columns, 0) :]:
            one.tick_params(labelbottom=True)
        for one in list(axes.flat)[len(drawn) :]:
            one.set_axis_off()
        handles, labels = axes[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="lower center", ncols=3, fontsize=8)
        figure.suptitle(
            {"loss": "unweighted loss", "weight": "weight"}[prefix] + " over the steps",
            x=0.01,
            ha="left",
            fontsize=10,
        )
        figure.tight_layout(rect=(0, 0.3 / (2.0 * rows + 0.4), 1, 1))
        figure.savefig(path)
    return True


class Panel(NamedTuple):
    """One map: points `place` [N, 2] coloured by `values` (classes [N], negative: not known) with `names`;
    `group`: panels in one row.
    """

    title: str
    place: np.ndarray
    values: np.ndarray
    names: tuple[str, ...]
    group: str = ""


def tsne(features: np.ndarray) -> np.ndarray:
    """Places [N, 2] for features [N, D], the same for the same features; 0 where they are one point."""
    if not np.ptp(features, axis=0).any():  # which ends the library with a segmentation fault
        return np.zeros((len(features), 2), np.float32)
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    # its threads wait for each other by spinning, for minutes where something else has the cores
    with threadpool_limits(1):
        return np.asarray(
            TSNE(perplexity=min(30, (len(features) - 1) / 3), init="pca", random_state=0).fit_transform(
                features
            )
        )


def maps(panels: list[Panel], path: Path, *, columns: int) -> None:
    """Maps in rows of `columns`; a legend where there are few names and no panel above has it already."""
    rows = -(-len(panels) // columns)
    texts = [text for panel in panels for text in (panel.title, *panel.names)]
    with style(*texts, frame=False):
        figure = Figure(figsize=(4.2 * columns, 4.2 * rows + 0.4))
        axes = figure.subplots(rows, columns, squeeze=False)
        for k, (axis, panel) in enumerate(zip(axes.flat, panels)):
            classes, names = np.unique(panel.values[panel.values >= 0]), lettering.shown(panel.names)
            scale = matplotlib.colormaps["tab10" if len(classes) <= 10 else "turbo"]
            colours = scale.resampled(max(len(classes), 1))
            axis.scatter(*panel.place[panel.values < 0].T, s=7, color="#cbd5e1", linewidths=0)
            for c, code in enumerate(classes):
                axis.scatter(
                    *panel.place[panel.values == code].T,
                    s=7,
                    color=colours(c),
                    linewidths=0,
                    label=names[code],
                )
            axis.set(xticks=[], yticks=[])
            axis.set_title(
                lettering.plain(panel.title) + ("" if len(classes) <= 10 else f" ({len(classes)})"),
                loc="left",
                fontsize=9,
            )
            if len(classes) <= 10 and k + columns >= len(panels):
                axis.legend(
                    loc="upper center",
                    bbox_to_anchor=(0.5, -0.01),
                    ncols=4,
                    markerscale=2,
                    handletextpad=0.1,
                    columnspacing=0.8,
                )
        for axis in list(axes.flat)[len(panels) :]:
            axis.set_axis_off()
        figure.savefig(path, dpi=90)  # many points, no detail


def _embedding(lines: list[dict]) -> dict:
    wanted = {
        "triplet/pose_hardest_positive": "D+ pose",
        "triplet/pose_hardest_negative": "D- pose",
        "triplet/identity_hardest_positive": "D+ identity",
        "triplet/identity_hardest_negative": "D- identity",
        "triplet/expression_hardest_positive": "D+ expression",
        "triplet/expression_hardest_negative": "D- expression",
    }
    return {
        label: ([d["step"] for d in lines], [d[key] for d in lines])
        for key, label in wanted.items()
        if key in lines[0]
    }
