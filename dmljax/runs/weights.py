"""A run that starts with a file of weights, or a package's, in all its branches."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict

from dmljax import durations, plugins, run_folder, writing
from dmljax.models import pretrained, published, weight_files
from dmljax.models.published import Recognised
from dmljax.runs import assemble
from dmljax.training import finetune
from dmljax.types import IMAGENET, UserError

FIELD = "init.weights"
FOLDED = (
    "BatchNorm was folded into the convolutions of these weights: normalised by a batch's statistics, the"
    " network is not the one that was trained; finetune.batch_norm=statistics keeps it what it was"
)


def check(config) -> None:
    """Refuses weights that cannot be read or do not fit, before the set is read.

    Raises:
      UserError: and where `init.run` is given too.
    """
    if not config.init.weights:
        return
    if config.init.run:
        raise UserError(
            f"a run starts from one of both: init.run='{config.init.run}' or the file"
            f" '{config.init.weights}'; leave one empty",
            parameter=FIELD,
        )
    _, found, made = _read(config)
    net = assemble.backbone(config)()
    images = jnp.zeros((1, config.data.image_size, config.data.image_size, 3))
    variables = jax.eval_shape(lambda key: net.init(key, images, train=False), jax.random.key(0))
    own = {path: array.shape for path, array in flatten_dict(variables).items()}
    differs = published.difference(own, made, found)
    section = config.backbone[found.backbone]
    unseen = [name for name in found.published.unseen if section[name] != found.published.options[name]]
    if found.backbone != config.backbone.name or differs or unseen:
        raise UserError(_misfit(config, found, differs), parameter=FIELD)


def from_file(config, variables, say: Callable[[str], None]):
    """The variables with a file's weights and running statistics in all branches; `say` is told which."""
    arrays, found, made = _read(config)
    source = published.of_branches(made, tuple(config.model.branches))
    variables, modules = pretrained.take(variables, source, ("branches",))
    told = [module for module in modules if module.name in config.model.branches]
    lines = [pretrained.in_words(module) for module in (*told, *published.left(arrays, found))]
    inside = f", at '{found.prefix}'" if found.prefix else ""
    say("\n  ".join([f"starting from '{config.init.weights}', weights of {found.backbone}{inside}", *lines]))
    if line := _normalisation(config, found):
        say(line)
    if found.published.folded and _normalises_by_batch(config.finetune):
        say(FOLDED)
    return variables


def _normalises_by_batch(section) -> bool:
    """Whether branches ever do; what is frozen for good does not."""
    thaws = durations.parse(section.until, durations.RELATIVE)
    frozen = finetune.BRANCHES in section.frozen and thaws is not None and not thaws[0]
    return section.batch_norm == finetune.TRAINED and not frozen


def record(config, run: Path) -> None:
    """Which file a run begins with, and its digest: started_from.json, which stays when the run goes on."""
    place = run / run_folder.STARTED
    if not config.init.weights:
        place.unlink(missing_ok=True)  # of a run that never saved anything
        return
    with weight_files.located(config.init.weights).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    writing.as_json(place, {"weights": config.init.weights, "sha256": digest})


def _read(config) -> tuple[dict[str, np.ndarray], Recognised, dict]:
    """(the file's arrays, what they are, the same as variables of a branch)."""
    name = config.init.weights
    try:
        arrays = weight_files.read(weight_files.located(name))
    except UserError as error:
        raise UserError(error.message, parameter=FIELD) from None
    readers = {
        backbone: module.published
        for backbone, module in plugins.usable("backbones").items()
        if hasattr(module, "published")
    }
    try:
        found = published.recognise(arrays, readers)
        return arrays, found, published.converted(arrays, found)
    except UserError as error:
        raise UserError(f"'{name}' {error.message}", parameter=FIELD) from None


def _misfit(config, found: Recognised, differs: str) -> str:
    """What a file holds, and the fields to change."""
    section = config.backbone[found.backbone]
    wanted = {
        f"backbone.{found.backbone}.{option}": value
        for option, value in found.published.options.items()
        if not _same(section.get(option), value)
    }
    if found.backbone != config.backbone.name:
        wanted = {"backbone.name": found.backbone} | wanted
    holds = ", ".join(f"{option}={value}" for option, value in found.published.options.items())
    text = f"'{config.init.weights}' holds weights of {found.backbone} with {holds}"
    if not wanted:
        return f"{text}, and does not fit: {differs}"
    return f"{text}; set {', '.join(f'{field}={value}' for field, value in wanted.items())}"


def _same(here: Any, there: Any) -> bool:
    return tuple(here) == tuple(there) if isinstance(there, tuple) else here == there


def _normalisation(config, found: Recognised) -> str:
    """What is told where images are normalised otherwise than those that the weights were made with."""
    there, here = found.published.pixels, assemble.pixels(config.model)
    if not there or (here and np.allclose(here, there, rtol=2e-3)):
        return ""
    values = [tuple(float(f"{value:.4g}") for value in row) for row in there]
    change = (
        "model.normalisation=imagenet"
        if there == IMAGENET
        else f"model.normalisation=given, model.pixel_mean={values[0]}, model.pixel_deviation={values[1]}"
    )
    return (
        f"these weights were made for images of mean {values[0]} and deviation {values[1]}, and"
        f" model.normalisation={config.model.normalisation} makes other ones; theirs is {change}"
    )
