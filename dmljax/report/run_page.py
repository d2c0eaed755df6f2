"""The page of one run, and that of several side by side."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from dmljax import plugins, run_folder
from dmljax.report import audit, page, tables
from dmljax.types import UserError

PLOTS = {
    "curves.png": "losses, their weights, accuracies and the state of the embedding over the steps",
    "confusion_expression.png": "confusion of expressions",
    "confusion_pose.png": "confusion of poses",
    "expression_by_pose.png": "expression accuracy by expression and pose",
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
    title = f"{score['dataset']}, {run.resolve().name}"
    people = (
        f"{score['people']} people who were never seen in training" if score["people"] else "the test images"
    )
    parts = [
        page.paragraph(f"{_what(config)} Tested on {people}; {_pace(first)}."),
        page.table(tables.summary(score)),
    ]
    if "folds" in score:
        parts += [page.heading("Folds"), page.table(tables.folds(score))]
    parts += [
        page.heading("By expression and pose"),
        page.table(tables.cells(score)),
        _plot(evaluation, "expression_by_pose.png"),
    ]
    parts += [page.heading("Confusion")]
    parts += [_plot(evaluation, f"confusion_{head}.png") for head in score["confusion"]]
    if (first / run_folder.LOG).exists() and "folds" not in score:
        parts += [page.heading("Training"), _plot(evaluation, "curves.png")]
    parts += _hardest(evaluation) + _features(run / run_folder.AUDIT)
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
    rows = [["run", "set", *(f"{name}, %" for name in measures)]]
    for run, score in scores.items():
        shown = lambda name, score=score: (
            tables.percent(score["scores"].get(name)) + _interval(score["intervals"].get(name))
        )
        rows.append([run.name, score["dataset"], *map(shown, measures)])
    note = (
        "In brackets: 95 % intervals (Wilson, images taken as independent). Runs on different sets or splits"
        " cannot be compared."
    )
    parts = [page.table(rows), page.paragraph(note)]
    for run in scores:
        parts += [page.heading(run.name), _plot(run / run_folder.EVALUATION, "expression_by_pose.png")]
    out.mkdir(parents=True, exist_ok=True)
    return page.write(out / "runs.html", f"{len(scores)} runs", *lost, *parts)


def _plot(evaluation: Path, name: str) -> str:
    return page.plot(evaluation / name, PLOTS[name])


def _interval(bounds) -> str:
    return "" if not bounds else f" ({tables.percent(bounds[0])} to {tables.percent(bounds[1])})"


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


def _what(config: dict | None) -> str:
    """One sentence about the network."""
    if config is None:
        return "The configuration of this run cannot be read."
    model, backbone, losses = config["model"], config["backbone"], config["losses"]
    resnet = backbone.get("resnet", {})
    heads = "expression and pose" if model["pose_head"] else "expression alone"
    triplets = " and ".join(losses["triplets"]) + " triplets" if losses["triplets"] else "no triplets"
    triplets += "".join(f", {name} loss" for name in losses.get("others", ()))
    rendered = (
        " Its faces are rendered."
        if _is_rendered(config["dataset"]["name"]) and not config["dataset"].get("train")
        else ""
    )
    trunk = (
        f"ResNet-{resnet.get('depth', '?')}, width {resnet.get('width', '?')}, at"
        f" {config['data']['image_size']} pixels"
    )
    return (
        f"{len(model['branches'])} branches ({', '.join(model['branches'])}) of {trunk}; {heads}, {triplets},"
        f" weights by {config['weighting']['name']}.{rendered}"
    )


def _is_rendered(dataset: str) -> bool:
    """Whether a set says of itself that its faces are nobody's."""
    known = dataset in plugins.names("datasets")
    return known and getattr(plugins.load("datasets", dataset), "RENDERED", False)


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
    told = f"{found['wrong']} of {found['images']} images are taken for another expression; the surest first."
    parts = [page.heading("Hardest images"), page.paragraph(told)]
    parts.append(
        _faces(
            evaluation,
            found["hardest"],
            lambda row: (
                f"{row['expression']} → {row['expression_predicted']} "
                f"({100 * float(row['expression_probability']):.0f} %), pose {row['pose'] or '?'}"
            ),
        )
    )
    for pair in found["pairs"]:
        parts.append(page.paragraph(f"{pair['true']} taken for {pair['predicted']}: {pair['count']} times"))
        parts.append(
            _faces(evaluation, pair["shown"], lambda row: f"{row['identity']}, pose {row['pose'] or '?'}")
        )
    return parts


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
