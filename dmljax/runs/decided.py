"""What a set's labels decide about a run: its sampler, heads, triplets, and whether it is split by image."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dmljax import config as configuration
from dmljax import plugins
from dmljax.data import order, splits
from dmljax.data.sampling import Sampler, Wanted
from dmljax.models.dmlnet import BINNED
from dmljax.preparation import opening
from dmljax.runs import sets
from dmljax.training.objective import RELATIONS
from dmljax.types import ANGLE_NAMES, ANGLES, EXPRESSION, MISSING, POSE, TUPLE_SIZE, Samples, UserError

BY_IMAGE = "split by image: the same person may be on both sides"


class Decided(NamedTuple):
    """What a run does of what its configuration asks for.

    Attributes:
      sampler: what draws its mini-batches.
      heads: those of 'expression', 'pose' and 'angles' that the network has.
      triplets: the relations that are mined.
      others: the metric losses beside them.
      told: what cannot be done and why, a line each.
      weaker: of these, what makes the numbers say less.
    """

    sampler: Sampler
    heads: tuple[str, ...]
    triplets: tuple[str, ...]
    others: tuple[str, ...]
    told: tuple[str, ...]
    weaker: tuple[str, ...]


def wanted_heads(config) -> tuple[str, ...]:
    """The heads that are configured."""
    asked = {EXPRESSION: True, POSE: config.model.pose_head, ANGLES: config.model.angles_head}
    return tuple(head for head in asked if asked[head])


def heads(config, classes) -> tuple[str, ...]:
    """The heads of a network for the classes (and angles) of a set, or of a run: those that have any.

    Raises:
      UserError: none is left.
    """
    found = tuple(head for head in wanted_heads(config) if getattr(classes, f"{head}_names"))
    if not found:
        raise UserError(
            "nothing can be learnt: no image has an expression"
            + (
                " or a pose; give at least one of these labels"
                if config.model.pose_head
                else ", and there is no head for poses; set model.pose_head=True, or give expressions"
            )
            + (", or angles" if config.model.angles_head else ", or angles and set model.angles_head")
        )
    return found


def heads_of_set(config) -> tuple[str, ...] | None:
    """The heads that the labels of the configured set allow; None where the set is not there any more."""
    try:
        samples = opening.open_labels(config)
    except UserError:
        return None
    return heads(config, samples)


def decide(config, samples: Samples, split: splits.Split) -> Decided:
    """What is done with a set that was split.

    Raises:
      UserError: nothing can be learnt from it, or a field does not fit it.
    """
    training = samples.take(split.train)
    found = heads(config, training)
    _check_classes(training, found)
    lacking = [head for head in wanted_heads(config) if head not in found]
    drawing = sampler(config, training)
    triplets = _triplets(config, training, drawing)
    others = tuple(config.losses.others) if EXPRESSION in found else ()
    told = [f"no {head.removesuffix('s')} is known: the network has no head for it" for head in lacking]
    if ANGLES in found:
        told += about_angles(config, training)
    if drawing.instead:
        mined = f"triplets of {' and '.join(triplets)} alone" if triplets else "no triplets"
        told.append(f"{drawing.instead}: {mined}, plain shuffled mini-batches (sampler {drawing.name})")
    elif left := [name for name in config.losses.triplets if name not in triplets]:
        told.append(f"no triplets of {' and '.join(left)}, which take labels that are not there")
    if triplets and config.losses.anchors == "tuple" and drawing.together != TUPLE_SIZE:
        told.append("every image is an anchor (losses.anchors), as there are no five-tuples")
    if left := [name for name in config.losses.others if name not in others]:
        told.append(f"no {' and '.join(left)} loss, which takes expressions")
    more, weaker = about_split(config, samples)
    told += more
    return Decided(drawing, found, triplets, others, tuple(told), tuple(weaker))


def _check_classes(training: Samples, known: tuple[str, ...]) -> None:
    """Raises UserError where none of the heads has two classes among the training samples, nor angles."""
    few = order.alone(training, np.arange(len(training)))
    if all(head in few for head in known):
        classes = order.classes_in_words({head: few[head] for head in known})
        raise UserError(
            f"{training.name}: the training samples have {classes}: nothing can be learnt. Bring images of"
            " other classes, or choose another split"
        )


def about_angles(config, training: Samples) -> list[str]:
    """What is told of angles that are not learnt, or not as they are seen."""
    known, model, lines = training.angles_names, config.model, []
    if lost := [name for name in ANGLE_NAMES if name not in known]:
        only = f"the head for angles learns {' and '.join(known) or 'nothing'} alone"
        lines.append(f"no {' and no '.join(lost)} is known of the training images: {only}")
    beyond = np.abs(training.labels[ANGLES]) > model.angles_most  # nan is not
    if model.angles_head == BINNED and beyond.any():
        lines.append(
            f"{beyond.any(1).sum():,} training images have an angle beyond model.angles_most="
            f"{model.angles_most:g} degrees, which is not learnt"
        )
    turning = [n for n in config.augment.chain if getattr(plugins.load("augmentations", n), "TURNS", False)]
    if "roll" in known and turning:
        lines.append(f"augment.chain: {' and '.join(turning)} turns images, and their roll stays as it was")
    return lines


def about_split(config, samples: Samples) -> tuple[list[str], list[str]]:
    """(what is told of a split other than the one asked for; what of it makes the numbers say less)."""
    asked = sets.asked_split(config)
    kind = splits.possible(samples, asked)
    if kind == "given" and asked != kind:
        return [f"nobody is known: who trains and who tests is as {samples.name} gives it"], []
    return [], [BY_IMAGE] if kind == "images" else []


def sampler(config, training: Samples) -> Sampler:
    """The configured sampler of some training samples.

    Raises:
      UserError: the samples do not fill a step.
    """
    data, plugin = config.data, plugins.load("samplers", config.sampler.name)
    names = ("batch_size", "tuples_per_step", "accumulate", "leftovers")
    wanted = Wanted(config.seed, **{name: data[name] for name in names})
    return plugin.build(training, wanted, **configuration.options(config, "sampler"))


def _triplets(config, training: Samples, drawing: Sampler) -> tuple[str, ...]:
    """Those of the configured relations that can have a valid anchor. Where five-tuples were wanted and
    cannot be formed, those alone that do without them.
    """
    known = {
        label: len(np.unique(values[values != MISSING])) > 1
        for label in RELATIONS.values()
        for values in [getattr(training, label)]
    }
    return tuple(
        name
        for name in config.losses.triplets
        if known[EXPRESSION] and known[RELATIONS[name]] and (name == EXPRESSION or not drawing.instead)
    )


def record(decided: Decided) -> dict:
    """The content of decided.json; that of a support vector machine has heads, told and weaker alone."""
    return {
        "sampler": decided.sampler.name,
        "images_per_batch": decided.sampler.size,
        "heads": decided.heads,
        "triplets": decided.triplets,
        "others": decided.others,
        "told": decided.told,
        "weaker": decided.weaker,
    }


def tuples(decided: Decided) -> bool:
    """Whether the mini-batches are of whole five-tuples."""
    return decided.sampler.together == TUPLE_SIZE
