"""The report of a comparison of weighting strategies: a table (CSV, Markdown), plots of losses and weights,
one HTML page.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from dmljax.report import page, parts, statistics

HEADS = {"expression accuracy": "expression", "pose accuracy": "pose"}
COLUMNS = (
    "strategy",
    "runs",
    "expression %",
    "95 %",
    "pose %",
    "95 %",
    "delta-m %",
    "95 %",
    "p, equal",
    "step x",
    "memory x",
)


def summarise(rows: list[dict]) -> list[dict]:
    """One entry a strategy, best delta-m first.

    Delta-m is the mean over the tasks of the loss of accuracy against that task's single-task run of the same
    seed and fold,
    in per cent of the latter: lower is better, negative where training together helps. Intervals are
    Student's over the runs; runs of several folds of one seed share people and are counted as if they did
    not. The p value is of a paired t test of the expression accuracy against equal weights, two-sided and not
    corrected for the number of strategies. Step time and peak memory are ratios to equal weights, medians
    over the runs.
    """
    by = {(row["label"], row["seed"], row["fold"]): row for row in rows}
    found = []
    for label in dict.fromkeys(row["label"] for row in rows):
        own = [row for row in rows if row["label"] == label]
        equal = [by.get(("equal", row["seed"], row["fold"])) for row in own]
        entry = {"label": label, "runs": len(own)}
        for measure, head in HEADS.items():
            if not label.startswith("single_") or label == f"single_{head}":
                entry[head] = statistics.interval([row[measure] for row in own if measure in row])
        if not label.startswith("single_"):
            entry["delta"] = statistics.interval([d for row in own if (d := _delta(row, by)) is not None])
        pairs = [(row["expression accuracy"], e["expression accuracy"]) for row, e in zip(own, equal) if e]
        entry["p"] = statistics.paired(pairs) if label not in ("equal", "single_pose") else None
        for key in ("step_s", "peak_bytes"):
            ratios = [row[key] / e[key] for row, e in zip(own, equal) if e]
            entry[key] = float(np.median(ratios)) if ratios else None
        found.append(entry)
    return sorted(found, key=lambda entry: entry["delta"][0] if entry.get("delta") else np.inf)


def _delta(row: dict, by: dict) -> float | None:
    losses = []
    for measure, head in HEADS.items():
        single = by.get((f"single_{head}", row["seed"], row["fold"]))
        if measure in row and single is not None and single[measure] > 0:
            losses.append(100 * (single[measure] - row[measure]) / single[measure])
    return float(np.mean(losses)) if losses else None


def table(entries: list[dict]) -> list[list[str]]:
    """Rows of text, the header first; '-' where there is nothing to say."""
    text = lambda value, form: "-" if value is None else format(value, form)
    return [
        list(COLUMNS),
        *(
            [
                e["label"],
                str(e["runs"]),
                *statistics.cell(e.get("expression"), 100),
                *statistics.cell(e.get("pose"), 100),
                *statistics.cell(e.get("delta")),
                statistics.probability(e["p"]),
                text(e["step_s"], ".2f"),
                text(e["peak_bytes"], ".2f"),
            ]
            for e in entries
        ),
    ]


def write(folder: Path, rows: list[dict], lost: list[str], planned: int) -> str:
    """Writes comparison.csv, .md, .html and the plots; returns the table for the terminal. `lost`: lines
    about what failed or is mixed.
    """
    entries = summarise(rows)
    title = f"Loss weightings on {rows[0]['dataset']}: {len(rows)} of {planned} runs"
    note = " ".join(summarise.__doc__.split("\n\n")[1].split())
    shown = [
        parts.Table(table(entries)),
        parts.Text(note),
        *(parts.Text(line, lost=True) for line in lost),
        *(parts.Picture(path, f"{path.stem} over the steps") for path in _plots(folder, rows, entries)),
    ]
    parts.write_csv(shown, folder / "comparison.csv")
    (folder / "comparison.md").write_text(f"# {title}\n\n{parts.markdown(shown, folder)}\n", encoding="utf-8")
    page.write(folder / "comparison.html", title, *parts.html(shown))
    return parts.terminal(shown[:1])


def _plots(folder: Path, rows: list[dict], entries: list[dict]) -> list[Path]:
    """losses.png and weights.png: means over the runs of a strategy, one small plot each."""
    from dmljax.report import plots

    series = {}
    for row in rows:
        lines = [
            line
            for line in map(json.loads, (Path(row["folder"]) / "train.jsonl").read_text().splitlines())
            if "loss/total" in line
        ]
        series.setdefault(row["label"], []).append(lines)
    shown = [entry["label"] for entry in entries]
    wanted = {"loss": folder / "losses.png", "weight": folder / "weights.png"}
    return [
        path
        for prefix, path in wanted.items()
        if plots.small_multiples({label: series[label] for label in shown}, prefix, path)
    ]
