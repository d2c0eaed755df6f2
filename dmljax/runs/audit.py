"""Audits what the features of trained runs tell: opens them, takes the features, writes tables and maps."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from dmljax import extras, run_folder
from dmljax.report import audit as report
from dmljax.runs import features, remote, trained
from dmljax.types import UserError


class Audited(NamedTuple):
    """An audit.

    Attributes:
      folder: where its table and maps lie.
      rows: what the table holds, see `report.audit`.
    """

    folder: Path
    rows: list[dict]


def audit(
    runs: Sequence[str | Path],
    *,
    out: str | Path = "",
    checkpoint: str = "last",
    root: str = "",
    maps: bool = True,
    progress: bool = True,
    say: Callable[[str], None] = print,
) -> Audited:
    """Audits runs side by side.

    Args:
      runs: their folders, or URLs of some in buckets; the folders' names name the rows.
      out: folder for the table and the maps; '': RUN/audit of the first.
      checkpoint: 'last' or 'best'.
      root: where the dataset lies, if not where the runs' configurations say; of joined sets
        'kdef:FOLDER,rafd:FOLDER'.
      maps: draw a t-SNE map of each run.
      say: is told where the copies of runs in buckets lie.

    Raises:
      UserError: no run, two of one name, or a folder that holds no run that can be read; or the report's
        libraries are not installed.
    """
    if not runs:
        raise UserError("give one or more run folders, such as runs/quick", parameter="runs")
    into = run_folder.named(out, "out") if out else None
    with contextlib.ExitStack() as stack:
        # the audit lies with the first run
        first = remote.at_hand(runs[0], say, parameter="runs", writes=into is None, progress=progress)
        folders = [stack.enter_context(first).folder]
        folders += [remote.fetched(run, say, parameter="runs", progress=progress) for run in runs[1:]]
        into = into or folders[0] / run_folder.AUDIT
        return _audit(folders, into, checkpoint=checkpoint, root=root, maps=maps, progress=progress)


def _audit(
    folders: list[Path], into: Path, *, checkpoint: str, root: str, maps: bool, progress: bool
) -> Audited:
    if len({_name(run) for run in folders}) < len(folders):
        raise UserError("the folders must have different names; they name the rows", parameter="runs")
    run_folder.check_trained(folders, "runs")
    opened = trained.open_runs(folders, checkpoint=checkpoint, root=root, progress=progress)
    audited = audit_opened(opened, into, maps=maps)
    if not audited.rows:
        raise UserError(
            "there is nothing to probe: the test side needs two classes, two people, several images of a"
            " person, and five images or more to learn from"
        )
    return audited


def audit_opened(opened: Iterable[trained.Opened], folder: Path, *, maps: bool = True) -> Audited:
    """Audits runs that are open into a folder; see `audit`."""
    extras.require("report", "matplotlib", "sklearn", purpose="the audit")
    by_name = {_name(run.run): features.extract(run) for run in opened}
    return Audited(folder, report.write(folder, by_name, maps=maps))


def _name(run: Path) -> str:
    return run.resolve().name
