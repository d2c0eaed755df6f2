"""From a configuration to the recipe of a training: optimizer, learning rate, losses, augmentation."""

from __future__ import annotations

import math

import numpy as np

from dmljax import config as configuration
from dmljax import config_unread, plugins
from dmljax.losses import effective_number, inverse_frequency
from dmljax.training import augment, schedules
from dmljax.training import optimizer as optimizers
from dmljax.training.finetune import NOTHING, Kept
from dmljax.training.heads import HeadLoss
from dmljax.types import EXPRESSION, POSE, Samples, UserError, nearest

WEIGHT_DECAY = "weight_decay"  # of the section, and an option of optimizers that apply it themselves
OWN = "dmljax.optimizers"  # the package of the optimizers that come with dmljax


def direction(config):
    """The chosen optimizer without its learning rate, an optax.GradientTransformation.

    Raises:
      UserError: it cannot be built.
    """
    section, name = config.optimizer, config.optimizer.name
    plugin, options = plugins.load("optimizers", name), configuration.options(config, "optimizer")
    if options.get(WEIGHT_DECAY) is not None and section.weight_decay:
        options[WEIGHT_DECAY] = section.weight_decay
    given = {key: section[key] for key in config_unread.SHARED} | {"decayed": optimizers.decayed}
    taken = plugins.takes("optimizers", plugin)
    try:
        return plugin.build(**options, **{key: value for key, value in given.items() if key in taken})
    except (ValueError, TypeError) as error:
        raise UserError(f"optimizer.{name}.{error}") from error


def check_optimizer(config) -> None:
    """Raises UserError for an optimizer that cannot be built, or leads uphill."""
    name = config.optimizer.name
    plugin, found = plugins.load("optimizers", name), direction(config)
    if plugin.__package__ != OWN:  # these are tested, and to look takes a compilation
        optimizers.check_direction(found, f"optimizer.{name} ({plugin.__file__})")


def optimizer(
    config, *, whole: int, decay_steps: int, warmup_steps: int, layers=None, held: Kept = NOTHING
) -> optimizers.Optimizer:
    """The optimizer of a run.

    Args:
      layers, held: see `optimizers.build`.
      whole: steps over which the learning rate takes its course.
      decay_steps, warmup_steps: length of a stair and of the warm-up in steps.
    """
    section = config.optimizer
    settings = {name: section[name] for name in optimizers.FIELDS}
    if WEIGHT_DECAY in configuration.options(config, "optimizer"):
        settings[WEIGHT_DECAY] = 0.0  # it applies its own
    rate = schedules.build(
        section.learning_rate,
        decay=section.decay,
        decay_steps=decay_steps,
        warmup_steps=warmup_steps,
        whole=whole,
        **config.schedule,
    )
    return optimizers.build(
        direction(config), rate, rates=dict(section.rates), layers=layers, held=held, **settings
    )


def check_class_weights(config) -> None:
    """Raises UserError for class weights that are none, before the classes of the set are known."""
    for task in (EXPRESSION, POSE):
        given_weights(config.losses[task].class_weights, f"losses.{task}.class_weights")


def given_weights(text: str, field: str) -> dict[str, float] | None:
    """name of a class -> weight, of 'fear=2, anger=0.5'; None where they are to be computed.

    Raises:
      UserError: a text of another form.
    """
    if text in ("inverse", "effective"):
        return None
    weights = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = (part.strip() for part in entry.rpartition("="))
        try:
            weight = float(value)
        except ValueError:
            weight = math.nan
        if name in weights:
            raise UserError(f"'{name}' is named twice", parameter=field)
        if not name or not 0 <= weight < math.inf:
            raise UserError(
                f"must be inverse, effective, or 'NAME=WEIGHT, NAME=WEIGHT' with weights of at least 0; got"
                f" '{entry}'",
                parameter=field,
            )
        weights[name] = weight
    return weights


def head_losses(config, samples: Samples, train) -> tuple[tuple[str, HeadLoss], ...]:
    """(task, how its loss is taken) of both heads.

    Args:
      train: numbers of the samples that train, which are counted; None: all.

    Raises:
      UserError: a weight for a class that the set has not.
    """
    rows = slice(None) if train is None else np.asarray(train)
    labels = ((EXPRESSION, samples.expression), (POSE, samples.pose))
    names = {EXPRESSION: samples.expression_names, POSE: samples.pose_names}
    found = []
    for task, of_all in labels:
        chosen = config.losses[task]
        weights = _class_weights(
            chosen, np.asarray(of_all)[rows], names[task], f"losses.{task}.class_weights"
        )
        found.append((task, HeadLoss(chosen.smoothing, chosen.gamma, weights)))
    return tuple(found)


def _class_weights(chosen, labels: np.ndarray, names: tuple[str, ...], field: str) -> tuple[float, ...]:
    given = given_weights(chosen.class_weights, field)
    if given is None:
        counts = np.bincount(labels[labels >= 0], minlength=len(names))
        if not counts.any():
            return ()  # a head without a label has no loss either
        computed = inverse_frequency(counts)
        if chosen.class_weights == "effective":
            computed = effective_number(counts, beta=chosen.beta)
        return tuple(computed.tolist())
    for name in given:
        if name not in names:
            raise UserError(
                f"there is no class '{name}' in the set; there are {', '.join(names)}.{nearest(name, names)}",
                parameter=field,
            )
    weights = tuple(given.get(name, 1.0) for name in names) if given else ()
    if weights and not any(weights):
        raise UserError("every class has the weight 0, so that nothing would be learnt", parameter=field)
    return weights


def augmentation(config) -> augment.Options:
    """What is done to the images of a mini-batch.

    Raises:
      UserError: a step that cannot be built, or a number out of its range.
    """
    section, chain = config.augment, []
    for name in section.chain:
        plugin = plugins.load("augmentations", name)
        try:
            chain.append(plugin.build(**configuration.options_of(config, "augment", name)))
        except (ValueError, TypeError) as error:
            raise UserError(f"augment.{name}.{error}") from error
    options = augment.Options(**{name: section[name] for name in augment.FIELDS}, chain=tuple(chain))
    return augment.check(options)
