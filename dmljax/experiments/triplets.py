"""What the triplets make of the features, as maps and in numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dmljax.report import probes, statistics
from dmljax.report.parts import Finding, Part, Picture, Table, Text
from dmljax.studies import measures, networks
from dmljax.studies.members import Member

TITLE = "What the triplets make of the features: maps without triplets, with pose, identity and both"
ITEMS = ("fig10", "fig11", "fig12", "fig13")
NEEDS = ("evaluation/features.npz",)
NETWORKS = {
    "hpe": "no triplets",
    "pose_triplets": "pose triplets",
    "identity_triplets": "identity triplets",
    "jefl": "both triplets",
}
WITHOUT = "hpe"
NUMBERS = {"silhouette": 1, "neighbours": 100, "P@1": 100, "R-precision": 100, "MAP@R": 100}


def members(request: networks.Request) -> list[Member]:
    """Equal weights throughout, so that the triplets alone differ."""
    networks.check_whole(request.config, "the triplets' figure")
    return networks.members_of(request, NETWORKS)


def show(rows: list[dict], out: Path) -> list[Part]:
    """Maps of the first run of each network; numbers over all runs; what the triplets change, tested in
    pairs.
    """
    from dmljax.report import plots

    measured, panels = {}, []
    for label, title in NETWORKS.items():
        for row in measures.of(rows, label):
            embedding, labels, names = measures.features(row)
            if not panels or panels[-1].group != title:
                place = plots.tsne(embedding)
                known = [kind for kind in probes.LABELS if (labels[kind] >= 0).any()]
                panels += [
                    plots.Panel(f"{title}: {kind}", place, labels[kind], names[kind], title) for kind in known
                ]
            for found in probes.audit({"embedding": embedding}, labels):
                measured[label, found["label"], row["seed"], row["fold"]] = found
    picture = out / "triplets.png"
    plots.maps(panels, picture, columns=len(panels) // len({panel.group for panel in panels}))
    return [
        Table(_table(measured)),
        *_verdict(measured),
        Picture(picture, "t-SNE of the embedding by expression, pose and identity"),
        Text(f"Features are the embedding of test people. {probes.NOTE}"),
    ]


def _table(measured: dict) -> list[list[str]]:
    lines = [
        [
            "of",
            "network",
            "runs",
            "chance %",
            "silhouette",
            "95 %",
            "5 neighbours %",
            "95 %",
            "P@1 %",
            "R-precision %",
            "MAP@R %",
        ]
    ]
    for kind in probes.LABELS:
        for label, title in NETWORKS.items():
            own = [found for key, found in measured.items() if key[:2] == (label, kind)]
            if own:
                cell = lambda key, own=own: statistics.interval([found[key] * NUMBERS[key] for found in own])
                silhouette, half = cell("silhouette")
                lines.append(
                    [
                        kind,
                        title,
                        str(len(own)),
                        f"{100 * np.mean([f['chance'] for f in own]):.1f}",
                        f"{silhouette:.3f}",
                        "-" if np.isnan(half) else f"± {half:.3f}",
                        *statistics.cell(cell("neighbours")),
                        *(statistics.cell(cell(key))[0] for key in ("P@1", "R-precision", "MAP@R")),
                    ]
                )
    return lines


def _verdict(measured: dict) -> list[Finding]:
    """Each kind of triplets against none: neighbours, which the near images decide, and R-precision, which
    all of a class decide.
    """
    said = []
    for kind in probes.LABELS:
        changes = [
            f"{NETWORKS[label]} {_change(measured, label, kind, 'neighbours')} and"
            f" {_change(measured, label, kind, 'R-precision')}"
            for label in NETWORKS
            if label != WITHOUT and _both(measured, label, kind, "neighbours")
        ]
        if changes:
            wanted = {"expression": " More is wanted.", "identity": " Less is wanted."}.get(kind, "")
            said.append(
                Finding(
                    f"{kind}, five neighbours and R-precision against no triplets, points:"
                    f" {'; '.join(changes)}.{wanted}"
                )
            )
    return said


def _both(measured: dict, label: str, kind: str, key: str) -> list[tuple[float, float]]:
    """(with these triplets, without) for each seed and fold that both have."""
    with_, without = (
        {where[2:]: found[key] for where, found in measured.items() if where[:2] == (name, kind)}
        for name in (label, WITHOUT)
    )
    return [(with_[run], without[run]) for run in sorted(with_.keys() & without.keys())]


def _change(measured: dict, label: str, kind: str, key: str) -> str:
    both = _both(measured, label, kind, key)
    return f"{measures.gain(both)} ({measures.certainty(statistics.paired(both))})"
