"""The three losses and their weights over the training, with equal and with dynamic weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dmljax import run_folder
from dmljax.report import differences, statistics
from dmljax.report.parts import Finding, Part, Picture, Table, Text
from dmljax.studies import measures, networks
from dmljax.studies.members import Member
from dmljax.types import TASKS

TITLE = "The three losses and their weights over the training, with equal and with dynamic weights"
ITEMS = ("fig15",)
NEEDS = (run_folder.LOG,)
NETWORKS = {"jefl": "equal weights", "dynamic": "dynamic weights"}
LAST = 0.1  # share of the training that counts as its end


def members(request: networks.Request) -> list[Member]:
    networks.check_whole(request.config, "the weights' figure")
    return networks.members_of(request, NETWORKS)


def show(rows: list[dict], out: Path) -> list[Part]:
    """Curves, means over the runs; losses at the end and the range of the weights."""
    from dmljax.report import plots

    kept = {
        label: [
            (measures.run(row), run_folder.steps(Path(row["folder"]))) for row in measures.of(rows, label)
        ]
        for label in NETWORKS
    }
    logs = {title: [log for _, log in kept[label]] for label, title in NETWORKS.items() if kept[label]}
    pictures = [
        Picture(out / f"{kind}.png", f"{kind} over the steps")
        for prefix, kind in (("loss", "losses"), ("weight", "weights"))
        if plots.small_multiples(logs, prefix, out / f"{kind}.png")
    ]
    lines = [
        [
            "weights",
            "runs",
            *(
                text
                for task in TASKS
                for text in (f"{task} loss at the end", "95 %", f"{task} weight: mean", "least to most")
            ),
        ]
    ]
    lines += [
        [title, str(len(runs)), *(cell for task in TASKS for cell in _cells(runs, task))]
        for title, runs in logs.items()
    ]
    # of batches that trained: sizes of the test side say nothing of them
    alone = lambda run: {key: run[key] for key in ("label", "seed", "fold")}
    ends = [
        alone(run) | {task: _end(log, task) for task in TASKS}
        for label in NETWORKS
        for run, log in kept[label]
    ]
    changes = differences.adjusted([measures.difference(ends, "dynamic", "jefl", task) for task in TASKS])
    said = [
        Finding(
            f"{task} loss at the end, dynamic against equal weights: {measures.gain(found, 1, 3)}"
            f" ({measures.certainty(found)})."
        )
        for task, found in zip(TASKS, changes)
        if found
    ]
    note = (
        f"Losses on training batches, unweighted; the end is the last {100 * LAST:.0f} % of the logged steps."
    )
    return [Table(lines), *said, *pictures, Text(note), *measures.notes(changes)]


def _cells(runs: list[list[dict]], task: str) -> list[str]:
    mean, half = statistics.interval([_end(log, task) for log in runs])
    weights = np.array([line[f"weight/{task}"] for log in runs for line in log])
    return [
        f"{mean:.3f}",
        "-" if np.isnan(half) else f"± {half:.3f}",
        f"{weights.mean():.3f}",
        f"{weights.min():.3f} to {weights.max():.3f}",
    ]


def _end(log: list[dict], task: str) -> float:
    return float(np.mean([line[f"loss/{task}"] for line in log[-max(1, round(LAST * len(log))) :]]))
