"""The train and the inference step of a network of any size, as a run has them, without a run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dmljax.backbones import resnet
from dmljax.models.dmlnet import DMLNet
from dmljax.training import norms, objective, optimizer, state
from dmljax.training.step import SEED, Program, eval_step, train_step
from dmljax.types import AXIS, EXPRESSION, IDENTITY, IMAGE, INDEX, POSE, TUPLE_SIZE, UserError
from dmljax.weightings import dwa

CLASSES = {EXPRESSION: 7, POSE: 5, IDENTITY: 20}
TRAIN, INFER = "train", "infer"
DTYPES = {"f32": jnp.float32, "bf16": jnp.bfloat16}


class Size(NamedTuple):
    """What makes a step cost what it costs.

    Attributes:
      mode: 'train' or 'infer'.
      image: side of the images in pixels.
      batch: images in a step over all devices.
      width: filters of the first stage.
      stages: bottleneck blocks of each stage.
      dtype: of the activations, 'f32' or 'bf16'.
      convolution: see `backbones.resnet.build`.
      remat: recompute blocks in the backward pass.
      batch_norm_group: devices that share BatchNorm's statistics; 0: all.
    """

    mode: str
    image: int
    batch: int
    width: int
    stages: tuple[int, ...]
    dtype: str
    convolution: str = "auto"
    remat: bool = False
    batch_norm_group: int = 0

    @property
    def facts(self) -> dict[str, object]:
        """All of it, JSON-able."""
        return self._asdict() | {"stages": ",".join(map(str, self.stages))}


class Step(NamedTuple):
    """A step, to be mapped over devices.

    Attributes:
      function: (held, batch) -> (held, logs) in training, -> predictions in inference.
      begin: variables of the network -> what a step holds.
      trains: which of the two.
    """

    function: Callable
    begin: Callable[[dict], Any]
    trains: bool

    @property
    def donated(self) -> tuple[int, ...]:
        """Arguments whose memory the step may take for its results."""
        return (0,) if self.trains else ()


def size_of(*, stages, **rest) -> Size:
    """A size; its stages may be text.

    Raises:
      UserError: stages that are no whole numbers.
    """
    try:
        return Size(stages=tuple(int(s) for s in stages), **rest)
    except ValueError:
        raise UserError(
            f"must be whole numbers such as 3,4,6,3; got '{','.join(stages)}'", parameter="stages"
        ) from None


def check(size: Size, devices: int) -> None:
    """Raises UserError where the batch cannot be shared equally, in training by whole five-tuples, or the
    devices are no whole groups.
    """
    norms.check(size.batch_norm_group, devices, "batch_norm_group")
    together = TUPLE_SIZE if size.mode == TRAIN else 1
    if size.batch % (devices * together):
        tuples = " by whole five-tuples" if together > 1 else ""
        raise UserError(
            f"must be a multiple of {devices * together}, got {size.batch}; devices share it{tuples}",
            parameter="batch",
        )


def network(size: Size) -> DMLNet:
    """The paper's network, its branches of this size; BatchNorm goes over the devices of `types.AXIS`."""
    kind = DTYPES[size.dtype]
    axis = None if size.batch_norm_group == norms.ALONE else AXIS
    branch = partial(
        resnet.build,
        width=size.width,
        stages=size.stages,
        axis_name=axis,
        dtype=kind,
        convolution=size.convolution,
        remat=size.remat,
    )
    return DMLNet(branch, CLASSES[EXPRESSION], CLASSES[POSE], dtype=kind)


def initial(net: DMLNet, size: Size) -> dict:
    """The network's first variables."""
    return net.init(jax.random.key(0), jnp.zeros((1, size.image, size.image, 3)), train=False)


def step(net: DMLNet, size: Size) -> Step:
    """Of training: standardisation, mining, DWA's weights, Adam and the moving averages are inside."""
    if size.mode == INFER:
        return Step(partial(eval_step, apply=net.apply), lambda variables: variables, trains=False)
    terms = objective.terms(objective.Options(anchors="all"))
    program = Program(
        net.apply,
        terms,
        (1.0,) * len(terms),
        dwa(),
        optimizer.build(learning_rate=1e-3),
        lambda step: jnp.ones(len(terms), bool),
        mirror=(),
        norm_group=size.batch_norm_group,
    )
    begin = lambda variables: state.create(variables, program.optimizer, program.weighting, tuple(terms))
    return Step(partial(train_step, program=program, axis_name=AXIS), begin, trains=True)


def shapes(size: Size, devices: int) -> dict[str, jax.ShapeDtypeStruct]:
    """Of a batch's images and labels [devices, 1, N / devices, ...], and of training's 'seed' [devices]."""
    each = (devices, 1, size.batch // devices)
    found = {key: jax.ShapeDtypeStruct(each, np.int32) for key in (INDEX, *CLASSES)}
    found[IMAGE] = jax.ShapeDtypeStruct((*each, size.image, size.image, 3), np.uint8)
    return found | ({SEED: jax.ShapeDtypeStruct((devices,), np.uint32)} if size.mode == TRAIN else {})


def batch(seed: int, size: Size, devices: int) -> dict[str, np.ndarray]:
    """Random images and labels in the places of the set's, in these `shapes`."""
    rng, limits = np.random.default_rng(seed), {IMAGE: 256, SEED: 1} | CLASSES
    shaped = shapes(size, devices)
    drawn = {
        key: rng.integers(0, n, shaped[key].shape, shaped[key].dtype)
        for key, n in limits.items()
        if key in shaped
    }
    return drawn | {INDEX: np.arange(size.batch, dtype=np.int32).reshape(shaped[INDEX].shape)}
