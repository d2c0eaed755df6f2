"""The leak audit's tables and pictures: what networks' features tell of expression, pose and identity."""

from __future__ import annotations

import csv
from pathlib import Path

from dmljax import writing
from dmljax.report import parts, tables
from dmljax.tables import unquoted
from dmljax.types import LABELS, UserError

FILE = "audit.csv"
FEWEST = 4  # images of a map
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
_WORDS = ("run", "space", "label")  # columns of the file that are no numbers


def write(folder: Path, runs: dict, *, maps: bool = True) -> list[dict]:
    """Audits features and writes audit.csv, audit.md and, with `maps`, a t-SNE map of each run;
    nothing where there is nothing to probe.

    Args:
      runs: name -> features: `spaces`, `labels` and `names`, see `runs.features`.

    Returns:
      the rows of audit.csv: 'run' beside what `probes.audit` gives.
    """
    from dmljax.report import probes

    rows = [
        {"run": name} | row
        for name, features in runs.items()
        for row in probes.audit(features.spaces, features.labels)
    ]
    if not rows:
        return rows
    folder.mkdir(parents=True, exist_ok=True)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    writing.table(folder / FILE, [columns, *([row.get(name, "") for name in columns] for row in rows)])
    data = ", ".join(f"{name}: {features.dataset}, step {features.step}" for name, features in runs.items())
    blocks = [
        "# What the features tell",
        f"Test images of {data}.",
        tables.markdown(table(rows)),
        probes.NOTE,
        *(
            f"{name}: {probes.BY_IMAGE}"
            for name, features in runs.items()
            if not (features.labels["identity"] >= 0).any()
        ),
        *(
            f"{name}: too few images to probe {', '.join(left)}."
            for name, left in left_out(rows, runs).items()
        ),
    ]
    writing.text(folder / "audit.md", "\n\n".join(blocks) + "\n")
    if maps:
        for name, features in runs.items():
            if len(features.spaces["embedding"]) < FEWEST:
                continue
            _map(features, folder / f"map_{name}.png")
    return rows


def read(folder: Path) -> list[dict]:
    """The rows that `write` left in a folder.

    Raises:
      UserError: the file cannot be read.
    """
    path = folder / FILE
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = [
                {key: unquoted(value) if key in _WORDS else float(value) for key, value in row.items()}
                for row in csv.DictReader(file)
            ]
        table(rows)  # lacks no column
    except (OSError, ValueError, TypeError, KeyError, csv.Error) as error:
        raise UserError(f"'{path}' cannot be read ({error}); audit the run again") from None
    return rows


def left_out(rows: list[dict], runs: dict) -> dict[str, list[str]]:
    """name of a run -> its labels that are known and have no row, for there are too few images."""
    there = {(row["run"], row["label"]) for row in rows}
    found = {
        name: [
            label
            for label, values in features.labels.items()
            if (values >= 0).any() and (name, label) not in there
        ]
        for name, features in runs.items()
    }
    return {name: labels for name, labels in found.items() if labels}


def table(rows: list[dict]) -> list[tuple[str, ...]]:
    """The rows as texts, by label, run and features, under a header."""
    order = lambda row: (LABELS.index(row["label"]), row["run"], row["space"])
    return [HEADER, *map(_line, sorted(rows, key=order))]


def terminal(rows: list[dict]) -> str:
    """The table for the terminal."""
    return parts.terminal([parts.Table(table(rows))])


def _line(row: dict) -> tuple[str, ...]:
    interval = lambda kind: f"{100 * row[kind + '_low']:.1f} to {100 * row[kind + '_high']:.1f}"
    percent = lambda key: f"{100 * row[key]:.1f}"
    return (
        row["run"],
        row["space"],
        row["label"],
        f"{row['images']:.0f}",
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
