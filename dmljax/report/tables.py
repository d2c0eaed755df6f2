"""Tables of an evaluation as CSV and Markdown, from its counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dmljax import writing
from dmljax.tables import markdown as plain


def percent(share: float | None) -> str:
    """'83.5', or '-' where there is nothing to count."""
    return "-" if share is None or np.isnan(share) else f"{100 * share:.1f}"


def summary(score: dict) -> list[list[str]]:
    """Measure, value in %, 95 % interval of the accuracies (Wilson; samples taken as independent)."""
    rows = [["measure", "%", "95 % interval"]]
    for name, value in score["scores"].items():
        low, high = score["intervals"].get(name, (None, None))
        rows.append([name, percent(value), "" if low is None else f"{percent(low)} to {percent(high)}"])
    return rows


def folds(score: dict) -> list[list[str]]:
    """One row a fold, then mean and sample standard deviation over the folds, in %."""
    names = list(score["folds"][0])[1:]
    rows = [["fold", *names]]
    rows += [[fold["run"], *(percent(fold.get(name)) for name in names)] for fold in score["folds"]]
    values = np.array([[fold.get(name, np.nan) for name in names] for fold in score["folds"]])
    rows.append(["mean", *(percent(v) for v in np.nanmean(values, 0))])
    if len(values) > 1:
        rows.append(["deviation", *(percent(v) for v in np.nanstd(values, 0, ddof=1))])
    return rows


def cells(score: dict) -> list[list[str]]:
    """Expression accuracy in % per expression and pose, with margins (the paper's Table 3)."""
    hits, counts = (np.array(score["cells"][key]) for key in ("hits", "counts"))
    share = lambda h, c: percent(h / c if c else None)
    rows = [["expression \\ pose", *score["names"]["pose"], "all"]]
    for name, h, c in zip(score["names"]["expression"], hits, counts):
        rows.append([name, *(share(a, b) for a, b in zip(h, c)), share(h.sum(), c.sum())])
    rows.append(
        ["all", *(share(a, b) for a, b in zip(hits.sum(0), counts.sum(0))), share(hits.sum(), counts.sum())]
    )
    return rows


def classes(score: dict) -> list[list[str]]:
    """Accuracy in % and number of samples of every class of every head."""
    rows = [["head", "class", "%", "samples"]]
    for head, matrix in score["confusion"].items():
        counts = np.array(matrix)
        for name, recall, total in zip(score["names"][head], score["recall"][head], counts.sum(1)):
            rows.append([head, name, percent(recall), str(total)])
    return rows


def markdown(rows: list[list[str]]) -> str:
    """A Markdown table; the first row is the header."""
    clean = [[plain(str(cell)) for cell in row] for row in rows]
    lines = ["| " + " | ".join(row) + " |" for row in clean]
    rule = "|" + "|".join(["---"] + ["---:"] * (len(rows[0]) - 1)) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def write(folder: Path, score: dict) -> str:
    """All tables of a score: one CSV each, and tables.md with all of them, whose text is returned."""
    tables = {"summary": summary(score)}
    if "folds" in score:
        tables["folds"] = folds(score)
    tables |= {"expression_by_pose": cells(score), "classes": classes(score)}
    title = f"# {score['dataset']}, {score['run']}: {score['people']} people, never seen in training"
    text = [title if score["people"] else f"# {score['dataset']}, {score['run']}"]
    for name, rows in tables.items():
        writing.table(folder / f"{name}.csv", rows)
        text.append(f"## {name.replace('_', ' ').capitalize()}\n\n{markdown(rows)}")
    writing.text(folder / "tables.md", "\n\n".join(text) + "\n")
    return "\n\n".join(text)
