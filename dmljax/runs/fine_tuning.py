"""From a configuration to what of a network is not trained, or slowly: its section `finetune`."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from dmljax import plugins
from dmljax.training import finetune
from dmljax.types import UserError


def stages(config, branch) -> dict[str, tuple[str, ...]]:
    """Name of each stage of a branch -> its modules, from the image on; {} if the backbone tells none."""
    plugin = plugins.load("backbones", config.backbone.name)
    return dict(plugin.stages(branch)) if hasattr(plugin, "stages") else {}


def check(config, branch) -> None:
    """Raises UserError for stages that the backbone has not; `branch`: the backbone as it is built."""
    section, name = config.finetune, config.backbone.name
    found = stages(config, branch)
    finetune.check(section.frozen, found, name)
    if section.layer_decay != 1 and not found:
        raise UserError(
            f"the backbone {name} does not tell its stages; give its file a function stages, or set 1",
            parameter="finetune.layer_decay",
        )


def layers(config, branch) -> dict[tuple[str, ...], float]:
    """Beginnings of parameters' paths -> factors of their learning rate."""
    return finetune.factors(stages(config, branch), config.model.branches, config.finetune.layer_decay)


def kept(config, net, branch, until: int) -> finetune.Kept:
    """What of a network is not trained.

    Args:
      net: the network, and `branch` its backbone as it is built.
      until: the step in which frozen stages begin to train; 0: never.
    """
    section = config.finetune
    if not section.frozen and section.batch_norm == finetune.TRAINED:
        return finetune.NOTHING
    size = config.data.image_size
    variables: Any = jax.eval_shape(
        lambda key: net.init(key, jnp.zeros((1, size, size, 3)), train=False), jax.random.key(0)
    )
    return finetune.kept(
        variables,
        stages(config, branch),
        frozen=section.frozen,
        batch_norm=section.batch_norm,
        until=until,
    )


def told(config) -> str:
    """What is told of stages that are kept without having been learnt, or ''."""
    if not config.finetune.frozen or config.init.run or config.init.weights:
        return ""
    return (
        f"finetune.frozen keeps {', '.join(config.finetune.frozen)} at random initial weights: neither"
        " init.run nor init.weights is given"
    )
