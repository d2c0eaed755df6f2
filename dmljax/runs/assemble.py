"""From a configuration to the parts of a run: network, losses, weighting, the step's program.

The configuration's fields are within their ranges by then (`config.check`, called where a set is opened).
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp

from dmljax import config as configuration
from dmljax import plugins
from dmljax.models.dmlnet import BINNED, DMLNet
from dmljax.runs import decided, fine_tuning, recipe, timetable
from dmljax.runs.decided import Decided
from dmljax.runs.record import Classes
from dmljax.training import mix, norms, objective, phases, rivals
from dmljax.training.heads import AnglesLoss
from dmljax.training.objective import RELATIONS
from dmljax.training.objective import Options as LossOptions
from dmljax.training.step import Program
from dmljax.types import ALL_TASKS, ANGLES, AXIS, EXPRESSION, IMAGENET, POSE, Samples, UserError
from dmljax.weightings import Weighting, wrap


def check(config) -> None:
    """Whatever of a training can be refused before its set is read, which may take long.

    Raises:
      UserError: no network, weighting or schedule can be made of it.
    """
    fine_tuning.check(config, backbone(config)())
    pixels(config.model)
    _angle_bins(config.model)
    weighting(config, loss_options(config))
    recipe.augmentation(config)
    mix.check(mix.Options(**config.mix), ())  # what it leaves to others is known with the labels
    recipe.check_optimizer(config)
    recipe.check_class_weights(config)
    timetable.check(config)


def backbone(config) -> partial:
    """What builds a branch."""
    model = config.model
    build = partial(
        plugins.load("backbones", config.backbone.name).build,
        dtype=getattr(jnp, model.dtype),
        axis_name=None if norm_group(model) == norms.ALONE else AXIS,
        remat=model.remat,
        **configuration.options(config, "backbone"),
    )
    build()  # its errors belong here, not into the tracing of the network
    return build


def norm_group(model) -> int:
    """Devices that share BatchNorm's statistics; 0: all."""
    return model.batch_norm_group if model.sync_batch_norm else norms.ALONE


def network(config, classes: Samples | Classes) -> DMLNet:
    """The network for the classes of a set, or of a run."""
    model, build = config.model, backbone(config)
    heads = decided.heads(config, classes)
    return DMLNet(
        build,
        len(classes.expression_names),
        len(classes.pose_names) if POSE in heads else 0,
        branches=tuple(model.branches),
        fused=model.fused,
        embedding=model.embedding,
        hidden=model.hidden,
        deviation=model.deviation,
        softmax_deviation=model.softmax_deviation,
        stretch=model.stretch,
        dtype=build.keywords["dtype"],
        batch_norm=model.batch_norm,
        axis_name=build.keywords["axis_name"],
        centres=EXPRESSION in heads and bool(rivals.CENTRES.intersection(config.losses.others)),
        expression_input=model.expression_input,
        pose_input=model.pose_input,
        angles_input=model.angles_input,
        angles=tuple(classes.angles_names) if ANGLES in heads else (),
        angle_bins=_angle_bins(model),
        angle_bin=model.angles_bin,
        dropout=model.dropout,
        pixels=pixels(model),
    )


def pixels(model) -> tuple[tuple[float, ...], ...]:
    """Mean and deviation of the channels; () where each image has its own.

    Raises:
      UserError: a deviation that is not above 0.
    """
    if not min(model.pixel_deviation) > 0:
        raise UserError(
            f"must be numbers above 0; got {model.pixel_deviation}", parameter="model.pixel_deviation"
        )
    given = tuple(model.pixel_mean), tuple(model.pixel_deviation)
    return {"image": (), "imagenet": IMAGENET, "given": given}[model.normalisation]


def _angle_bins(model) -> int:
    """How many bins the head for angles has, 0 of one without bins.

    Raises:
      UserError: bins do not fill their range.
    """
    if model.angles_head != BINNED:
        return 0
    bins = 2 * model.angles_most / model.angles_bin
    if round(bins) < 2 or abs(bins - round(bins)) > 1e-6:
        raise UserError(
            f"must divide the {2 * model.angles_most:g} degrees of -model.angles_most to model.angles_most"
            f" into two or more bins; got {model.angles_bin:g}",
            parameter="model.angles_bin",
        )
    return round(bins)


def loss_options(config, found: Decided | None = None) -> LossOptions:
    """The losses that are configured, or those of them that the labels of a set allow."""
    losses = config.losses
    triplets = tuple(losses.triplets if found is None else found.triplets)
    others = losses.others if found is None else found.others
    beside = tuple((name, tuple(losses[name].items())) for name in others)
    heads = decided.wanted_heads(config) if found is None else found.heads
    present = {*heads, *(("triplet",) if triplets or beside else ())}
    whole = found is None or decided.tuples(found)
    return LossOptions(
        tasks=tuple(task for task in ALL_TASKS if task in present),
        triplets=triplets,
        others=beside,
        margins=tuple((name, losses[f"margin_{name}"]) for name in RELATIONS),
        link=losses.link,
        normalise=losses.normalise,
        anchors=losses.anchors if whole else "all",
        reduction=losses.reduction,
        reference_anchors=losses.reference_anchors,
        scope=losses.scope,
        angles=AnglesLoss(**losses.angles, width=config.model.angles_bin),
    )


def strategy(config, tasks) -> Weighting:
    """The configured strategy for these tasks, with its wrappers.

    Raises:
      UserError: a field is wrong, or a wrapper that the strategy cannot take.
    """
    section, name = config.weighting, config.weighting.name
    plugin = plugins.load("weightings", name)
    options = configuration.options(config, "weighting")
    try:
        built = plugin.build(**plugins.of_tasks(plugin, options, tasks))
    except (ValueError, TypeError) as error:
        raise UserError(f"weighting.{name}.{error}") from error
    try:
        return wrap(built, **section.wrap)
    except ValueError as error:
        raise UserError(f"weighting.wrap and weighting.{name}: {error}") from error


def weighting(config, losses: LossOptions) -> Weighting:
    """The configured strategy, checked against what the step gives it.

    Raises:
      UserError: see `strategy`; or the configuration cannot give what the strategy needs.
    """
    section, name = config.weighting, config.weighting.name
    built = strategy(config, losses.tasks)
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
    if "jacobian" not in built.needs:  # whose state has the form of the parameters
        try:
            jax.eval_shape(lambda: built.init(losses.tasks))
        except (ValueError, TypeError) as error:
            raise UserError(f"weighting.{name}: {error}") from error
    return built


def mixing(config, losses: LossOptions) -> mix.Options:
    """How images are mixed, which serves the expression head alone.

    Raises:
      UserError: it would leave no image to the other losses.
    """
    if EXPRESSION not in losses.tasks:
        return mix.Options()
    return mix.check(mix.Options(**config.mix), losses.tasks)


def program(
    config, samples: Samples, net: DMLNet, times: timetable.Schedule, found: Decided, train=None
) -> Program:
    """The static parts of the train step; `train`: numbers of the samples that train, None: all."""
    losses = loss_options(config, found)
    losses = losses._replace(heads=recipe.head_losses(config, samples, train))
    branch = backbone(config)()
    held = fine_tuning.kept(config, net, branch, times.thaw)
    return Program(
        apply=net.apply,
        terms=objective.terms(losses),
        weighting=weighting(config, losses),
        gradients_on=config.weighting.gram,
        heads=config.weighting.heads,
        optimizer=recipe.optimizer(
            config,
            whole=times.rated,
            decay_steps=times.stair,
            warmup_steps=times.warmup,
            layers=fine_tuning.layers(config, branch),
            held=held,
        ),
        active=partial(
            phases.active,
            tasks=losses.tasks,
            starts=timetable.starts(losses, times),
            turns=("expression", "triplet"),
            turns_until=times.first,
            turn_steps=times.turn,
        ),
        augment=recipe.augmentation(config),
        mirror=samples.pose_mirror,
        mix=mixing(config, losses),
        together=found.sampler.together,
        norm_group=norm_group(config.model),
        ema=config.ema.decay,
        ema_warmup=config.ema.warmup,
        total=tuple(config.losses.total[task] for task in losses.tasks),
        held=held,
    )
