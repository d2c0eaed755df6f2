"""Runs side by side: does what is missing, here or on a cluster, and compares weighting strategies over
them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

from dmljax.studies import engines, members, results
from dmljax.types import UserError


class How(NamedTuple):
    """Which runs, and where: see the flags of the same names."""

    run: Path
    seeds: tuple[int, ...]
    folds: tuple[int, ...]
    jobs: int
    cluster: str
    cluster_options: list[str]
    progress: bool


def run_members(planned: list[members.Member], how: How) -> list[str]:
    """Runs what is not finished, on this machine or a cluster; returns a line for each member that failed,
    which is also printed.

    Raises:
      UserError: the folder holds runs of another configuration, or the cluster cannot be had.
    """
    members.record(how.run, members.own_arguments(), planned)
    options = {"jobs": how.jobs, "progress": how.progress}
    if how.cluster:
        failed = engines.cluster(
            planned,
            members.own_arguments(),
            name=how.cluster,
            options=how.cluster_options,
            logs=how.run / "jobs",
            **options,
        )
    else:
        failed = engines.processes(planned, members.own_arguments(), **options)
    lines = [f"failed: {member.folder}: {said}" for member, said in failed]
    for line in lines:
        print(line, file=sys.stderr)
    return lines


def compare(config, strategies: list[str], how: How) -> int:
    """Runs weighting strategies and writes RUN/comparison.md, .csv and .html; returns the exit code, 1 if a
    run failed.

    Raises:
      UserError: an unknown strategy, or seeds or folds that are none; or the report's libraries are not
      installed.
    """
    try:
        from dmljax.report import comparison
    except ModuleNotFoundError as error:
        raise UserError(
            f"a comparison's tables need {error.name}, which is not installed; install dmljax[report]"
        ) from None
    planned = members.plan(config, strategies, how.seeds, how.folds, how.run)
    failed = run_members(planned, how)
    rows, broken = results.read(planned)
    lost = [*broken, *results.mixed(rows)]
    for line in lost:
        print(line, file=sys.stderr)
    if rows:
        print(comparison.write(how.run, rows, [*failed, *lost], len(planned)))
        print(f"tables, pictures and page: {how.run}/comparison.html")
    return 1 if failed else 0
