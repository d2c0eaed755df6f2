"""Tables of an evaluation as CSV and Markdown, from its counts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dmljax import writing
from dmljax.metrics import calibration
from dmljax.metrics.angles import OF
from dmljax.metrics.intervals import PEOPLE
from dmljax.tables import markdown as plain


def percent(share: float | None) -> str:
    """'83.5', or '-' where there is nothing to count."""
    return "-" if share is None or np.isnan(share) else f"{100 * share:.1f}"


def degrees(angle: float | None) -> str:
    """'5.21', or '-' where there is nothing to measure."""
    return "-" if angle is None or np.isnan(angle) else f"{angle:.2f}"


def bounds(interval: Sequence[float] | None) -> str:
    """'78.1 to 83.9', or '' where there is no interval."""
    return "" if not interval else " to ".join(map(percent, interval))


def of_people(score: dict) -> str:
    """Who was tested, in words; '' where nobody is known. Older scores say nothing of who trained."""
    people, trained = score["people"], score.get("people_trained", 0)
    if not people:
        return ""
    seen = f"{trained} of them also trained on" if trained else "never seen in training"
    if trained is None:
        seen = "of another set than that of the training"
    return f"{people} {'people' if people > 1 else 'person'}, {seen}"


def single_classes(score: dict) -> list[str]:
    """A sentence for each head whose test images are all of one class."""
    lines = []
    for head, matrix in score["confusion"].items():
        present = np.flatnonzero(np.sum(matrix, axis=1))
        if len(present) == 1:
            name = score["names"][head][present[0]]
            lines.append(
                f"All test images have one {head}, {name}: its accuracy says nothing of telling apart."
            )
    return lines


def of_intervals(score: dict) -> str:
    """What the intervals of a score are, in words."""
    over = score.get("intervals_over")
    if over == PEOPLE:
        nobody = score.get("images_of_nobody", 0)
        more = f" and {nobody} images of unknown people" if nobody else ""
        return f"95 % intervals over the {score['people']} people{more}"
    return "95 % intervals (Wilson) of images taken as independent" + (
        ", as no person is known" if over else ""
    )


def summary(score: dict) -> list[list[str]]:
    """Measure, value in %, 95 % interval of the accuracies; see `of_intervals`."""
    rows = [["measure", "%", "95 % interval"]]
    for name, value in score["scores"].items():
        rows.append([name, percent(value), bounds(score.get("intervals", {}).get(name))])
    return rows


def angles(score: dict) -> list[list[str]]:
    """Mean absolute errors of the angles in degrees, with 95 % intervals, and how many images they are of."""
    rows = [["measure", "degrees", "95 % interval", "images"]]
    counts = {OF[name]: str(each["count"]) for name, each in score["angles"].items()}
    for name, value in score["errors"].items():
        interval = score.get("error_intervals", {}).get(name)
        told = " to ".join(map(degrees, interval)) if interval else ""
        rows.append([name, degrees(value), told, counts.get(name, "")])
    return rows


def folds(score: dict) -> list[list[str]]:
    """One row a fold, then mean and sample standard deviation over the folds, in %; of errors in degrees."""
    names = list(score["folds"][0])[1:]
    form = {name: degrees if name in score.get("errors", {}) else percent for name in names}
    row = lambda title, values: [title, *(form[name](value) for name, value in zip(names, values))]
    rows = [["fold", *names]]
    rows += [row(fold["run"], [fold.get(name) for name in names]) for fold in score["folds"]]
    values = np.array([[fold.get(name, np.nan) for name in names] for fold in score["folds"]])
    rows.append(row("mean", np.nanmean(values, 0)))
    if len(values) > 1:
        rows.append(row("deviation", np.nanstd(values, 0, ddof=1)))
    return rows


def has_cells(score: dict) -> bool:
    """Whether expressions can be told by pose: there is a head for the one, and the other is known."""
    return "expression" in score["confusion"] and bool(score["names"]["pose"])


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


def cell_intervals(score: dict) -> list[list[str]]:
    """95 % intervals of what `cells` has."""
    names = score["names"]
    rows = [["expression \\ pose", *names["pose"], "all"]]
    for name, intervals in zip([*names["expression"], "all"], score["cell_intervals"]):
        rows.append([name, *(bounds(interval) or "-" for interval in intervals)])
    return rows


def classes(score: dict) -> list[list[str]]:
    """Accuracy in % with its 95 % interval and number of samples of every class of every head."""
    rows = [["head", "class", "%", "95 % interval", "samples"]]
    for head, matrix in score["confusion"].items():
        totals, names = np.array(matrix).sum(1), score["names"][head]
        intervals = score.get("class_intervals", {}).get(head, [None] * len(names))
        for name, recall, interval, total in zip(names, score["recall"][head], intervals, totals):
            rows.append([head, name, percent(recall), bounds(interval), str(total)])
    return rows


def calibration_of(score: dict) -> list[list[str]]:
    """Of each head temperature, expected calibration error and mean confidence in %, before and after."""
    before_and_after = ("error, %", "error calibrated, %", "confidence, %", "confidence calibrated, %")
    rows = [["head", "temperature", *before_and_after, "accuracy, %"]]
    for head, found in score["calibration"].items():
        before, after = found["bins"], found.get("bins_calibrated")
        both = [before, after]
        errors = [percent(calibration.error(one)) if one else "-" for one in both]
        sure = [percent(_share(one, "confidence")) if one else "-" for one in both]
        rows.append(
            [head, _temperatures(found["temperature"]), *errors, *sure, percent(_share(before, "hits"))]
        )
    return rows


def of_calibration(score: dict) -> str:
    """What the calibration of a score is, in words."""
    given = [found["temperature"] for found in score["calibration"].values()]
    fitted = any(one is not None for of in given for one in (of if isinstance(of, list) else [of]))
    by = (
        "temperatures fitted on validation people, who are in no test image"
        if fitted
        else "no temperature: no validation people were held out, or they do not determine one"
    )
    return f"Probabilities against accuracy, expected calibration error in {calibration.BINS} bins; {by}"


def _share(bins: dict, key: str) -> float | None:
    total = sum(bins["counts"])
    return sum(bins[key]) / total if total else None


def _temperatures(of: float | None | list[float | None]) -> str:
    """One, or those of folds."""
    return ", ".join("-" if one is None else f"{one:.2f}" for one in (of if isinstance(of, list) else [of]))


def markdown(rows: list[list[str]]) -> str:
    """A Markdown table; the first row is the header."""
    clean = [[plain(str(cell)) for cell in row] for row in rows]
    lines = ["| " + " | ".join(row) + " |" for row in clean]
    rule = "|" + "|".join(["---"] + ["---:"] * (len(rows[0]) - 1)) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def write(folder: Path, score: dict) -> str:
    """All tables of a score: one CSV each, and tables.md with all of them, whose text is returned."""
    tables = {"summary": summary(score)}
    if score.get("errors"):
        tables["angles"] = angles(score)
    if "folds" in score:
        tables["folds"] = folds(score)
    if has_cells(score):
        tables["expression_by_pose"] = cells(score)
        if "cell_intervals" in score:
            tables["expression_by_pose_intervals"] = cell_intervals(score)
    tables["classes"] = classes(score)
    if score.get("calibration"):  # an older version wrote none
        tables["calibration"] = calibration_of(score)
    who = of_people(score)
    title = f"# {score['dataset']}, {score['run']}" + (f": {who}" if who else "")
    text = [title, *single_classes(score), f"{of_intervals(score)}."]
    for name, rows in tables.items():
        writing.table(folder / f"{name}.csv", rows)
        said = f"{of_calibration(score)}.\n\n" if name == "calibration" else ""
        text.append(f"## {name.replace('_', ' ').capitalize()}\n\n{said}{markdown(rows)}")
    writing.text(folder / "tables.md", "\n\n".join(text) + "\n")
    return "\n\n".join(text)
