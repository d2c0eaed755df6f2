"""The leak audit's tables and pictures: what a network's features tell of expression, pose and identity,
beside another network's.
"""

from __future__ import annotations

import csv
from pathlib import Path

from dmljax.report import parts, probes, tables

HEADER = (
    "run",
    "features",
    "label",
    "images",
    "chance %",
    "linear probe %",
    "95 %",
    "5 neighbours %",
    "95 %",
    "MAP@R",
    "silhouette",
)


def write(folder: Path, runs: dict, *, maps: bool = True) -> str:
    """Writes audit.csv, audit.md and, with `maps`, a t-SNE map of each run; returns the table for the
    terminal.

    Args:
      runs: name -> features: `spaces`, `labels` and `names`, see `evaluate.features`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = [
        {"run": name} | row
        for name, features in runs.items()
        for row in probes.audit(features.spaces, features.labels)
    ]
    with open(folder / "audit.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(key for row in found for key in row)))
        writer.writeheader()
        writer.writerows(found)
    lines = [
        HEADER,
        *map(
            _line,
            sorted(found, key=lambda row: (probes.LABELS.index(row["label"]), row["run"], row["space"])),
        ),
    ]
    data = ", ".join(f"{name}: {features.dataset}, step {features.step}" for name, features in runs.items())
    page = "\n".join(
        [
            "# What the features tell",
            "",
            f"Test images of {data}.",
            "",
            tables.markdown(lines),
            "",
            probes.NOTE,
            "",
        ]
    )
    (folder / "audit.md").write_text(page, encoding="utf-8")
    if maps:
        for name, features in runs.items():
            _map(features, folder / f"map_{name}.png")
    return parts.terminal([parts.Table(lines)])


def _line(row: dict) -> tuple[str, ...]:
    interval = lambda kind: f"{100 * row[kind + '_low']:.1f} to {100 * row[kind + '_high']:.1f}"
    percent = lambda key: f"{100 * row[key]:.1f}"
    return (
        row["run"],
        row["space"],
        row["label"],
        str(row["images"]),
        percent("chance"),
        percent("linear"),
        interval("linear"),
        percent("neighbours"),
        interval("neighbours"),
        f"{row['MAP@R']:.3f}",
        f"{row['silhouette']:.3f}",
    )


def _map(features, path: Path) -> None:
    """t-SNE of the embedding, coloured by each label."""
    from dmljax.report import plots

    place = plots.tsne(features.spaces["embedding"])
    panels = [
        plots.Panel(f"by {label}", place, values, features.names[label])
        for label, values in features.labels.items()
        if (values >= 0).any()
    ]
    plots.maps(panels, path, columns=len(panels))
