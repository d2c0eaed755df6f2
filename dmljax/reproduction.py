"""Reproducing an item of the paper: its runs, done where they are missing, and its table beside the published numbers."""
from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import NamedTuple

from dmljax import plugins
from dmljax.compare import engines, members
from dmljax.report import page, tables


class How(NamedTuple):
    """Which runs, and where: see the flags of the same names."""

    run: Path
    seeds: tuple[int, ...]
    folds: tuple[int, ...]
    jobs: int
    cluster: str
    cluster_options: list[str]
    progress: bool


def run_members(planned: list, how: How) -> list[tuple]:
    """Runs what is not finished, on this machine or a cluster; returns the members that failed, with what they said."""
    options = {"jobs": how.jobs, "progress": how.progress}
    if how.cluster:
        return engines.cluster(planned, members.own_arguments(), name=how.cluster, options=how.cluster_options, logs=how.run / "jobs", **options)
    return engines.processes(planned, members.own_arguments(), **options)


def reproduce(item: str, config, how: How) -> int:
    """Runs an item and writes RUN/ITEM.md, .csv and .html; returns the exit code, 1 if a run failed.

    Raises:
      UserError: an unknown item, or a configuration that it cannot take.
    """
    experiment = plugins.load("experiments", item)
    planned = experiment.members(config, seeds=how.seeds, folds=how.folds, run=how.run)
    members.record(how.run, members.own_arguments(), planned)
    failed = run_members(planned, how)
    rows = members.read_results(planned)
    lost = [f"failed: {member.folder}: {said}" for member, said in failed]
    for line in lost:
        print(line, file=sys.stderr)
    if rows:
        print(_write(how.run, item, experiment, rows, lost, len(planned)))
    return 1 if failed else 0


def _write(folder: Path, item: str, experiment, rows: list[dict], lost: list[str], planned: int) -> str:
    lines, said = experiment.table(rows), experiment.verdict(rows)
    title = f"{item}: {experiment.__doc__.partition(': ')[2] or experiment.__doc__}".rstrip(".").partition("\n")[0]
    rendered = " (rendered faces)" if rows[0]["dataset"] in ("synthetic", "ict3dfe") else ""
    data = (f"Ours: {rows[0]['dataset']}{rendered}, {len(rows)} of {planned} runs, intervals of 95 % over runs. Columns named paper: "
            "the published numbers, on the sets that they name.")
    with open(folder / f"{item}.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(lines)
    text = "\n\n".join([f"# {title}", data, tables.markdown(lines), *(f"- {line}" for line in said), *lost])
    (folder / f"{item}.md").write_text(text + "\n", encoding="utf-8")
    parts = [page.paragraph(data), page.table(lines), *map(page.paragraph, said), *(page.paragraph(line, lost=True) for line in lost)]
    written = page.write(folder / f"{item}.html", title, *parts)
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    shown = ["  ".join([line[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(line[1:], widths[1:]))]) for line in lines]
    return "\n".join([*shown, *said, f"table and page: {written}"])
