"""What the triplets make of the features, as maps and in numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dmljax.report import differences, probes, statistics
from dmljax.report.differences import Difference
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

    measured, panels = [], []
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
                measured.append({**found, "kind": found["label"], **measures.run(row)})
    picture = out / "triplets.png"
    plots.maps(panels, picture, columns=len(panels) // len({panel.group for panel in panels}))
    changes = _changes(measured)
    return [
        Table(_table(measured)),
        *_verdict(changes),
        Picture(picture, "t-SNE of the embedding by expression, pose and identity"),
        Text(f"Features are the embedding of test people. {probes.NOTE}"),
        *measures.notes(list(changes.values())),
    ]


def _table(measured: list[dict]) -> list[list[str]]:
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
            own = [found for found in measures.of(measured, label) if found["kind"] == kind]
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


def _changes(measured: list[dict]) -> dict[tuple[str, str, str], Difference | None]:
    """(kind of label, network, measure) -> what its triplets change: neighbours, which the near images
    decide, and R-precision, which all of a class decide.
    """
    found = {
        (kind, label, key): measures.difference(
            [row for row in measured if row["kind"] == kind], label, WITHOUT, key
        )
        for kind in probes.LABELS
        for label in NETWORKS
        if label != WITHOUT
        for key in ("neighbours", "R-precision")
    }
    return dict(zip(found, differences.adjusted(list(found.values()))))


def _verdict(changes: dict[tuple[str, str, str], Difference | None]) -> list[Finding]:
    """Each kind of triplets against none."""
    told = lambda found: f"{measures.gain(found)} ({measures.certainty(found)})"
    said = []
    for kind in probes.LABELS:
        there = [
            f"{title} {told(changes[kind, label, 'neighbours'])} and"
            f" {told(changes[kind, label, 'R-precision'])}"
            for label, title in NETWORKS.items()
            if label != WITHOUT and changes[kind, label, "neighbours"]
        ]
        if there:
            wanted = {"expression": " More is wanted.", "identity": " Less is wanted."}.get(kind, "")
            said.append(
                Finding(
                    f"{kind}, five neighbours and R-precision against no triplets, points:"
                    f" {'; '.join(there)}.{wanted}"
                )
            )
    return said
