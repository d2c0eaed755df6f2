"""A study: many runs of one configuration with changes; recorded, made where missing, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from dmljax import config as configuration
from dmljax import config_differences, plugins, run_folder, writing
from dmljax.report.parts import Part
from dmljax.runs import kept_tables, lock
from dmljax.studies import engines, members
from dmljax.studies.members import Failure, Member
from dmljax.types import UserError

SET_BY_MEMBERS = ("seed", "split.fold")


class StudyOptions(NamedTuple):
    """Which runs a study makes, and where.

    Attributes:
      folder: of the runs and of what is made of them.
      seeds, folds: each pair is a run of everything that is compared.
      jobs: runs at a time.
      cluster: '' for processes of this machine; 'slurm' or 'local' for jobs through submitit.
      cluster_options: submitit's parameters, such as {"timeout_min": 60, "slurm_partition": "gpu"}.
      progress: show a progress bar.
      say: is told what happens on the way.

    Example:
      >>> StudyOptions("runs/compare", seeds=(0, 1, 2)).folds
      (0,)
    """

    folder: Path | str
    seeds: tuple[int, ...] = (0,)
    folds: tuple[int, ...] = (0,)
    jobs: int = 1
    cluster: str = ""
    cluster_options: dict[str, Any] | None = None
    progress: bool = True
    say: Callable[[str], None] = print


class Outcome(NamedTuple):
    """What came of a study.

    Attributes:
      rows: one a finished run, see `results.read`.
      failures: members that were not made, and why.
      unreadable: finished members whose files cannot be read, and why.
      notes: sentences about the runs as a whole, such as that they are of different versions.
      parts: what is shown of them, as it was written into the files.
      page: the HTML page; None where there is nothing to show.
    """

    rows: list[dict]
    failures: list[Failure]
    unreadable: list[Failure]
    notes: list[str]
    parts: list[Part]
    page: Path | None

    @property
    def problems(self) -> list[str]:
        """A line for whatever failed, cannot be read, or has to be known beside the numbers."""
        return [*problem_lines(self.failures, self.unreadable), *self.notes]


def check_kind(options) -> None:
    """Raises TypeError where no options are given, and UserError where they cannot be."""
    if not isinstance(options, StudyOptions):
        raise TypeError(f"options must be dmljax.StudyOptions(folder, ...); got {type(options).__name__}")
    for name in ("seeds", "folds"):
        given = getattr(options, name)
        if not isinstance(given, Sequence) or isinstance(given, str):
            raise TypeError(f"{name} must be a tuple such as (0,); got {given!r}")
    if not options.jobs > 0:
        raise UserError(f"must be at least 1; got {options.jobs}", parameter="jobs")


def check_folder(folder: Path) -> None:
    """Raises UserError where a folder for a study holds a run."""
    if (folder / run_folder.CONFIG).exists():
        raise UserError(
            f"'{folder}' holds a run, and a study's runs have folders of their own; give another one",
            parameter="folder",
        )


def problem_lines(failures: list[Failure], unreadable: list[Failure]) -> list[str]:
    """Both as they are told to people."""
    return [*(f"failed: {failure.line}" for failure in failures), *(failure.line for failure in unreadable)]


def whole(config) -> ConfigDict:
    """The configuration of a study in full, with all folders of plug-ins, which its processes need too.

    Raises:
      UserError: a field is out of its range.
    """
    base = configuration.complete(config.to_dict())
    known = dict.fromkeys([*plugins.folders(), *base.plugins])
    base = configuration.changed(base, {"plugins": tuple(known)})
    configuration.check(base)
    return base


def run_missing(config, planned: list[Member], options: StudyOptions) -> list[Failure]:
    """Makes the runs that are not finished, on this machine or a cluster.

    Args:
      config: the study's configuration; each member's, written beside its folder, is this with its changes.

    Returns:
      members that failed, and finished ones whose configuration is not the one that would be run now.

    Raises:
      UserError: a field is out of its range, the folder holds a study of another configuration, or the
        cluster cannot be had.
    """
    base = whole(config)
    folder = run_folder.named(options.folder, "folder")
    check_folder(folder)
    for member in planned:
        members.resolved(base, member)  # a change that does not fit is told before anything is run
    with lock.held(folder, options.say):
        return _run_missing(base, planned, folder, options)


def _run_missing(base, planned: list[Member], folder: Path, options: StudyOptions) -> list[Failure]:
    record(folder, base, planned)
    own = kept_tables.own(folder, base)  # members read one state of a table, whatever becomes of the original
    other = [
        Failure(member, reason)
        for member in planned
        if member.finished and (reason := members.outdated(own, member))
    ]
    usable = without(planned, other)
    for member in usable:
        if not member.finished:
            configuration.write(members.resolved(own, member), member.config_file)
    if not options.cluster:
        return [*other, *engines.processes(usable, jobs=options.jobs, progress=options.progress)]
    failed = engines.cluster(
        usable,
        name=options.cluster,
        options=options.cluster_options or {},
        logs=folder / "jobs",
        jobs=options.jobs,
        progress=options.progress,
    )
    return [*other, *failed]


def without(planned: list[Member], failures: list[Failure]) -> list[Member]:
    """The members that are not among the failures."""
    failed = {failure.member.folder for failure in failures}
    return [member for member in planned if member.folder not in failed]


def record(folder: Path, base: ConfigDict, planned: list[Member]) -> None:
    """Writes the study's configuration and members into its folder, or refuses a folder of another study.

    Raises:
      UserError: the folder holds a study of another configuration; with all fields that differ.
    """
    path, now = folder / run_folder.STUDY, _plain(base)
    there = _read(path)
    before = _plain(configuration.with_defaults(there["config"])) if there else now
    may_differ = (*config_differences.MAY_DIFFER, *SET_BY_MEMBERS)
    different = kept_tables.differences(folder, before, now, may_differ)
    if different:
        raise UserError(
            f"'{folder}' holds a study of another configuration: {'; '.join(different)}. Change them back, or"
            " give another folder",
            parameter="folder",
        )
    listed = {
        str(member.folder.relative_to(folder)): {"changes": member.changes, "descriptor": member.descriptor}
        for member in planned
    }
    folder.mkdir(parents=True, exist_ok=True)
    writing.as_json(path, {"config": now, "members": there.get("members", {}) | listed})
    kept_tables.keep(folder, kept_tables.read(kept_tables.own(folder, base)))


def _plain(config: ConfigDict) -> dict:
    return json.loads(json.dumps(config.to_dict()))


def _read(path: Path) -> dict:
    """What an earlier start recorded; {} where there was none."""
    try:
        there = json.loads(path.read_text(encoding="utf-8"))
        return {"config": dict(there["config"]), "members": dict(there["members"])}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"'{path}', which says what the folder holds, cannot be read ({type(error).__name__}: {error});"
            " delete it if you know what it held, or give another folder",
            parameter="folder",
        ) from None
