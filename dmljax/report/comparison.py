"""What is shown of a comparison of weighting strategies: a table, plots of losses and weights, a page."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dmljax import run_folder, writing
from dmljax.metrics import angles
from dmljax.report import differences, levels, page, parts, statistics
from dmljax.types import ANGLES, EXPRESSION, POSE

HEADS = {"expression accuracy": EXPRESSION, "pose accuracy": POSE}
# What the numbers are, for whoever reads the table.
NOTE = (
    "The best delta-m comes first. Delta-m is the mean over the tasks of the loss of accuracy against that"
    " task's single-task run of the same seed and fold (of angles: the gain of error), in per cent of the"
    " latter: lower is better, negative where training together helps."
    " Intervals of accuracies are over other people and other runs, as those of differences are; those of"
    " other means are Student's over the runs. The difference is in expression accuracy, against equal"
    " weights (in pose accuracy where no expression is known); p is two-sided. Step time and peak memory are"
    " ratios to equal weights, medians over the runs, which may have shared the machine: what a strategy"
    " costs is measured elsewhere (benchmarks/weightings.py)."
)
SHUFFLED = "+shuffle"  # behind the name of a strategy whose weights are shuffled
QUALITY = {"R-precision": "R-precision %", "ECE": "calibration error %"}
QUALITY_NOTE = (
    "R-precision: R test images have the same expression as a given one; of the R that are nearest to it in"
    " the embedding, the share that has it. Calibration error: the expected one of the expression's"
    " probabilities, in 15 bins, without a fitted temperature."
)
COLUMNS = (
    "strategy",
    "runs",
    "expression %",
    "95 %",
    "pose %",
    "95 %",
    "delta-m %",
    "95 %",
    *statistics.COMPARED,
    "step x",
    "memory x",
)


def summarise(rows: list[dict]) -> list[dict]:
    """One entry a strategy, best delta-m first; `NOTE` says what its numbers are."""
    by = {(row["label"], row["seed"], row["fold"]): row for row in rows}
    alone = {(row["single"], row["seed"], row["fold"]): row for row in rows if row["single"]}
    measured = _measured(rows)
    entries = []
    for label in dict.fromkeys(row["label"] for row in rows):
        own = [row for row in rows if row["label"] == label]
        equal = [by.get(("equal", row["seed"], row["fold"])) for row in own]
        task = own[0]["single"]
        entry = {"label": label, "runs": len(own)}
        for measure, head in HEADS.items():
            if task in (None, head):
                entry[head] = levels.level(own, measure)
        if task in (None, ANGLES) and (errors := [row[angles.MEAN] for row in own if angles.MEAN in row]):
            entry[ANGLES] = statistics.interval(errors)
        if task is None:
            entry["delta"] = statistics.interval([d for row in own if (d := _delta(row, alone)) is not None])
        both = differences.pairs(rows, label, "equal", measured)
        compared = label != "equal" and HEADS.get(measured) in entry
        entry["difference"] = differences.difference(both) if compared else None
        for key in ("step_s", "peak_bytes"):
            ratios = [row[key] / e[key] for row, e in zip(own, equal) if e]
            entry[key] = float(np.median(ratios)) if ratios else None
        entries.append(entry)
    for entry, found in zip(entries, differences.adjusted([entry["difference"] for entry in entries])):
        entry["difference"] = found
    return sorted(entries, key=lambda entry: entry["delta"][0] if entry.get("delta") else np.inf)


def _measured(rows: list[dict]) -> str:
    """What differences are of: the accuracy of the expression or, where none is known, of the pose."""
    return next((measure for measure in HEADS if any(measure in row for row in rows)), "")


def _delta(row: dict, alone: dict) -> float | None:
    losses = []
    for measure, head in HEADS.items():
        single = alone.get((head, row["seed"], row["fold"]))
        if measure in row and single is not None and single[measure] > 0:
            losses.append(100 * (single[measure] - row[measure]) / single[measure])
    single = alone.get((ANGLES, row["seed"], row["fold"]))
    if angles.MEAN in row and single is not None and single[angles.MEAN] > 0:
        losses.append(100 * (row[angles.MEAN] - single[angles.MEAN]) / single[angles.MEAN])
    return float(np.mean(losses)) if losses else None


def table(entries: list[dict]) -> list[list[str]]:
    """Rows of text, the header first; '-' where there is nothing to say."""
    text = lambda value, form: "-" if value is None else format(value, form)
    known = any(ANGLES in entry for entry in entries)
    at = COLUMNS.index("delta-m %")
    return [
        [*COLUMNS[:at], *(("angle error, degrees", "95 %") if known else ()), *COLUMNS[at:]],
        *(
            [
                e["label"],
                str(e["runs"]),
                *statistics.between(e.get("expression")),
                *statistics.between(e.get("pose")),
                *(statistics.cell(e.get(ANGLES), digits=2) if known else ()),
                *statistics.cell(e.get("delta")),
                *statistics.compared(e["difference"]),
                text(e["step_s"], ".2f"),
                text(e["peak_bytes"], ".2f"),
            ]
            for e in entries
        ),
    ]


def write(
    folder: Path, rows: list[dict], problems: list[str], planned: int, tuned: parts.Table
) -> tuple[list[parts.Part], Path]:
    """Writes comparison.csv, .md, .html and the plots; returns what is shown, and the page.

    Args:
      rows: one a finished run, at least one; see `studies.results`.
      problems: sentences about what failed, cannot be read or is mixed.
      planned: how many runs there should be.
      tuned: what the sweeps chose; without lines: nothing was tuned.
    """
    entries = summarise(rows)
    counted = differences.note([entry["difference"] for entry in entries])
    title = f"Loss weightings on {rows[0]['dataset']}: {len(rows)} of {planned} runs"
    shown = [
        parts.Table(table(entries)),
        parts.Text(NOTE),
        *([parts.Text(counted)] if counted else []),
        *_quality(rows, entries),
        *_shuffled(rows, entries),
        *([tuned] if tuned.lines else []),
        *(parts.Text(line, lost=True) for line in problems),
        *(parts.Picture(path, f"{path.stem} over the steps") for path in _plots(folder, rows, entries)),
    ]
    parts.write_csv(shown, folder / "comparison.csv")
    writing.text(folder / "comparison.md", f"# {title}\n\n{parts.markdown(shown, folder)}\n")
    return shown, page.write(folder / "comparison.html", title, *parts.html(shown))


def _shuffled(rows: list[dict], entries: list[dict]) -> list[parts.Part]:
    """Strategies beside the same with shuffled weights, where both are there."""
    measured = _measured(rows)
    labels = [entry["label"] for entry in entries]
    both = [(label, f"{label}{SHUFFLED}") for label in labels if f"{label}{SHUFFLED}" in labels]
    pairs = [differences.difference(differences.pairs(rows, *names, measured)) for names in both]
    if not both:
        return []
    lines = [[*names, *statistics.compared(found)] for names, found in zip(both, differences.adjusted(pairs))]
    head = ["strategy", "less", *statistics.COMPARED]
    return [parts.Table([head, *lines], title="Strategies less their shuffled weights")]


def _quality(rows: list[dict], entries: list[dict]) -> list[parts.Part]:
    """What the embedding and the probabilities are worth, in the order of the first table."""
    known = {key: head for key, head in QUALITY.items() if any(key in row for row in rows)}
    if not known:
        return []
    lines = [["strategy", *(text for head in known.values() for text in (head, "95 %"))]]
    for label in [entry["label"] for entry in entries]:
        own = [row for row in rows if row["label"] == label]
        values = [statistics.interval([row[key] for row in own if key in row]) for key in known]
        lines.append([label, *(text for value in values for text in statistics.cell(value, 100))])
    return [parts.Table(lines, title="Embedding and probabilities"), parts.Text(QUALITY_NOTE)]


def _plots(folder: Path, rows: list[dict], entries: list[dict]) -> list[Path]:
    """losses.png and weights.png: means over the runs of a strategy, one small plot each."""
    from dmljax.report import plots

    series = {}
    for row in rows:
        series.setdefault(row["label"], []).append(run_folder.steps(Path(row["folder"])))
    shown = [entry["label"] for entry in entries]
    wanted = {"loss": folder / "losses.png", "weight": folder / "weights.png"}
    return [
        path
        for prefix, path in wanted.items()
        if plots.small_multiples({label: series[label] for label in shown}, prefix, path)
    ]
