"""A trained run read back from its folder: configuration, set, network and weights, once for whoever needs
them.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dmljax import config as configuration
from dmljax.runs import assemble, sets
from dmljax.runs.predict import Predictor
from dmljax.training import state as states
from dmljax.training.checkpoint import Checkpoints
from dmljax.types import Samples, UserError

FUSED, EMBEDDING = "f2", "embedding"  # names of the feature spaces


class Opened(NamedTuple):
    """A trained run: its configuration, its set, network, predictor and variables for it, its test samples,
    and what was saved beside them.
    """

    config: Any
    data: sets.Set
    net: Any
    predict: Predictor
    variables: dict
    test: np.ndarray
    saved: dict


def open_run(run: Path, checkpoint: str, root: str, progress: bool, *, flip: bool = False) -> Opened:
    """Reads a run folder back. `flip`: its predictor takes means over each image and its mirror image.

    Raises:
      UserError: it is none, or its set has changed since.
    """
    config = configuration.read(run)
    if root:
        with config.unlocked():
            config.dataset.root = root
    data = sets.open_set(config, progress=progress)
    samples = data.samples
    test = _test_side(run, samples)
    net = assemble.network(config, samples)
    checkpoints = Checkpoints(run)
    saved = checkpoints.position(checkpoint)
    if saved["set"] != sets.fingerprint(samples):
        raise UserError(
            f"'{run}' was trained on another state of {samples.name}; its images or labels have changed since"
        )
    state = checkpoints.restore(checkpoint, _template(config, data, net))
    checkpoints.close()
    return Opened(config, data, net, Predictor(net, data.feed, flip=flip), state.ema, test, saved)


def spaces(found: dict[str, np.ndarray], config) -> dict[str, np.ndarray]:
    """'f2' and 'embedding' of predictions, float32 [N, D]; the embedding at unit length if the triplets mine
    it so.
    """
    embedding = found["embedding"]
    if config.losses.normalise:
        embedding = embedding / np.maximum(np.linalg.norm(embedding, axis=1, keepdims=True), 1e-12)
    return {FUSED: found["fused"], EMBEDDING: embedding}


def _template(config, data: sets.Set, net):
    """The shapes of a run's state, without computing anything."""
    times = assemble.schedule(config, 1)
    program = assemble.program(config, data.samples, net, times)
    image = jnp.zeros((1, config.data.image_size, config.data.image_size, 3))

    def create(key):
        variables = partial(net.init, train=False)(key, image)
        return states.create(variables, program.optimizer, program.weighting, tuple(program.terms))

    return jax.eval_shape(create, jax.random.key(0))


def _test_side(run: Path, samples: Samples) -> np.ndarray:
    """The samples that the run's own split put aside, so that evaluation never sees a training image."""
    try:
        names = json.loads((run / "split.json").read_text())["test"]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"'{run / 'split.json'}' cannot be read ({error}); it says which samples test"
        ) from None
    number = {reference: k for k, reference in enumerate(samples.references)}
    lost = [name for name in names if name not in number]
    if lost:
        raise UserError(
            f"{len(lost)} of {len(names)} test samples are not in {samples.name} any more, e.g. '{lost[0]}'"
        )
    return np.array([number[name] for name in names], np.int32)
