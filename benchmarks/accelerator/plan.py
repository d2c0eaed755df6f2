"""What is measured, in order of worth: groups of items, their settings, the seconds they should take."""

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
      kind: of `measures.KINDS`: how it is measured.
      seconds: expected on an H200 with 16 cores, once its group is compiled; of what needs no such time, all.
      settings: what it was measured with; a line with the same name and settings is not measured again.
      ahead: seconds that its programs take to compile, empty caches, beside those of its group.
      needs: packages without which it is left out.
    """

    name: str
    kind: str
    seconds: int
    settings: dict
    ahead: int = 0
    needs: tuple[str, ...] = ()


Group = list[Item]  # compiled side by side, then measured one after another


def expected(group: Group) -> int:
    """Seconds of a group: its compilations run side by side, its measurements do not."""
    return max((item.ahead for item in group), default=0) + sum(item.seconds for item in group)


def fitting(group: Group, left: float) -> Group:
    """Those of a group, in its order, that together take no longer than `left` seconds."""
    found: Group = []
    for item in group:
        if expected([*found, item]) <= left:
            found.append(item)
    return found


def pair(
    mode: str,
    dtype: str,
    batch: int,
    sides,
    seconds: int,
    net: dict = PAPER,
    *,
    ahead: int,
    suffix="",
    **more,
) -> Item:
    """The same step by several programs, in turns."""
    size = "" if net is PAPER else f"-{net['image']}px"
    settings = {"mode": mode, "dtype": dtype, "batch": batch, **net, "sides": list(sides), **more}
    settings = {"turns": 3, "turn_s": 1.5, "warmup": 3, **settings}
    return Item(f"{mode}-{dtype}-{batch}{size}{suffix}", "pair", seconds, settings, ahead)


def profile(
    batch: int, steps: int, seconds: int, net: dict = PAPER, *, ahead: int, dtype: str = "bf16"
) -> Item:
    """Where the time of a train step goes."""
    settings = {**net, "mode": "train", "dtype": dtype, "batch": batch, "steps": steps}
    return Item("profile", "profile", seconds, settings, ahead)


def seeds(count: int, batch: int, seconds: int, net: dict, *, ahead: int, **more) -> Item:
    """Several seeds of a small network in one program, beside one after another."""
    settings = {"seeds": count, "dtype": "f32", "batch": batch, **net, "turns": 7} | more
    return Item(f"seeds-{count}-{net['image']}px", "seeds", seconds, settings, ahead)


def operations(mode: str, batch: int, seconds: int, net: dict = PAPER) -> Item:
    """How many operations a step takes, counted and not run."""
    settings = {"mode": mode, "dtype": "f32", "batch": batch, **net}
    return Item(f"operations-{mode}", "operations", seconds, settings)


def training(
    name: str,
    identities: int,
    steps: int,
    batch: int,
    image: int,
    seconds: int,
    *,
    ahead: int,
    needs=(),
    **how,
) -> Item:
    """A run on rendered faces, from pictures to scores; `how` says where its images come from."""
    run = {"identities": identities, "steps": steps, "batch": batch, "image": image, "dtype": "bf16"}
    return Item(name, "training", seconds, run | how, ahead, needs)


def reproduction(
    table: str, identities: int, epochs: int, batch: int, seconds: int, net: dict, *, jobs: int
) -> Item:
    """A table of the paper by `dmljax reproduce`, small: a training and an evaluation of each of its rows."""
    run = {"table": table, "identities": identities, "epochs": epochs, "batch": batch, **net}
    run |= {"seeds": [0], "jobs": jobs}
    return Item(f"reproduce-{table}", "reproduce", seconds, run, needs=("matplotlib", "sklearn"))


TFDATA = ("tensorflow", "tensorflow_datasets")


def whole() -> list[Group]:
    """The suite for a large GPU. Every group is of its own: the next machine may go on with any of them."""
    two, three = (OURS, EAGER), (OURS, EAGER, COMPILED)
    return [
        [Item("facts", "facts", 25, {"side": 8192, "copied_gib": 4, "repeats": 20})],
        [
            pair("train", "bf16", 120, three, 65, ahead=230),
            profile(120, 5, 45, ahead=180),
            pair("train", "f32", 120, two, 65, ahead=180),
            pair("train", "bf16", 15, two, 50, ahead=180),
            pair("train", "bf16", 240, two, 55, ahead=180),
            pair("train", "f32", 15, two, 55, ahead=180),
            pair("train", "bf16", 120, (REMAT,), 25, suffix="-remat", ahead=180),
            pair("train", "bf16", 60, two, 50, ahead=180),
        ],
        [
            pair("infer", "bf16", 120, three, 30, ahead=100),
            pair("infer", "bf16", 1, three, 30, ahead=100),
            seeds(5, 30, 8, QUICK, ahead=60),
            seeds(5, 30, 8, SMALL, ahead=60),
            pair("infer", "f32", 120, two, 25, ahead=35),
            pair("train", "bf16", 240, three, 40, SMALL, ahead=100),
            pair("train", "bf16", 15, three, 40, SMALL, ahead=100),
            pair("infer", "bf16", 15, two, 25, ahead=35),
        ],
        [
            training("training", 24, 500, 120, 224, 70, memory="host", ahead=185),
            training("training-resident", 24, 150, 120, 224, 20, memory="device", evaluate=False, ahead=185),
            training(
                "training-tfdata", 24, 150, 120, 224, 25, memory="host", evaluate=False, feed="tfdata",
                ahead=195, needs=TFDATA,
            ),
        ],
        [reproduction("table8", 24, 8, 60, 200, SMALL, jobs=5)],
    ]  # fmt: skip


def asked() -> list[Group]:
    """What is measured only where --items names it: the same on every machine, or further sizes.

    A step of 240 images in float32 needs 36 GiB on either side, and JAX's allocator takes up to twice what it
    needs: the two do not fit into 80 GB together.
    """
    two = (OURS, EAGER)
    return [
        [
            pair("train", "f32", 60, two, 60, ahead=180),
            pair("train", "f32", 240, two, 80, ahead=180),
            pair("infer", "f32", 1, two, 25, ahead=35),
            pair("infer", "f32", 15, two, 25, ahead=35),
        ],
        [operations("train", 120, 250)],
        [operations("infer", 120, 100)],
    ]


def tiny() -> list[Group]:
    """Every kind of item in small: seconds each on a CPU, and time enough on a busy one."""
    fast, most, two_of = {"turns": 2, "turn_s": 0.01, "warmup": 1}, 90, (OURS, REMAT, EAGER)
    small = {
        "identities": 5,
        "steps": 4,
        "batch": 10,
        "image": 24,
        "seconds": most,
        "ahead": most,
        "net": TINY,
    }
    return [
        [Item("facts", "facts", most, {"side": 64, "copied_gib": 0.001, "repeats": 2})],
        [
            pair("infer", "bf16", 10, (OURS, EAGER), most, TINY, ahead=most, **fast),
            pair("train", "f32", 10, two_of, most, TINY, ahead=most, **fast),
            profile(10, 2, most, TINY, ahead=most, dtype="f32"),
            seeds(2, 10, most, TINY, ahead=most, turns=2),
        ],
        [
            training("training", memory="host", **small),
            training("training-resident", memory="device", evaluate=False, **small),
            training("training-tfdata", memory="host", feed="tfdata", evaluate=False, needs=TFDATA, **small),
        ],
        [reproduction("table8", 5, 1, 10, 3 * most, TINY, jobs=2)],
        [operations("infer", 10, most, TINY)],
    ]
