"""The page of one run, and that of several side by side."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from dmljax import run_folder
from dmljax.metrics.intervals import PEOPLE
from dmljax.report import audit, page, tables
from dmljax.report.rendered import is_rendered
from dmljax.types import UserError

PLOTS = {
    "curves.png": "losses, their weights, accuracies and the state of the embedding over the steps",
    "confusion_expression.png": "confusion of expressions",
    "confusion_pose.png": "confusion of poses",
    "expression_by_pose.png": "expression accuracy by expression and pose",
    "reliability.png": "accuracy against confidence, before and after calibration",
}


def write(run: Path, evaluation: Path) -> Path:
    """RUN/report.html of an evaluated run or folder of folds. What is missing is said on the page.

    Raises:
      UserError: the run was not evaluated.
    """
    score = _score(evaluation)
    if score is None:
        raise UserError(
            f"'{evaluation}' holds no evaluation that can be read; evaluate the run first", parameter="run"
        )
    first = run_folder.parts(run)[0]
    config, versions = _read(first / run_folder.CONFIG), _read(first / run_folder.VERSIONS)
    # an older version wrote none
    decided = (_read(first / run_folder.DECIDED) if (first / run_folder.DECIDED).exists() else None) or {}
    title = f"{score['dataset']}, {run.resolve().name}"
    people = tables.of_people(score) or "the test images"
    parts = [
        page.paragraph(f"{_what(config, decided)} Tested on {people}; {_pace(first)}."),
        *(page.paragraph(f"{line}.", strong=True) for line in decided.get("weaker", [])),
        *(page.paragraph(f"{line}.") for line in decided.get("told", [])),
        *(page.paragraph(line, strong=True) for line in tables.single_classes(score)),
        page.table(tables.summary(score)),
        *([page.table(tables.angles(score))] if score.get("errors") else []),
        page.paragraph(f"{tables.of_intervals(score)}."),
    ]
    if "folds" in score:
        parts += [page.heading("Folds"), page.table(tables.folds(score))]
    if tables.has_cells(score):
        parts += [
            page.heading("By expression and pose"),
            page.table(tables.cells(score)),
            _plot(evaluation, "expression_by_pose.png"),
        ]
        if "cell_intervals" in score:
            parts += [
                page.paragraph("95 % intervals of these accuracies:"),
                page.table(tables.cell_intervals(score)),
            ]
    if score["confusion"]:
        parts += [page.heading("By class"), page.table(tables.classes(score)), page.heading("Confusion")]
    parts += [_plot(evaluation, f"confusion_{head}.png") for head in score["confusion"]]
    if score.get("calibration"):  # an older version wrote none
        parts += [page.heading("Calibration"), page.paragraph(f"{tables.of_calibration(score)}.")]
        parts += [page.table(tables.calibration_of(score)), _plot(evaluation, "reliability.png")]
    if (first / run_folder.LOG).exists() and "folds" not in score:
        parts += [page.heading("Training"), _plot(evaluation, "curves.png")]
    parts += _augmented(evaluation) + _hardest(evaluation) + _features(run / run_folder.AUDIT)
    parts += [page.heading("What was run")]
    parts += [
        (
            page.folded(name, json.dumps(content, indent=1))
            if content
            else page.paragraph(f"{name} cannot be read", lost=True)
        )
        for name, content in (("Configuration", config), ("Versions", versions))
    ]
    return page.write(run / run_folder.PAGE, title, *parts)


def side_by_side(runs: list[Path], out: Path) -> Path:
    """A page of several evaluated runs side by side: OUT/runs.html. A run that cannot be read is named on
    it.
    """
    scores, lost = {}, []
    for run in runs:
        score = _score(run / run_folder.EVALUATION)
        if score is None:
            lost.append(page.paragraph(f"{run}: not evaluated, or its evaluation cannot be read", lost=True))
        else:
            scores[run] = score
    measures = list(dict.fromkeys(name for score in scores.values() for name in score["scores"]))
    errors = list(dict.fromkeys(name for score in scores.values() for name in score.get("errors", {})))
    rows = [["run", "set", *(f"{name}, %" for name in measures), *(f"{name}, degrees" for name in errors)]]
    for run, score in scores.items():
        shown = lambda name, score=score: (
            tables.percent(score["scores"].get(name)) + _bracketed(score.get("intervals", {}).get(name))
        )
        off = lambda name, score=score: tables.degrees(score.get("errors", {}).get(name))
        rows.append([run.name, score["dataset"], *map(shown, measures), *map(off, errors)])
    images = [run.name for run, score in scores.items() if score.get("intervals_over") != PEOPLE]
    note = (
        "In brackets: 95 % intervals over people"
        + (f"; of images taken as independent: {', '.join(images)}" if images else "")
        + ". Runs on different sets or splits cannot be compared."
    )
    parts = [page.table(rows), page.paragraph(note)]
    for run, score in scores.items():
        if tables.has_cells(score):
            parts += [page.heading(run.name), _plot(run / run_folder.EVALUATION, "expression_by_pose.png")]
    out.mkdir(parents=True, exist_ok=True)
    return page.write(out / "runs.html", f"{len(scores)} runs", *lost, *parts)


def _plot(evaluation: Path, name: str) -> str:
    return page.plot(evaluation / name, PLOTS[name])


def _bracketed(interval) -> str:
    return f" ({tables.bounds(interval)})" if interval else ""


def _score(evaluation: Path) -> dict | None:
    try:
        return run_folder.score(evaluation) or None
    except UserError:
        return None


def _read(path: Path) -> dict | None:
    try:
        return run_folder.read(path) or None
    except UserError:
        return None


def _what(config: dict | None, decided: dict) -> str:
    """One sentence about the network: what was configured, as far as the labels allowed it."""
    if config is None:
        return "The configuration of this run cannot be read."
    model, backbone, losses = config["model"], config["backbone"], config["losses"]
    configured = ["expression", "pose"] if model["pose_head"] else ["expression"]
    with_heads = decided.get("heads", configured)
    *most, last = with_heads
    heads = f"{', '.join(most)} and {last}" if most else f"{last} alone"
    mined = decided.get("triplets", losses["triplets"])
    triplets = " and ".join(mined) + " triplets" if mined else "no triplets"
    triplets += "".join(f", {name} loss" for name in decided.get("others", losses.get("others", ())))
    rendered = (
        " Its faces are rendered."
        if is_rendered(config["dataset"]["name"]) and not config["dataset"].get("train")
        else ""
    )
    branches = model["branches"]
    return (
        f"{len(branches)} branch{'es' if len(branches) != 1 else ''} ({', '.join(branches)}) of"
        f" {_trunk(backbone)}, at {config['data']['image_size']} pixels; {heads}, {triplets}, weights by"
        f" {config['weighting']['name']}.{rendered}"
    )


def _trunk(backbone: dict) -> str:
    """A backbone by name, and its size as far as it has such options."""
    options = backbone.get(backbone["name"], {})
    sizes = {name: options[name] for name in ("depth", "width", "stages", "blocks") if options.get(name)}
    words = lambda value: "-".join(map(str, value)) if isinstance(value, list | tuple) else value
    told = ", ".join(f"{name} {words(value)}" for name, value in sizes.items())
    return f"{backbone['name']} ({told})" if told else backbone["name"]


def _pace(run: Path) -> str:
    """Steps and their rate, from the log."""
    try:
        lines = run_folder.log(run)
        rates = [line["steps_per_second"] for line in lines if "steps_per_second" in line]
        return f"{lines[-1]['step']:,} steps, {np.median(rates):.1f} a second"
    except (OSError, ValueError, IndexError, TypeError):
        return "its log cannot be read"


def _hardest(evaluation: Path) -> list[str]:
    found = _read(evaluation / run_folder.HARDEST)
    if found is None:
        return []
    head = found.get("head", "expression")
    told = f"{found['wrong']} of {found['images']} images are taken for another {head}; the surest first."
    posed = lambda row: f", pose {row['pose'] or '?'}" if head != "pose" and row["pose"] else ""
    parts = [page.heading("Hardest images"), page.paragraph(told)]
    parts.append(
        _faces(
            evaluation,
            found["hardest"],
            lambda row: (
                f"{row[head]} → {row[f'{head}_predicted']} "
                f"({100 * float(row[f'{head}_probability']):.0f} %){posed(row)}"
            ),
        )
    )
    for pair in found["pairs"]:
        parts.append(page.paragraph(f"{pair['true']} taken for {pair['predicted']}: {pair['count']} times"))
        parts.append(
            _faces(
                evaluation,
                pair["shown"],
                lambda row: f"{row['identity'] or Path(row['reference']).name}{posed(row)}",
            )
        )
    return parts


def _augmented(evaluation: Path) -> list[str]:
    """Training images and what the network saw in their place, where they were augmented."""
    found = _read(evaluation / run_folder.AUGMENTED)
    if found is None:
        return []
    told = "Above: training images; below: what the network saw in their place in one step."
    shown = _faces(evaluation, found["shown"], lambda row: row["text"])
    return [page.heading("Augmentation"), page.paragraph(told), shown]


def _faces(evaluation: Path, rows: list, text) -> str:
    there = [row for row in rows if row and (evaluation / row["picture"]).is_file()]
    lost = len(rows) - len(there)
    shown = page.faces([((evaluation / row["picture"]).read_bytes(), text(row)) for row in there])
    return shown + (
        page.paragraph(f"{lost} pictures are missing: the set has changed since", lost=True) if lost else ""
    )


def _features(folder: Path) -> list[str]:
    """The audit's table and maps, where there was one."""
    if not (folder / audit.FILE).is_file():
        return []
    try:
        table = page.table(audit.table(audit.read(folder)))
    except UserError as error:
        table = page.paragraph(str(error), lost=True)
    maps = [
        page.plot(path, "t-SNE of the embedding by expression, pose and identity")
        for path in sorted(folder.glob("map_*.png"))
    ]
    return [page.heading("What the features tell"), table, *maps]
