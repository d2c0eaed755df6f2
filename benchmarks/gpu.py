"""What an accelerator does with this package, beside PyTorch: one command, within a given time."""

import json
import os
import time
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

from absl import flags
from accelerator import measures, plan, tables
from accelerator.process import Failed
from dmljax.launch import cli

from dmljax.types import UserError

SUMMARY = "Measures steps, trainings and kernels on an accelerator; writes a JSON line as each is known."
USAGE = """\
    python benchmarks/gpu.py --minutes=8 --out=benchmarks/gpu.jsonl --peer=torch_dmlnet.py
    python benchmarks/gpu.py --minutes=0 --out=benchmarks/gpu.jsonl --page=benchmarks/README.md
    python benchmarks/gpu.py --tiny --out=tiny.jsonl

The second makes tables of what is there; the third shows on a CPU that all of it works.

Items are measured in order of worth; none is started that would not end in time, and none that the file
already has with the same settings. Programs of an item are compiled side by side, then timed in turns, with
nothing else at work. --peer is a PyTorch program that is timed beside; --data the face model of ict3dfe.
Both sides multiply float32 as their frameworks are set: JAX by its default, which on this hardware is TF32.
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


def main(values):
    lines, end = Lines(Path(values.out)), time.monotonic() + 60 * values.minutes
    places = measures.Places(values.peer, values.data, values.traces)
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # two programs share the device's memory
    for item in chosen(values):
        if lines.done(item):
            continue
        left = max(0.0, end - time.monotonic())
        if left < item.seconds:
            print(f"{item.name}: left out, {left:.0f} s are left of about {item.seconds}", flush=True)
            continue
        began = time.monotonic()
        until = min(end + GRACE_S, began + max(120, 3 * item.seconds))
        try:
            measures.measure(item, places, partial(lines.add, item), until)
            lines.add(item, done=True, seconds=round(time.monotonic() - began, 1))
        except Failed as error:
            lines.add(item, error=str(error))
        print(f"{item.name}: {time.monotonic() - began:.0f} s of about {item.seconds}", flush=True)
    text = tables.page(lines.all)
    if values.page:
        tables.put_into(Path(values.page), text)
    print(text)


def chosen(values) -> list[plan.Item]:
    """The items that --items names, without the peer's programs where there is no peer."""
    items = plan.tiny() if values.tiny else plan.whole()
    for pattern in values.items:
        if not any(fnmatch(item.name, pattern) for item in items):
            raise UserError(f"--items: there is no '{pattern}'; there are {', '.join(i.name for i in items)}")
    items = [i for i in items if not values.items or any(fnmatch(i.name, p) for p in values.items)]
    if values.peer and not Path(values.peer).is_file():
        raise UserError(f"--peer={values.peer}: there is no such file")
    if values.peer:
        return items
    own = lambda sides: [side for side in sides if side not in (plan.EAGER, plan.COMPILED)]
    return [
        i._replace(settings=i.settings | {"sides": own(i.settings["sides"])}) if i.kind == "pair" else i
        for i in items
    ]


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
