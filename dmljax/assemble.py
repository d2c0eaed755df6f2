"""From a configuration to the parts of a run: the set, the split, the network, the step's program."""
from __future__ import annotations

import csv
import hashlib
import json
import platform
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dmljax import config as configuration
from dmljax import plugins
from dmljax.data import duplicates, feeds, images, splits
from dmljax.losses import others
from dmljax.losses.objective import RELATIONS
from dmljax.losses.objective import Options as LossOptions
from dmljax.losses.triplet import LINKS
from dmljax.models.dmlnet import DMLNet
from dmljax.models.regions import REGIONS
from dmljax.preparation import open_samples
from dmljax.train import augment, durations, gradients, optimizer, phases
from dmljax.train.step import Program
from dmljax.types import AXIS, TASKS, Samples, UserError
from dmljax.weightings import _wrappers as wrappers

PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "ml-collections")


class Set(NamedTuple):
    """A feed over the samples that can be read, who trains and tests, and pairs of images on both sides that are nearly the same."""

    feed: Any
    split: splits.Split
    duplicates: list[tuple[int, int]] | None

    @property
    def samples(self) -> Samples:
        return self.feed.samples


def open_set(config, *, progress: bool = True) -> Set:
    """Reads the configured set and splits it."""
    samples = open_samples(config, progress=progress)
    feed = feeds.build(config.data.feed, samples, image_size=config.data.image_size, memory=config.data.memory, progress=progress)
    chosen = config.split.to_dict() | ({"kind": "given"} if config.dataset.test else {})
    split = splits.make(feed.samples, seed=config.seed, **chosen)
    apart = np.concatenate([split.validation, split.test])
    return Set(feed, split, duplicates.across(feed.samples, split.train, apart, images.load))


def folds(config, run: Path) -> list[tuple[Any, Path]]:
    """The runs that a configuration asks for, and their folders: one, or with `split.fold` = -1 one for each fold, RUN/fold_0 and so on."""
    if config.split.kind != "folds" or config.split.fold != -1:
        return [(config, run)]
    found = []
    for fold in range(config.split.folds):
        one = config.copy_and_resolve_references()
        one.split.fold = fold
        found.append((one, run / f"fold_{fold}"))
    return found


def fingerprint(samples: Samples) -> str:
    """A short hash of references, labels and class names: another set, or another state of it, has another one."""
    digest = hashlib.sha256(json.dumps([samples.references, samples.expression_names, samples.pose_names]).encode())
    for labels in (samples.expression, samples.pose, samples.identity):
        digest.update(np.ascontiguousarray(labels, np.int32).tobytes())
    return digest.hexdigest()[:16]


def choice(value, allowed, field: str):
    """The value, or a UserError that names the field and what is allowed."""
    if value not in allowed:
        raise UserError(f"{field} must be one of {', '.join(map(str, allowed))}; got '{value}'.{plugins.nearest(value, allowed)}")
    return value


def network(config, samples: Samples) -> DMLNet:
    """The network for a set's classes."""
    model = config.model
    branches = tuple(choice(b, REGIONS, "model.branches") for b in model.branches)
    if not branches:
        raise UserError(f"model.branches is empty; choose from {', '.join(REGIONS)}")
    dtype = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}[choice(model.dtype, ("float32", "bfloat16"), "model.dtype")]
    backbone = plugins.load("backbones", config.backbone.name)
    axis_name = AXIS if model.sync_batch_norm else None
    build = partial(backbone.build, dtype=dtype, axis_name=axis_name, remat=model.remat,
                    **configuration.options(config, "backbone"))
    build()  # its errors belong here, not into the tracing of the network
    return DMLNet(
        build, len(samples.expression_names), len(samples.pose_names) if model.pose_head else 0, branches=branches,
        fused=model.fused, embedding=model.embedding, hidden=model.hidden, deviation=model.deviation,
        softmax_deviation=model.softmax_deviation, stretch=model.stretch, dtype=dtype,
        batch_norm=model.batch_norm, axis_name=axis_name, centres=bool(others.CENTRES.intersection(config.losses.others)),
    )


def loss_options(config, net: DMLNet) -> LossOptions:
    """The losses that the network's parts allow."""
    losses = config.losses
    triplets = tuple(choice(t, RELATIONS, "losses.triplets") for t in losses.triplets)
    beside = tuple((name, tuple(losses[name].items())) for name in (choice(o, others.NAMES, "losses.others") for o in losses.others))
    present = {"expression": True, "pose": bool(net.poses), "triplet": bool(triplets or beside)}
    return LossOptions(
        tasks=tuple(task for task in TASKS if present[task]),
        triplets=triplets,
        others=beside,
        margins=(("pose", losses.margin_pose), ("identity", losses.margin_identity)),
        link=choice(losses.link, LINKS, "losses.link"),
        normalise=losses.normalise,
        anchors=choice(losses.anchors, ("tuple", "all"), "losses.anchors"),
        reduction=choice(losses.reduction, ("mean", "sum"), "losses.reduction"),
        reference_anchors=losses.reference_anchors,
        scope=choice(losses.scope, ("global", "device"), "losses.scope"),
    )


def plan(config, losses: LossOptions) -> gradients.Plan:
    """The weighting strategy with its wrappers, and how its gradients are taken.

    Raises:
      UserError: the configuration cannot give what the strategy needs.
    """
    section, name = config.weighting, config.weighting.name
    built = plugins.load("weightings", name).build(**configuration.options(config, "weighting"))
    built = wrappers.wrap(built, **section.wrap)
    source = choice(section.gram, gradients.SOURCES, "weighting.gram")
    if not built.needs <= gradients.PROVIDES:
        raise UserError(
            f"weighting.{name} needs {', '.join(sorted(built.needs - gradients.PROVIDES))}; "
            f"the step provides {', '.join(sorted(gradients.PROVIDES))}"
        )
    if "jacobian" in built.needs and source != "shared":
        raise UserError(f"weighting.{name} needs the gradients themselves, which weighting.gram={source} does not give; set weighting.gram=shared")
    if "cross_gram" in built.needs and (config.data.accumulate < 2 or config.data.accumulate % 2):
        raise UserError(
            f"weighting.{name} compares two independent halves of a step; set data.accumulate to an even number of mini-batches, "
            f"not {config.data.accumulate}"
        )
    if "positive" in built.needs and losses.link == "none" and "triplet" in losses.tasks:
        raise UserError(
            f"weighting.{name} takes logarithms or ratios of losses, and losses.link=none gives negative ones; set losses.link=hinge or softplus"
        )
    return gradients.Plan(built, source, choice(section.heads, gradients.HEADS, "weighting.heads"))


class Schedule(NamedTuple):
    """A run's durations in optimizer steps."""

    epoch: int
    whole: int
    log: int
    save: int
    conflicts: int
    first: int
    turn: int
    mining: int
    stair: int
    warmup: int


def schedule(config, epoch: int) -> Schedule:
    """All durations of the configuration, for epochs of `epoch` steps."""
    whole = durations.steps(config.train.duration, field="train.duration", epoch=epoch)
    if whole < 1:
        raise UserError(f"train.duration is shorter than one step: '{config.train.duration}'")

    def part(section: str, field: str, least: int = 0) -> int:
        return max(least, durations.steps(config[section][field], field=f"{section}.{field}", epoch=epoch, whole=whole))

    return Schedule(
        epoch, whole, log=part("train", "log_every", 1), save=part("train", "save_every", 1),
        conflicts=part("train", "conflicts_every"), first=part("phases", "first"),
        turn=part("phases", "turn", 1), mining=part("phases", "triplet_after"),
        stair=part("optimizer", "decay_every", 1), warmup=part("optimizer", "warmup"),
    )


def program(config, samples: Samples, net: DMLNet, times: Schedule) -> Program:
    """The static parts of the train step."""
    losses = loss_options(config, net)
    settings = {k: config.optimizer[k] for k in ("learning_rate", "decay", "b1", "b2", "epsilon", "clip", "weight_decay")}
    if not 0 <= config.ema.decay < 1:
        raise UserError(f"ema.decay must be at least 0 and below 1, got {config.ema.decay}")
    return Program(
        apply=net.apply,
        losses=losses,
        plan=plan(config, losses),
        optimizer=optimizer.build(decay_steps=times.stair, warmup_steps=times.warmup, **settings),
        active=partial(phases.active, tasks=losses.tasks, first_steps=times.first, turn_steps=times.turn,
                       triplet_from=times.mining),
        augment=augment.check(augment.Options(**config.augment)),
        mirror=samples.pose_mirror,
        ema=config.ema.decay,
        ema_warmup=config.ema.warmup,
        total=tuple(config.losses.total[task] for task in losses.tasks),
    )


def describe(data: Set) -> str:
    """What is there, beside what the set's authors state, and what is to be told about it; a line each."""
    samples, split = data.samples, data.split
    people = [len(np.unique(samples.identity[part][samples.identity[part] >= 0])) for part in split]
    sides = ", ".join(f"{name} {len(part)} images of {count} people" for name, part, count in zip(split._fields, split, people) if len(part))
    published = f" (published: {samples.published})" if samples.published else ""
    skipped = f", {len(samples.skipped)} files skipped" if samples.skipped else ""
    lines = [
        f"{samples.name}: {len(samples)} images{published}{skipped}; {len(samples.expression_names)} expressions, "
        f"{len(samples.pose_names)} poses, {len(samples.identity_names)} identities; {sides}",
        *samples.notes,
    ]
    if data.duplicates is None:
        lines.append("near-duplicates across the split were not looked for: too many pairs of images")
    elif data.duplicates:
        one, other = (samples.references[k] for k in data.duplicates[0])
        lines.append(f"near-duplicates across the split: {len(data.duplicates)} pairs (near_duplicates.csv), e.g. '{one}' and '{other}'")
    return "\n".join(lines)


def versions() -> dict[str, str]:
    """Of Python and the packages that a result depends on, and the devices that JAX sees."""
    found = {name: metadata.version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **found, "device": jax.devices()[0].device_kind, "devices": str(jax.device_count())}


def write_record(run: Path, config, data: Set) -> None:
    """What a run is, beside its checkpoints: config.json, versions.json, split.json, skipped.csv, near_duplicates.csv."""
    run.mkdir(parents=True, exist_ok=True)
    samples = data.samples

    def dump(name: str, content) -> None:
        part = run / f".{name}.part"
        part.write_text(json.dumps(content, indent=1) + "\n")
        part.replace(run / name)

    dump("split.json", {side: [samples.references[i] for i in part] for side, part in zip(data.split._fields, data.split)})
    dump("versions.json", versions())
    pairs = [tuple(samples.references[k] for k in pair) for pair in data.duplicates or ()]
    for name, header, rows in (("skipped.csv", ("reference", "reason"), samples.skipped), ("near_duplicates.csv", ("train", "apart"), pairs)):
        with open(run / name, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header, *rows])
    dump("config.json", configuration.trimmed(config))
