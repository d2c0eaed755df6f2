"""From a configuration to the parts of a run: network, losses, weighting, schedule, the step's program.

The configuration's fields are within their ranges by then (`config.check`, called where a set is opened).
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax.numpy as jnp

from dmljax import config as configuration
from dmljax import durations, plugins
from dmljax.models.dmlnet import DMLNet
from dmljax.runs.record import Classes
from dmljax.training import augment, objective, optimizer, phases, rivals
from dmljax.training.objective import Options as LossOptions
from dmljax.training.step import Program
from dmljax.types import AXIS, TASKS, Samples, UserError
from dmljax.weightings import Weighting, wrap


def network(config, classes: Samples | Classes) -> DMLNet:
    """The network for the classes of a set, or of a run."""
    model = config.model
    dtype = getattr(jnp, model.dtype)
    backbone = plugins.load("backbones", config.backbone.name)
    axis_name = AXIS if model.sync_batch_norm else None
    build = partial(
        backbone.build,
        dtype=dtype,
        axis_name=axis_name,
        remat=model.remat,
        **configuration.options(config, "backbone"),
    )
    build()  # its errors belong here, not into the tracing of the network
    return DMLNet(
        build,
        len(classes.expression_names),
        len(classes.pose_names) if model.pose_head else 0,
        branches=tuple(model.branches),
        fused=model.fused,
        embedding=model.embedding,
        hidden=model.hidden,
        deviation=model.deviation,
        softmax_deviation=model.softmax_deviation,
        stretch=model.stretch,
        dtype=dtype,
        batch_norm=model.batch_norm,
        axis_name=axis_name,
        centres=bool(rivals.CENTRES.intersection(config.losses.others)),
    )


def loss_options(config, net: DMLNet) -> LossOptions:
    """The losses that the network's parts allow."""
    losses = config.losses
    triplets = tuple(losses.triplets)
    beside = tuple((name, tuple(losses[name].items())) for name in losses.others)
    present = {"expression": True, "pose": bool(net.poses), "triplet": bool(triplets or beside)}
    return LossOptions(
        tasks=tuple(task for task in TASKS if present[task]),
        triplets=triplets,
        others=beside,
        margins=(("pose", losses.margin_pose), ("identity", losses.margin_identity)),
        link=losses.link,
        normalise=losses.normalise,
        anchors=losses.anchors,
        reduction=losses.reduction,
        reference_anchors=losses.reference_anchors,
        scope=losses.scope,
    )


def weighting(config, losses: LossOptions) -> Weighting:
    """The weighting strategy with its wrappers.

    Raises:
      UserError: a field is wrong, or the configuration cannot give what the strategy needs.
    """
    section, name = config.weighting, config.weighting.name
    plugin = plugins.load("weightings", name)
    fields = configuration.options(config, "weighting")
    if plugins.a_field_a_task(plugin):  # of all tasks that a network may have
        fields = {
            field: value for field, value in fields.items() if field in losses.tasks or field not in TASKS
        }
    try:
        built = plugin.build(**fields)
    except (ValueError, TypeError) as error:
        raise UserError(f"weighting.{name}.{error}") from error
    try:
        built = wrap(built, **section.wrap)
    except ValueError as error:
        raise UserError(f"weighting.wrap and weighting.{name}: {error}") from error
    if "jacobian" in built.needs and section.gram != "shared":
        raise UserError(
            f"weighting.{name} needs the gradients themselves, which weighting.gram={section.gram} does"
            " not give; set weighting.gram=shared"
        )
    if "cross_gram" in built.needs and (config.data.accumulate < 2 or config.data.accumulate % 2):
        raise UserError(
            f"weighting.{name} compares two independent halves of a step; set data.accumulate to an even"
            f" number of mini-batches, not {config.data.accumulate}"
        )
    if "positive" in built.needs and losses.link == "none" and "triplet" in losses.tasks:
        raise UserError(
            f"weighting.{name} takes logarithms or ratios of losses, and losses.link=none gives negative"
            " ones; set losses.link=hinge or softplus"
        )
    return built


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


def schedule(config, epoch: int, *, began: str = "") -> Schedule:
    """All durations of the configuration.

    Args:
      epoch: steps in an epoch.
      began: the duration that the run began with, where it is another now; what decides on results, rates and
        phases, is a part of it, so that a longer run goes on as the shorter one did.

    Raises:
      UserError: a field is no duration.
    """
    whole = durations.steps(config.train.duration, field="train.duration", epoch=epoch)
    if whole < 1:
        raise UserError(f"train.duration is shorter than one step: '{config.train.duration}'")
    first = durations.steps(began, field="train.duration", epoch=epoch) if began else whole

    def part(section: str, field: str, least: int = 0) -> int:
        of = whole if section == "train" else first
        found = durations.steps(config[section][field], field=f"{section}.{field}", epoch=epoch, whole=of)
        return max(least, found)

    return Schedule(
        epoch,
        whole,
        log=part("train", "log_every", 1),
        save=part("train", "save_every", 1),
        conflicts=part("train", "conflicts_every"),
        first=part("phases", "first"),
        turn=part("phases", "turn", 1),
        mining=part("phases", "triplet_after"),
        stair=part("optimizer", "decay_every", 1),
        warmup=part("optimizer", "warmup"),
    )


def program(config, samples: Samples, net: DMLNet, times: Schedule) -> Program:
    """The static parts of the train step."""
    losses = loss_options(config, net)
    settings = {name: config.optimizer[name] for name in optimizer.FIELDS}
    return Program(
        apply=net.apply,
        terms=objective.terms(losses),
        weighting=weighting(config, losses),
        gradients_on=config.weighting.gram,
        heads=config.weighting.heads,
        optimizer=optimizer.build(decay_steps=times.stair, warmup_steps=times.warmup, **settings),
        active=partial(
            phases.active,
            tasks=losses.tasks,
            starts={"pose": times.first, "triplet": times.mining},
            turns=("expression", "triplet"),
            turns_until=times.first,
            turn_steps=times.turn,
        ),
        augment=augment.check(augment.Options(**config.augment)),
        mirror=samples.pose_mirror,
        ema=config.ema.decay,
        ema_warmup=config.ema.warmup,
        total=tuple(config.losses.total[task] for task in losses.tasks),
    )
