"""Reproducing items of the paper: the runs that they need, then tables and figures beside its numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from dmljax import bars, extras, plugins, run_folder, writing
from dmljax import config as configuration
from dmljax.report import page, parts
from dmljax.report.rendered import is_rendered
from dmljax.runs import decided
from dmljax.studies import members, published, results, speeds, tuning
from dmljax.studies.members import Failure, Member
from dmljax.studies.networks import Request
from dmljax.studies.study import Outcome, StudyOptions, check_kind, problem_lines, run_missing, without
from dmljax.studies.tuning import Tuning
from dmljax.types import UserError, nearest

ALL = "all"


class Section(NamedTuple):
    """An experiment as asked for: the paper's items, its members, or why there are none."""

    experiment: object
    items: tuple[str, ...]
    members: list[Member]
    refused: str = ""

    @property
    def name(self) -> str:
        """Such as 'Tables 2 and 5', or the names of items that are none of the paper's."""
        found = [_of_the_paper(item) for item in self.items]
        if not all(found):
            return _listed(list(self.items))
        kind = "Table" if found[0][1] == "table" else "Figure"
        return f"{kind}{'s' if len(found) > 1 else ''} {_listed([match[2] for match in found])}"

    @property
    def title(self) -> str:
        return f"{self.name}. {self.experiment.TITLE}"

    def run_as(self, planned: list[Member]) -> Section:
        """With the members that are run in these folders, tuned or not."""
        by_folder = {member.folder: member for member in planned}
        return self._replace(members=[by_folder[member.folder] for member in self.members])


def _of_the_paper(item: str) -> re.Match | None:
    return re.fullmatch(r"(table|fig)(\d+)", item)


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


class Shown(NamedTuple):
    """A section as it is shown, its title first, and the runs that are shown in it or cannot be."""

    name: str
    parts: list[parts.Part]
    rows: list[dict]
    unreadable: list[Failure]


def reproduce(
    item: str, config, options: StudyOptions, *, test: str = "", tune: Tuning | None = None
) -> Outcome:
    """Makes the runs of an item, or of `all`, where they are missing, and writes ITEM.md, .csv and .html.

    Args:
      item: 'table2' to 'table9', 'fig6' to 'fig15', an item of an experiment of one's own, or 'all'.
      config: the whole method on a set, see `dmljax.get_config`; networks take parts of it away.
      options: which runs, and where.
      test: another set for the items that test on one, 'name:folder'.
      tune: fields that are tuned first for each network, in sweeps of the same number of trials, on
        validation people of the training side.

    Returns:
      what came of it; runs that failed are in it and raise nothing.

    Raises:
      UserError: an unknown item, a configuration that it cannot take, a field that cannot be tuned, or a
        folder with another study; or the report's libraries are not installed.

    Example:
      >>> import dmljax
      >>> options = dmljax.StudyOptions("runs/reproduce", jobs=2, progress=False)
      >>> outcome = dmljax.reproduce("fig15", dmljax.get_config("quick"), options)
      >>> outcome.page
      PosixPath('runs/reproduce/fig15.html')
    """
    configuration.check_kind(config)
    check_kind(options)
    extras.require("report", "matplotlib", "sklearn", purpose="the paper's tables and figures")
    folder = run_folder.named(options.folder, "folder")
    request = Request(config, options.seeds, options.folds, folder, test)
    members.check_numbers(config, options.seeds, options.folds)
    sections = _sections(item, request)
    planned = _once([member for section in sections for member in section.members], options.seeds)
    tune = Tuning() if tune is None else tune
    planned = tuning.prepared(config, planned, tune, options, folder, decided.heads_of_set(config))
    sections = [section.run_as(planned) for section in sections]
    failures = run_missing(config, planned, options)
    timed = {label for section in sections for label in getattr(section.experiment, "SPEED", ())}
    rates, notes = speeds.read(timed, without(planned, failures), folder, options.progress)
    shown = [
        _show(section, folder, failures, rates, _chosen(config, section, tune, options))
        for section in bars.bar(sections, desc="drawing", unit="item", show=options.progress, leave=True)
    ]
    page_file = _write(folder, item, shown, config.dataset.name)
    rows = list({row["folder"]: row for found in shown for row in found.rows}.values())
    unreadable = list({failure.line: failure for found in shown for failure in found.unreadable}.values())
    every = [part for found in shown for part in found.parts]
    notes = [*results.mixed(rows), *notes, *tuning.warnings(config, planned, tune, options)]
    return Outcome(rows, failures, unreadable, notes, every, page_file)


def _write(folder: Path, item: str, shown: list[Shown], name: str) -> Path:
    """Writes ITEM.md, .csv and .html; returns the last.

    Of one section, its heading is the title; of several, links and the findings come first.
    """
    every = [part for found in shown for part in found.parts]
    titles = [part.text for part in every if isinstance(part, parts.Heading)]
    if len(shown) == 1:
        title, body, links = titles[0], every[1:], []
    else:
        title, links = f"DML-Net's tables and figures, {name}", [page.contents(titles)]
        body = [parts.Heading("In short"), *(part for found in shown for part in _in_short(found)), *every]
    writing.text(folder / f"{item}.md", f"# {title}\n\n{parts.markdown(body, folder)}\n")
    parts.write_csv(every, folder / f"{item}.csv")
    return page.write(folder / f"{item}.html", title, *links, *parts.html(body))


def _in_short(found: Shown) -> list[parts.Part]:
    """What a section finds and what it lacks, after its name."""
    return [
        parts.Text(f"{found.name}: {part.text}", lost=getattr(part, "lost", False))
        for part in found.parts
        if isinstance(part, parts.Finding) or (isinstance(part, parts.Text) and part.lost)
    ]


def items() -> dict[str, str]:
    """Every item -> the experiment that gives it: in the paper's order, then those of one's own by name."""
    found = {item: name for name, module in plugins.usable("experiments").items() for item in module.ITEMS}

    def order(item: str) -> tuple:
        match = _of_the_paper(item)
        return (0, match[1] != "table", int(match[2])) if match else (1, item)

    return dict(sorted(found.items(), key=lambda pair: order(pair[0])))


def _sections(item: str, request: Request) -> list[Section]:
    known = items()
    if item != ALL and item not in known:
        raise UserError(
            f"no item '{item}'; there are {', '.join(known)} and {ALL}.{nearest(item, [*known, ALL])}"
        )
    wanted = dict.fromkeys(known.values()) if item == ALL else {known[item]: None}
    found = []
    for name in wanted:
        experiment = plugins.load("experiments", name)
        try:
            found.append(
                Section(experiment, experiment.ITEMS if item == ALL else (item,), experiment.members(request))
            )
        except UserError as error:
            if item != ALL:
                raise
            found.append(Section(experiment, experiment.ITEMS, [], str(error)))
    if not any(section.members for section in found):
        raise UserError(
            "nothing can be reproduced with this configuration:"
            f" {'; '.join(section.refused for section in found)}"
        )
    return found


def _once(planned: list[Member], seeds: tuple[int, ...]) -> list[Member]:
    """Members that several sections share, once; seed by seed, so that what is unfinished is balanced."""
    return sorted(
        {member.folder: member for member in planned}.values(), key=lambda member: seeds.index(member.seed)
    )


def _chosen(config, section: Section, tune: Tuning, options: StudyOptions) -> list[parts.Part]:
    """What was tuned for a section's networks, and what has to be known of it."""
    if not (lines := tuning.table(config, section.members, tune, "network")):
        return []
    said = tuning.warnings(config, section.members, tune, options)
    return [parts.Table(lines, title=tuning.title(tune)), *map(parts.Text, said)]


def _show(
    section: Section,
    folder: Path,
    failures: list[Failure],
    rates: dict[str, float],
    chosen: list[parts.Part],
) -> Shown:
    """The parts of a section, its title first. Whatever is missing or broken is among them.

    Args:
      rates: frames a second by network.
      chosen: what was tuned.
    """
    needed = getattr(section.experiment, "NEEDS", ())
    rows, unreadable = results.read(without(section.members, failures), needed)
    own = {member.folder for member in section.members}
    failed = [failure for failure in failures if failure.member.folder in own]
    lines = [*problem_lines(failed, unreadable), *results.mixed(rows)]
    problems = [parts.Text(line, lost=True) for line in lines]
    head = parts.Heading(section.title)
    if section.refused:
        body = [parts.Text(f"Not done: {section.refused}.", lost=True)]
    elif not rows:
        body = [*problems, parts.Text("Not a single run is finished and can be read.", lost=True)]
    else:
        count = f"{len(rows)} of {len(section.members)} runs"
        data = (
            f"Ours: {rows[0]['dataset']}{_rendered(rows[0]['sets'])}, {count}, people who were never seen in"
            " training; intervals of 95 % over people and runs."
        )
        timed = [row | {"frames_s": rates.get(row["label"])} for row in rows]
        drawn = _drawn(lambda: section.experiment.show(timed, folder), rows)
        body = [parts.Text(data), *drawn, *chosen, *problems]
    quoted = _drawn(lambda: _published(section, rows), rows)
    return Shown(section.name, [head, *body, *quoted], rows, unreadable)


def _published(section: Section, rows: list[dict]) -> list[parts.Part]:
    """All that the paper has of a section's items, with the experiment's column of ours where it has one."""
    beside = getattr(section.experiment, "beside", None) if rows else None
    found = [
        part
        for item in section.items
        for part in published.shown(item, beside(rows, item) if beside else None)
    ]
    return [parts.Text(published.BESIDE), *found] if found else []


def _drawn(show: Callable[[], list[parts.Part]], rows: list[dict]) -> list[parts.Part]:
    """What is shown of runs, or why it cannot be."""
    try:
        return show()
    except UserError as error:
        reason = str(error)
    except (OSError, ValueError, LookupError, ArithmeticError) as error:
        reason = f"{type(error).__name__}: {error}; look at the files of {rows[0]['folder']} and its like"
    return [parts.Text(f"cannot be shown: {reason}", lost=True)]


def _rendered(sets: dict[str, list[str]]) -> str:
    """What has to be said beside results on faces that nobody has."""
    drawn = lambda side: all(is_rendered(name) for name in sets[side])
    if not drawn("trained"):
        return ""
    return " (rendered faces)" if drawn("tested") else " (trained on rendered faces)"
