"""Ablation: one ResNet, three branches (MFE), + pose head (HPE), + metric learning (JEFL), + dynamic weights
(DWML).
"""

from __future__ import annotations

import numpy as np

from dmljax.report import statistics
from dmljax.report.parts import Finding, Part, Table, Text
from dmljax.studies import measures as _runs
from dmljax.studies import networks as _networks
from dmljax.studies import published as _published
from dmljax.studies.members import Member

ITEMS = ("table8",)
# Each row adds one part of the method to the row before it.
ROWS = ("one_resnet", "mfe", "hpe", "jefl", "dynamic")
SPEED = ROWS
SETS = _published.SETS[:3]


def members(plan: _networks.Plan) -> list[Member]:
    """Raises UserError if the set or the configuration has nothing that one of the parts needs."""
    _networks.check_whole(plan.config, "the ablation")
    return _networks.runs(plan, ROWS)


def _title(label: str) -> str:
    return "+ dynamic weights" if label == "dynamic" else _networks.NETWORKS[label].title


def show(rows: list[dict], out) -> list[Part]:
    """Means with 95 % intervals over runs, a paired t test against the row before, speed; and whether each
    part helped.
    """
    del out
    header = [
        "network",
        "runs",
        "expression %",
        "95 %",
        "gain",
        "p, row before",
        "pose %",
        "frames/s",
        "train images/s",
        *(f"paper: {name} %" for name in SETS),
    ]
    lines, said, before = [header], [], None
    for label in ROWS:
        own, both = _runs.of(rows, label), _runs.pairs(rows, label, before) if before else []
        p = statistics.paired(both)
        rates = [row["images_s"] for row in own if row.get("images_s")]
        frames = next((row["frames_s"] for row in own if row.get("frames_s")), None)
        lines.append(
            [
                _title(label),
                str(len(own)),
                *_runs.percent(own),
                _runs.gain(both),
                statistics.probability(p),
                _runs.percent(own, "pose accuracy")[0],
                "-" if frames is None else f"{frames:.0f}",
                f"{np.median(rates):.0f}" if rates else "-",
                *_published.cells(_published.ABLATION[label], SETS),
            ]
        )
        if before:
            gain = np.mean([a - b for a, b in both]) if both else 0.0
            points = f"{_runs.gain(both)} points, " if both else ""
            said.append(
                Finding(
                    f"{_title(label).removeprefix('+ ')}: {points}{_runs.told(p, gain)}, {len(both)} pairs."
                )
            )
        before = label
    note = (
        "Frames a second: one image at a time through the network, measured in turns after all runs. Train"
        " images a second: while the runs shared the machine."
    )
    return [Table(lines), *said, Text(note)]
