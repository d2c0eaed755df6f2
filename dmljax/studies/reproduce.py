"""Reproducing items of the paper: the runs they need, done where they are missing; tables and figures beside
the published numbers.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from dmljax import plugins
from dmljax.report import page, parts
from dmljax.studies import members, results
from dmljax.studies.compare import How, run_members
from dmljax.studies.networks import Plan
from dmljax.types import UserError

ALL = "all"
RENDERED = ("synthetic", "ict3dfe")


class Section(NamedTuple):
    """An experiment as asked for: the paper's items, its members, or why there are none."""

    experiment: object
    items: tuple[str, ...]
    planned: list[members.Member]
    refused: str = ""

    @property
    def title(self) -> str:
        kind = "Table" if self.items[0].startswith("table") else "Figure"
        numbers = ["".join(filter(str.isdigit, item)) for item in self.items]
        listed = " and ".join([", ".join(numbers[:-1]), numbers[-1]] if len(numbers) > 1 else numbers)
        return (
            f"{kind}{'s' if len(numbers) > 1 else ''} {listed}."
            f" {self.experiment.__doc__.partition(chr(10))[0].rstrip('.')}"
        )


def reproduce(item: str, config, how: How, *, test: str = "") -> int:
    """Runs an item, or `all`, and writes RUN/ITEM.md, .csv and .html; returns the exit code, 1 if a run
    failed.

    Args:
      test: another set for the items that test on one, 'name:folder'.

    Raises:
      UserError: an unknown item, or a configuration that it cannot take.
    """
    plan = Plan(config, how.seeds, how.folds, how.run, test)
    members.check_numbers(config, how.seeds, how.folds)
    sections = _sections(item, plan)
    planned = _once([member for section in sections for member in section.planned], how.seeds)
    failed = run_members(planned, how)
    speeds = _speeds(sections, how)
    written = [
        _written(section, how.run, failed, speeds)
        for section in tqdm(sections, desc="drawing", unit="item", disable=not how.progress)
    ]
    path = _write(how.run, item, written, config.dataset.name)
    for found in written:
        print(parts.terminal(found) + "\n")
    print(f"tables and page: {path}")
    return 1 if failed else 0


def _write(run: Path, item: str, written: list[list[parts.Part]], name: str) -> Path:
    """RUN/ITEM.md, .csv and .html; returns the last. Of one section, its heading is the title; of several,
    links and the findings come first.
    """
    every = [part for found in written for part in found]
    if len(written) == 1:
        title, body, links = every[0].text, every[1:], []
    else:
        title, links = (
            f"DML-Net's tables and figures, {name}",
            [page.contents([found[0].text for found in written])],
        )
        body = [parts.Heading("In short"), *(said for found in written for said in _in_short(found)), *every]
    (run / f"{item}.md").write_text(f"# {title}\n\n{parts.markdown(body, run)}\n", encoding="utf-8")
    parts.write_csv(every, run / f"{item}.csv")
    return page.write(run / f"{item}.html", title, *links, *parts.html(body))


def _in_short(found: list[parts.Part]) -> list[parts.Part]:
    """What a section finds and what it lacks, after the number of the item."""
    number = found[0].text.partition(".")[0]
    return [
        parts.Text(f"{number}: {part.text}", lost=getattr(part, "lost", False))
        for part in found
        if isinstance(part, parts.Finding) or getattr(part, "lost", False)
    ]


def items() -> dict[str, str]:
    """Every item -> the experiment that gives it: in the paper's order, then those of one's own by name."""
    found = {
        item: name
        for name in plugins.names("experiments")
        for item in plugins.load("experiments", name).ITEMS
    }

    def order(item: str) -> tuple:
        of_the_paper = re.fullmatch(r"(table|fig)(\d+)", item)
        return (0, of_the_paper[1] != "table", int(of_the_paper[2])) if of_the_paper else (1, item)

    return dict(sorted(found.items(), key=lambda pair: order(pair[0])))


def _sections(item: str, plan: Plan) -> list[Section]:
    known = items()
    if item != ALL and item not in known:
        raise UserError(
            f"no item '{item}'; there are {', '.join(known)} and {ALL}.{plugins.nearest(item, [*known, ALL])}"
        )
    wanted = dict.fromkeys(known.values()) if item == ALL else {known[item]: None}
    found = []
    for name in wanted:
        experiment = plugins.load("experiments", name)
        try:
            found.append(
                Section(experiment, experiment.ITEMS if item == ALL else (item,), experiment.members(plan))
            )
        except UserError as error:
            if item != ALL:
                raise
            found.append(Section(experiment, experiment.ITEMS, [], str(error)))
    if not any(section.planned for section in found):
        raise UserError(
            "nothing can be reproduced with this configuration:"
            f" {'; '.join(section.refused for section in found)}"
        )
    return found


def _once(planned: list, seeds: tuple[int, ...]) -> list:
    """Members that several sections share, once; seed by seed, so that what is unfinished is balanced."""
    return sorted(
        {member.folder: member for member in planned}.values(), key=lambda member: seeds.index(member.seed)
    )


def _speeds(sections: list[Section], how: How) -> dict[str, float]:
    """Frames a second of the networks that some section wants timed; measured once, and kept in
    RUN/frames_per_second.json.
    """
    wanted = {}
    for section in sections:
        for label in getattr(section.experiment, "SPEED", ()):
            runs = [
                m.folder
                for m in section.planned
                if m.label == label and m.finished and m.program == members.TRAIN
            ]
            wanted |= {label: runs[0]} if runs else {}
    path = how.run / "frames_per_second.json"
    try:
        kept = json.loads(path.read_text())
    except (OSError, ValueError):
        kept = {}
    if not wanted.keys() <= kept.keys():
        from dmljax.runs import frames

        try:
            kept = frames.per_second(wanted, progress=how.progress)
        except UserError as error:
            print(f"frames a second were not measured: {error}", file=sys.stderr)
            return {}
        path.write_text(json.dumps(kept, indent=1) + "\n")
    return kept


def _written(section: Section, out: Path, failed: list[str], speeds: dict[str, float]) -> list[parts.Part]:
    """The parts of a section, its title first. Whatever is missing or broken is among them."""
    rows, lost = results.read(section.planned, getattr(section.experiment, "NEEDS", ()))
    own = [str(member.folder) for member in section.planned]
    lost += [line for line in failed if any(f"{folder}:" in line for folder in own)]
    told = [parts.Text(line, lost=True) for line in [*lost, *results.mixed(rows)]]
    head = parts.Heading(section.title)
    if section.refused:
        return [head, parts.Text(f"Not done: {section.refused}.", lost=True)]
    if not rows:
        return [head, *told, parts.Text("Not a single run is finished and can be read.", lost=True)]
    name = rows[0]["dataset"]
    rendered = (
        ""
        if not name.startswith(RENDERED)
        else " (trained on rendered faces)"
        if ">" in name
        else " (rendered faces)"
    )
    data = (
        f"Ours: {name}{rendered}, {len(rows)} of {len(section.planned)} runs, people who were never seen in"
        " training; intervals of 95 % over runs."
    )
    try:
        shown = section.experiment.show([row | {"frames_s": speeds.get(row["label"])} for row in rows], out)
    except UserError as error:
        shown = [parts.Text(f"cannot be shown: {error}", lost=True)]
    except (OSError, ValueError, LookupError, ArithmeticError) as error:
        shown = [
            parts.Text(
                f"cannot be shown: {type(error).__name__}: {error}; look at the files of {rows[0]['folder']}"
                " and its like",
                lost=True,
            )
        ]
    return [head, parts.Text(data), *shown, *told]
