"""Ablation: the network's parts, one after the other."""

from __future__ import annotations

import numpy as np

from dmljax.report import statistics
from dmljax.report.parts import Finding, Part, Table, Text
from dmljax.studies import measures, networks, published
from dmljax.studies.members import Member

TITLE = "Ablation: one ResNet, three branches (MFE), + pose head (HPE), + triplets (JEFL), + dynamic weights"
ITEMS = ("table8",)
# Each row adds one part of the method to the row before it.
ROWS = ("one_resnet", "mfe", "hpe", "jefl", "dynamic")
SPEED = ROWS
SETS = published.SETS[:3]


def members(request: networks.Request) -> list[Member]:
    """Raises UserError if the set or the configuration has nothing that one of the parts needs."""
    networks.check_whole(request.config, "the ablation")
    return networks.members_of(request, ROWS)


def _title(label: str) -> str:
    return "+ dynamic weights" if label == "dynamic" else networks.NETWORKS[label].title


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
        own, both = measures.of(rows, label), measures.pairs(rows, label, before) if before else []
        p = statistics.paired(both)
        rates = [row["images_s"] for row in own if row.get("images_s")]
        frames = next((row["frames_s"] for row in own if row.get("frames_s")), None)
        lines.append(
            [
                _title(label),
                str(len(own)),
                *measures.percent(own),
                measures.gain(both),
                statistics.probability(p),
                measures.percent(own, "pose accuracy")[0],
                "-" if frames is None else f"{frames:.0f}",
                f"{np.median(rates):.0f}" if rates else "-",
                *published.cells(published.ABLATION[label], SETS),
            ]
        )
        if before:
            gain = np.mean([a - b for a, b in both]) if both else 0.0
            points = f"{measures.gain(both)} points, " if both else ""
            verdict = measures.told(p, gain)
            said.append(Finding(f"{_title(label).removeprefix('+ ')}: {points}{verdict}, {len(both)} pairs."))
        before = label
    note = (
        "Frames a second: one image at a time through the network, measured in turns after all runs. Train"
        " images a second: while the runs shared the machine."
    )
    return [Table(lines), *said, Text(note)]
