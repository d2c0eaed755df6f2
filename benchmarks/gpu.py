"""What an accelerator does with this package, beside PyTorch: one command, within a given time."""

import importlib.util
import json
import os
import time
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

from absl import flags
from accelerator import measures, plan, tables
from dmljax.launch import cli

from dmljax.types import UserError

SUMMARY = "Measures steps, trainings and kernels on an accelerator; writes a JSON line as each is known."
USAGE = """\
    python benchmarks/gpu.py --minutes=8 --out=benchmarks/gpu.jsonl --peer=torch_dmlnet.py
    python benchmarks/gpu.py --minutes=0 --out=benchmarks/gpu.jsonl --page=benchmarks/README.md
    python benchmarks/gpu.py --tiny --out=tiny.jsonl

The second makes tables of what is there; the third shows on a CPU that all of it works.

Items are measured in order of worth; none is begun that would not end in time, and none that the file
already has with the same settings. Items of a group are compiled side by side, then measured one after
another, their programs in turns, with nothing else at work. --peer is a PyTorch program that is timed beside;
--data the face model of ict3dfe. Both sides multiply float32 as their frameworks are set: JAX by its default,
which on this hardware is TF32.
"""
GRACE_S = 10  # beyond the end, for what is under way


class Lines:
    """The file of results: a line is appended as soon as it is known."""

    def __init__(self, path: Path):
        self._path = path
        self.all = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def done(self, item: plan.Item) -> bool:
        """Whether the file has the item whole, with these settings."""
        return any(
            line["item"] == item.name and line["settings"] == item.settings and line.get("done")
            for line in self.all
        )

    def add(self, item: plan.Item, **found) -> None:
        line = {"item": item.name, "settings": item.settings, **found}
        self.all.append(line)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def leave_out(self, item: plan.Item, why: str) -> None:
        """Writes once why an item cannot be measured here."""
        if {"item": item.name, "settings": item.settings, "left_out": why} not in self.all:
            self.add(item, left_out=why)


def main(values):
    lines, end = Lines(Path(values.out)), time.monotonic() + 60 * values.minutes
    places = measures.Places(values.peer, values.data, values.traces)
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # programs share the device's memory
    for group in chosen(values):
        todo = possible([item for item in group if not lines.done(item)], lines)
        left = max(0.0, end - time.monotonic())
        now = plan.fitting(todo, left)
        for item in todo:
            if item not in now:
                alone = plan.expected([item])
                print(f"{item.name}: left out, {left:.0f} s are left of about {alone}", flush=True)
        if now:
            until = min(end + GRACE_S, time.monotonic() + max(120, 3 * plan.expected(now)))
            measures.measure(now, places, partial(told, lines), until)
    text = tables.page(lines.all)
    if values.page:
        tables.put_into(Path(values.page), text)
    print(text)


def told(lines: Lines, item: plan.Item, **found) -> None:
    """Keeps what is known of an item, and says so when it is over."""
    lines.add(item, **found)
    if found.get("done"):
        beside = (
            f", after {found['ahead_s']:.0f} s beside its group of about {item.ahead}" if item.ahead else ""
        )
        print(f"{item.name}: {found['seconds']:.0f} s of about {item.seconds}{beside}", flush=True)
    elif "error" in found:
        print(f"{item.name}: {found.get('side', 'failed')}: {found['error']}", flush=True)


def possible(items: list[plan.Item], lines: Lines) -> list[plan.Item]:
    """The items whose packages are here; of others it is told what they lack."""
    found = []
    for item in items:
        if lacking := [name for name in item.needs if importlib.util.find_spec(name) is None]:
            why = f"needs {' and '.join(lacking)}, not installed here"
            lines.leave_out(item, why)
            print(f"{item.name}: left out, {why}", flush=True)
        else:
            found.append(item)
    return found


def chosen(values) -> list[plan.Group]:
    """The items that --items names, without the peer's programs where there is no peer."""
    usual, others = (plan.tiny(), []) if values.tiny else (plan.whole(), plan.asked())
    names = [item.name for group in usual + others for item in group]
    for pattern in values.items:
        if not any(fnmatch(name, pattern) for name in names):
            raise UserError(f"--items: there is no '{pattern}'; there are {', '.join(names)}")
    groups = usual + others if values.items else usual
    wanted = lambda item: not values.items or any(fnmatch(item.name, p) for p in values.items)
    groups = [[item for item in group if wanted(item)] for group in groups]
    if values.peer and not Path(values.peer).is_file():
        raise UserError(f"--peer={values.peer}: there is no such file")
    return groups if values.peer else [[without_peer(item) for item in group] for group in groups]


def without_peer(item: plan.Item) -> plan.Item:
    """The item without PyTorch's programs."""
    if item.kind != "pair":
        return item
    own = [side for side in item.settings["sides"] if side not in (plan.EAGER, plan.COMPILED)]
    return item._replace(settings=item.settings | {"sides": own})


def define(values):
    flags.DEFINE_float("minutes", 25.0, "time for all of it", lower_bound=0, flag_values=values)
    flags.DEFINE_string("out", "benchmarks/gpu.jsonl", "file of results, continued", flag_values=values)
    flags.DEFINE_list("items", [], "those to measure, * for any; empty: all", flag_values=values)
    flags.DEFINE_string("peer", "", "PyTorch program to time beside", flag_values=values)
    flags.DEFINE_string("data", "", "face model of ict3dfe; empty: the embedded set", flag_values=values)
    flags.DEFINE_string("traces", "", "folder in which the profile is kept", flag_values=values)
    flags.DEFINE_string("page", "", "page into which the tables are put", flag_values=values)
    flags.DEFINE_bool("tiny", False, "everything in small, to see that it works", flag_values=values)


if __name__ == "__main__":
    cli.run("gpu", SUMMARY, USAGE, define, main)
