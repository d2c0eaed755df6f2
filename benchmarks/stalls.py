"""How long a training step waits for its images, with each feed."""

import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import feeds
import numpy as np
from absl import flags
from dmljax.launch import cli

import dmljax
from dmljax.data.pipeline import TFDataFeed
from dmljax.data.resident import ResidentFeed
from dmljax.preparation.prepare import prepare
from dmljax.report.tables import markdown

SUMMARY = "Trains the quick network from each feed; how long its steps wait for their images."
USAGE = """\
    python benchmarks/stalls.py --out=benchmarks/stalls.jsonl [--images=980] [--epochs=8]

The set is KDEF's tree with rendered heads in place of its photographs, JPEGs of 562 x 762 pixels. The first
epoch, in which programs are compiled, does not count. Images in the device's memory are taken by the step
itself and never waited for; and a step is waited for on a CPU alone, so this says nothing elsewhere. A
step of the quick network is as short as one gets: a larger one waits for a smaller part of its time.
"""
PHOTOGRAPHS, PREPARED = "photographs", "prepared"
# what is said of it -> where the set lies, feed, memory
FEEDS = {
    "in the device's memory": (PHOTOGRAPHS, "resident", "device"),
    "in the host's memory": (PHOTOGRAPHS, "resident", "host"),
    "tf.data, from photographs": (PHOTOGRAPHS, "tfdata", "device"),
    "tf.data, from the prepared set": (PREPARED, "tfdata", "device"),
}


class Step(NamedTuple):
    """Seconds until a batch was there, and until the next one was asked for."""

    waited: float
    worked: float


class Clock:
    """What the epochs of a feed took, step by step."""

    def __init__(self):
        self.epochs: list[list[Step]] = []

    def over(self, batches: Iterator) -> Iterator:
        """The batches of an epoch, timed."""
        steps: list[Step] = []
        self.epochs.append(steps)
        while True:
            asked = time.perf_counter()
            batch = next(batches, None)
            there = time.perf_counter()
            if batch is None:
                return
            yield batch
            steps.append(Step(there - asked, time.perf_counter() - there))


def define(values) -> None:
    flags.DEFINE_integer("images", 980, "photographs", lower_bound=100, flag_values=values)
    flags.DEFINE_integer("epochs", 8, "of each feed", lower_bound=2, flag_values=values)
    flags.DEFINE_string("out", "", "file for a JSON line a feed", flag_values=values)


def clocked(kind: type) -> Clock:
    """A clock on all epochs of a kind of feed."""
    clock, plain = Clock(), kind.batches
    kind.batches = lambda self, order: clock.over(plain(self, order))
    return clock


def measured(config, name: str, folder: Path, clock: Clock) -> dict:
    """A training from a feed."""
    clock.epochs.clear()
    dmljax.train(config, folder / name.replace(" ", "_"), progress=False, say=lambda line: None)
    steps = np.array([step for epoch in clock.epochs[1:] for step in epoch])
    waited, worked = steps[:, 0].mean(), np.median(steps[:, 1])  # some of the latter save a checkpoint
    return {
        "feed": name,
        "steps": len(steps),
        "waited_ms": round(1e3 * waited, 3),
        "worked_ms": round(1e3 * worked, 3),
        "share": round(waited / (waited + worked), 4),
    }


def row(line: dict) -> list[str]:
    return [
        line["feed"],
        f"{line['waited_ms']:.2f}",
        f"{line['worked_ms']:.1f}",
        f"{100 * line['share']:.1f} %",
    ]


def run(values) -> None:
    lines, clocks = [], {"resident": clocked(ResidentFeed), "tfdata": clocked(TFDataFeed)}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        tree = folder / PHOTOGRAPHS
        feeds.tree(tree, feeds.NAMES[: values.images], feeds.photographs(562, 762))
        of_tree = {"dataset.name": "kdef", "dataset.root": str(tree)}
        prepare(dmljax.get_config("quick", of_tree), str(folder / PREPARED), progress=False)
        for name, (root, feed, memory) in FEEDS.items():
            changes = {"dataset.root": str(folder / root), "data.feed": feed, "data.memory": memory}
            changes |= {"train.duration": f"{values.epochs} epochs"}
            config = dmljax.get_config("quick", of_tree | changes)
            lines.append(measured(config, name, folder / "runs", clocks[feed]))
            if values.out:
                with open(values.out, "a", encoding="utf-8") as file:
                    file.write(json.dumps(lines[-1]) + "\n")
    print(markdown([["feed", "waits, ms a step", "works, ms", "share"], *map(row, lines)]))


if __name__ == "__main__":
    cli.run("benchmarks/stalls.py", SUMMARY, USAGE, define, run)
