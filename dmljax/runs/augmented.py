"""Training images of a run as its augmentation and mixing change them, as small pictures for its page."""

from __future__ import annotations

import io
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from dmljax import run_folder, writing
from dmljax.data.images import load
from dmljax.runs import recipe
from dmljax.training import augment, mix
from dmljax.types import TUPLE_SIZE, Samples, UserError

SHOWN = 8  # images, the first ones of as many groups of five, in which images are mixed
GAP = 2  # pixels between an image and what became of it


def collect(run: Path, evaluation: Path, config, samples: Samples) -> Path | None:
    """Writes EVALUATION/augmented.json and its pictures: an image above, what became of it below.

    Nothing is written where nothing is augmented, or too few of the training images are still there.

    Args:
      run: the folder of a training, whose split names the images.
      config: its configuration.
      samples: its set.
    """
    by_pose = not samples.expression_names  # then nothing is mixed
    options, mixing = recipe.augmentation(config), mix.Options(**({} if by_pose else config.mix))
    if options == augment.Options() and not (mixing.mixup or mixing.cutmix):
        return None
    found = _images(run, samples, config.data.image_size)
    if found is None:
        return None
    numbers, images = found
    changed, labels = jax.device_get(_changed(config.seed, images, numbers, samples, options, mixing))
    folder = evaluation / "augmented"
    folder.mkdir(parents=True, exist_ok=True)
    shown = []
    for k in range(0, len(images), TUPLE_SIZE):
        below = np.uint8(np.clip(changed[k].round(), 0, 255))
        gap = np.full((GAP, *below.shape[1:]), 255, np.uint8)
        file = io.BytesIO()
        Image.fromarray(np.concatenate([images[k], gap, below])).save(file, "PNG")
        (folder / f"{k}.png").write_bytes(file.getvalue())
        names, label = (
            (samples.pose_names, samples.pose) if by_pose else (samples.expression_names, samples.expression)
        )
        text = _in_words(names, label[numbers[k]], labels.get(mix.MIXED), k)
        shown.append({"picture": f"augmented/{k}.png", "text": text})
    path = evaluation / run_folder.AUGMENTED
    writing.as_json(path, {"shown": shown})
    return path


def _images(run: Path, samples: Samples, size: int) -> tuple[np.ndarray, np.ndarray] | None:
    """(numbers, images) of samples that train, evenly over the set; None where they are gone."""
    number = {reference: k for k, reference in enumerate(samples.references)}
    try:
        names = run_folder.read(run / run_folder.SPLIT).get("train") or []
        there = [number[name] for name in names if name in number]
        count = min(SHOWN, len(there) // TUPLE_SIZE) * TUPLE_SIZE
        if not count:
            return None
        numbers = np.array(there)[np.linspace(0, len(there) - 1, count).round().astype(int)]
        return numbers, np.stack([load(samples, k, size) for k in numbers])
    except (ValueError, UserError):
        return None


def _changed(seed: int, images, numbers, samples: Samples, options, mixing) -> tuple[jax.Array, dict]:
    """What the first step of a training would see in the place of these images, and its labels."""
    key, rows = jax.random.key(seed), jnp.arange(len(images))
    labels = {name: jnp.asarray(column[numbers]) for name, column in samples.labels.items()}

    @jax.jit
    def change(images, labels):
        seen, turned = augment.augment(key, images, labels, rows, samples.pose_mirror, options)
        return mix.mix(key, seen, turned, rows, mixing)

    return change(images, labels)


def _in_words(names: tuple[str, ...], own: int, mixed, row: int) -> str:
    """The expression, or pose; of a mixed image both, with their shares in percent."""
    name = lambda label: names[label] if label >= 0 else "?"
    if mixed is None or mixed.first[row] < 0:
        return name(own)
    share = 100 * float(mixed.share[row])
    return f"{name(mixed.first[row])} {share:.0f} %, {name(mixed.second[row])} {100 - share:.0f} %"
