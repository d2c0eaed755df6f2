"""A run's page from its folder: evaluates what was trained since the last evaluation, collects the hardest
images, audits the features, writes.
"""

from __future__ import annotations

from pathlib import Path

from dmljax import extras
from dmljax.report import run_page
from dmljax.report import write as tables
from dmljax.runs import evaluate as evaluation
from dmljax.runs import features as extraction
from dmljax.runs import hardest


def page(run: Path, *, root: str = "", features: bool = True, progress: bool = True) -> Path:
    """RUN/report.html.

    Raises:
      UserError: the folder holds no run, or the report's libraries are not installed.
    """
    extras.require("report", "matplotlib", "sklearn", purpose="reports")
    from dmljax.report import audit

    folder = run / evaluation.FOLDER
    metrics = folder / "metrics.json"
    logs = [run / "train.jsonl", *run.glob("fold_*/train.jsonl")]
    if not metrics.exists() or any(
        log.exists() and log.stat().st_mtime > metrics.stat().st_mtime for log in logs
    ):
        for written in evaluation.evaluate(run, root=root, progress=progress):
            tables.report(written)
    hardest.collect(run, folder, root=root)
    if features and (run / "config.json").exists():
        audit.write(
            run / "audit", {run.resolve().name: extraction.extract(run, root=root, progress=progress)}
        )
    return run_page.write(run, folder)
