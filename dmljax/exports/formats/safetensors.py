"""Parameters and statistics alone as safetensors, by the names and in the order of axes of PyTorch."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from dmljax import plugins
from dmljax.exports.source import Source, of_predictions
from dmljax.inference.of_run import OfRun
from dmljax.models.dmlnet import TRUNK
from dmljax.models.regions import REGIONS
from dmljax.runs import assemble
from dmljax.types import UserError

ENDING = ".safetensors"
EXTRA, MODULES = "export", ("safetensors",)
RUNTIME = "safetensors"
METADATA = "dmljax"  # name of the entry with what the file says of itself
# What PyTorch calls the arrays of modules that have no other name: fusion, embedding, heads.
LEAVES = {"kernel": "weight", "scale": "weight", "mean": "running_mean", "var": "running_var"}


def write(path: Path, source: Source) -> None:
    """Writes all arrays."""
    from safetensors.numpy import save_file

    arrays = flatten_dict(jax.device_get(source.model.variables))
    names = names_of(source.model)
    named = {names[place]: np.ascontiguousarray(_turned(array)) for place, array in arrays.items()}
    save_file(named, path, metadata={METADATA: json.dumps(source.metadata)})


def runtime(path: Path, source: Source) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """The source's network with the weights of the file."""
    from safetensors.numpy import load_file

    model, arrays = source.model, load_file(path)
    variables = unflatten_dict({place: _back(arrays[name]) for place, name in names_of(model).items()})
    again = OfRun(
        model.config,
        model.classes,
        variables,
        temperature=model.temperature,
        mirror=model.mirror,
        batch=model.batch,
    )
    return lambda pixels: of_predictions(again.of_pixels(pixels), source.outputs)


def names_of(model: OfRun) -> dict[tuple[str, ...], str]:
    """The name of each array by its place in the variables: face.layer1.0.conv1.weight and so on.

    A backbone says by `names`, which weights are read by, too, what another library calls its arrays. Without
    it modules keep their own names.
    """
    backbone = plugins.load("backbones", model.config.backbone.name)
    named = backbone.names(assemble.backbone(model.config)()) if hasattr(backbone, "names") else {}
    known = {path: name for name, path in named.items()}
    found: dict[tuple[str, ...], str] = {}
    for place in flatten_dict(model.variables):
        collection, *modules, leaf = place
        modules = modules[1:] if modules[:1] == [TRUNK] else modules
        own = ".".join([*modules, LEAVES.get(leaf, leaf)])
        inside = (
            known.get((collection, *modules[1:], leaf)) if modules[:1] and modules[0] in REGIONS else None
        )
        found[place] = f"{modules[0]}.{inside}" if inside else own
    if len(set(found.values())) < len(found):
        raise UserError("two arrays of the backbone would have one name; give it `names`", parameter="format")
    return found


def _turned(array: Any) -> np.ndarray:
    """[H, W, in, out] -> [out, in, H, W] and [in, out] -> [out, in]."""
    array = np.asarray(array)
    return array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T


def _back(array: np.ndarray) -> np.ndarray:
    return array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T
