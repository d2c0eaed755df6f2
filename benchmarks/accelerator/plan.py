"""What is measured, in order of worth: items with their settings and the seconds each is expected to take."""

from __future__ import annotations

from typing import NamedTuple

OURS, EAGER, COMPILED = "dmljax", "torch eager", "torch compiled"
REMAT = "dmljax remat"
PAPER = {"image": 224, "width": 64, "stages": "3,4,6,3"}  # three ResNet-50
QUICK = {"image": 48, "width": 16, "stages": "1,1,1"}
SMALL = {"image": 64, "width": 16, "stages": "2,2,2,2"}
TINY = {"image": 24, "width": 4, "stages": "1"}


class Item(NamedTuple):
    """Something to measure.

    Attributes:
      name: as --items takes it, and as the lines have it.
      kind: 'facts', 'operations', 'pair', 'profile', 'seeds' or 'training': how it is measured.
      seconds: expected on an H200 with 16 cores and empty caches, most of it compiling; no item starts with
        less time left.
      settings: what it was measured with; a line with the same name and settings is not measured again.
    """

    name: str
    kind: str
    seconds: int
    settings: dict


def pair(mode: str, dtype: str, batch: int, sides, seconds: int, net: dict = PAPER, **more) -> Item:
    """The same step by several programs, in turns."""
    size = "" if net is PAPER else f"-{net['image']}px"
    name = f"{mode}-{dtype}-{batch}{size}{more.pop('suffix', '')}"
    settings = {"mode": mode, "dtype": dtype, "batch": batch, **net, "sides": list(sides), **more}
    return Item(name, "pair", seconds, {"turns": 3, "turn_s": 1.5, "warmup": 3, **settings})


def seeds(count: int, batch: int, seconds: int, net: dict, **more) -> Item:
    """Several seeds of a small network in one program, beside one after another."""
    settings = {"seeds": count, "dtype": "f32", "batch": batch, **net, "turns": 7} | more
    return Item(f"seeds-{count}-{net['image']}px", "seeds", seconds, settings)


def operations(mode: str, batch: int, seconds: int, net: dict = PAPER) -> Item:
    """How many operations a step takes, counted and not run."""
    settings = {"mode": mode, "dtype": "f32", "batch": batch, **net}
    return Item(f"operations-{mode}", "operations", seconds, settings)


def whole() -> list[Item]:
    """The suite for a large GPU."""
    two, three = (OURS, EAGER), (OURS, EAGER, COMPILED)
    return [
        Item("facts", "facts", 25, {"side": 8192, "copied_gib": 4, "repeats": 20}),
        pair("train", "bf16", 120, three, 250),
        Item("profile", "profile", 45, {**PAPER, "mode": "train", "dtype": "bf16", "batch": 120, "steps": 5}),
        pair("train", "f32", 120, two, 170),
        pair("infer", "bf16", 120, three, 130),
        Item("training", "training", 320, training(24, 500, 120, 224, memory="host")),
        pair("train", "bf16", 15, two, 160),
        pair("infer", "bf16", 1, three, 110),
        seeds(5, 30, 90, QUICK),
        seeds(5, 30, 90, SMALL),
        pair("train", "bf16", 240, two, 160),
        pair("train", "bf16", 120, (REMAT,), 150, suffix="-remat"),
        pair("train", "f32", 15, two, 160),
        pair("train", "bf16", 60, two, 160),
        pair("infer", "f32", 120, two, 60),
        Item("training-resident", "training", 250, training(24, 300, 120, 224, memory="device")),
        pair("infer", "bf16", 15, two, 55),
        pair("train", "f32", 60, two, 160),
        pair("train", "bf16", 15, three, 120, SMALL),
        pair("train", "bf16", 240, three, 120, SMALL),
        pair("infer", "f32", 1, two, 55),
        pair("infer", "f32", 15, two, 55),
        pair("train", "f32", 240, two, 170),
        operations("train", 120, 250),  # the same on every machine
        operations("infer", 120, 250),
    ]


def tiny() -> list[Item]:
    """Every kind of item in small: seconds each on a CPU, and time enough on a busy one."""
    fast, most = {"turns": 2, "turn_s": 0.01, "warmup": 1}, 240
    step = {**TINY, "mode": "train", "dtype": "f32", "batch": 10}
    return [
        Item("facts", "facts", most, {"side": 64, "copied_gib": 0.001, "repeats": 2}),
        pair("infer", "bf16", 10, (OURS, EAGER), most, TINY, **fast),
        pair("train", "f32", 10, (OURS, REMAT, EAGER), most, TINY, **fast),
        operations("infer", 10, most, TINY),
        seeds(2, 10, most, TINY, turns=2),
        Item("profile", "profile", most, {**step, "steps": 2}),
        Item("training", "training", most, training(5, 4, 10, 24, memory="host") | {"net": TINY}),
    ]


def training(identities: int, steps: int, batch: int, image: int, *, memory: str) -> dict:
    """Settings of a run from pictures to scores, on rendered faces."""
    return {
        "identities": identities,
        "steps": steps,
        "batch": batch,
        "image": image,
        "dtype": "bf16",
        "memory": memory,
    }
