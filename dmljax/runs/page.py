"""Puts a run's page together: evaluates what was trained since, collects images for it, audits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dmljax import config as configuration
from dmljax import config_differences, extras, run_folder
from dmljax.preparation.opening import open_samples
from dmljax.report import run_page
from dmljax.report import write as tables
from dmljax.runs import audit as auditing
from dmljax.runs import augmented, decided, hardest, remote, trained
from dmljax.runs import evaluate as evaluation
from dmljax.types import ANGLES, UserError


def write(
    run: str | Path,
    *,
    root: str = "",
    features: bool = True,
    progress: bool = True,
    say: Callable[[str], None] = print,
) -> Path:
    """RUN/report.html. The set is opened once for all that the page shows, and so is each checkpoint.

    Args:
      run: the run folder, or the folder of its folds; or the URL of one in a bucket.
      root: where the dataset lies, if not where the run's configuration says; of joined sets
        'kdef:FOLDER,rafd:FOLDER'.
      features: probe and map the features too; not for folders of folds.
      say: is told where the copy of a run in a bucket lies.

    Raises:
      UserError: the folder holds no run, or the report's libraries are not installed.
    """
    with remote.at_hand(run, say, progress=progress) as at:
        return _write(at.folder, root, features=features, progress=progress)


def _write(run: Path, root: str, *, features: bool, progress: bool) -> Path:
    folder, parts = run / run_folder.EVALUATION, run_folder.parts(run)
    wanted, opened = features and parts == [run], None
    if wanted:
        extras.require("report", "matplotlib", "sklearn", purpose="reports")
    if not _evaluated(run, folder):
        evaluations = []
        for opened in trained.open_runs(parts, root=root, progress=progress):
            evaluations.append(evaluation.evaluate_opened(opened))
        for evaluated in (
            evaluations if parts == [run] else [*evaluations, evaluation.whole(run, evaluations)]
        ):
            tables.report(evaluated.folder)
    elif wanted:
        opened = trained.open_run(run, root=root, progress=progress)
    samples = opened.samples if opened else _samples(parts[0], root)
    config = configuration.read(parts[0])
    if set(decided.heads(config, samples)) != {ANGLES}:  # which are never right or wrong
        hardest.collect(folder, samples)
    augmented.collect(parts[0], folder, config, samples)
    if wanted:
        auditing.audit_opened([opened], run / run_folder.AUDIT)
    return run_page.write(run, folder)


def _evaluated(run: Path, folder: Path) -> bool:
    """Whether there is an evaluation as it was written, of the run as it is, and newer than its training."""
    parts, metrics = run_folder.parts(run), folder / run_folder.METRICS
    logs = [log for part in parts if (log := part / run_folder.LOG).exists()]
    try:
        mark = run_folder.score(folder).get(run_folder.PREDICTIONS_DIGEST)
        whole = mark is None or mark == run_folder.digest((folder / run_folder.PREDICTIONS).read_bytes())
        return (
            whole
            and all(_is_of(part) for part in parts)
            and all(log.stat().st_mtime <= metrics.stat().st_mtime for log in logs)
        )
    except (OSError, UserError):
        return False


def _is_of(run: Path) -> bool:
    """Whether a run's evaluation is that of its configuration; one of an older version does not say."""
    mark = run_folder.metrics(run).get(run_folder.CONFIG_DIGEST)
    return mark is None or mark == config_differences.digest(configuration.read(run))


def _samples(run: Path, root: str):
    """A run's set, its images not yet read."""
    config = trained.read_configuration(run, root)
    with trained.errors_of(run, config):
        return open_samples(config, progress=False)
