"""Ablation: the network's parts, one after the other."""

from __future__ import annotations

import numpy as np

from dmljax.report import differences, statistics
from dmljax.report.parts import Finding, Part, Table, Text
from dmljax.studies import measures, networks, published
from dmljax.studies.members import Member

TITLE = "Ablation: one ResNet, three branches (MFE), + pose head (HPE), + triplets (JEFL), + dynamic weights"
ITEMS = ("table8",)
# Each row adds one part of the method to the row before it.
ROWS = ("one_resnet", "mfe", "hpe", "jefl", "dynamic")
SPEED = ROWS


def members(request: networks.Request) -> list[Member]:
    """Raises UserError if the set or the configuration has nothing that one of the parts needs."""
    networks.check_whole(request.config, "the ablation")
    return networks.members_of(request, ROWS)


def _title(label: str) -> str:
    return "+ dynamic weights" if label == "dynamic" else networks.NETWORKS[label].title


def beside(rows: list[dict], item: str) -> published.Here:
    """Expression accuracy of each part, whatever set it was measured on."""
    del item
    return networks.beside("expression %", {label: measures.mean(measures.of(rows, label)) for label in ROWS})


def show(rows: list[dict], out) -> list[Part]:
    """Means with 95 % intervals over runs, the difference to the row before, speed; whether each part helped;
    and the differences to one ResNet.
    """
    del out
    header = [
        "network",
        "runs",
        "expression %",
        "95 %",
        *statistics.COMPARED,
        "pose %",
        "frames/s",
        "train images/s",
    ]
    steps = [measures.difference(rows, label, before) for before, label in zip(ROWS, ROWS[1:])]
    lines, said, gains = [header], [], [None, *differences.adjusted(steps)]
    for label, found in zip(ROWS, gains):
        own = measures.of(rows, label)
        rates = [row["images_s"] for row in own if row.get("images_s")]
        frames = next((row["frames_s"] for row in own if row.get("frames_s")), None)
        lines.append(
            [
                _title(label),
                str(len(own)),
                *measures.percent(own),
                *statistics.compared(found),
                measures.percent(own, "pose accuracy")[0],
                "-" if frames is None else f"{frames:.0f}",
                f"{np.median(rates):.0f}" if rates else "-",
            ]
        )
        if label != ROWS[0]:
            points, count = (f"{measures.gain(found)} points, ", found.pairs) if found else ("", 0)
            part = _title(label).removeprefix("+ ")
            said.append(Finding(f"{part}: {points}{measures.told(found)}, {count} pairs."))
    note = (
        "Differences are to the row before. Frames a second: one image at a time through the network,"
        " measured in turns after all runs. Train images a second: while the runs shared the machine."
    )
    return [Table(lines), *said, Text(note), *measures.notes(gains), *_beside_the_first(rows)]


def _beside_the_first(rows: list[dict]) -> list[Part]:
    """What the parts give together: differences to one ResNet, p values of Holm over these."""
    first, *others = ROWS
    found = differences.adjusted([measures.difference(rows, label, first) for label in others])
    lines = [[_title(label), *statistics.compared(one)] for label, one in zip(others, found)]
    note = (
        "The same runs, tested in the same way; p is Holm's over these differences, and they alone tell"
        " how much seeds differ."
    )
    return [Table([["network", *statistics.COMPARED], *lines], f"Beside {_title(first)}"), Text(note)]
