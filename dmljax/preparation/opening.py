"""From a configuration to a set that can be read: opened, joined, labelled and cropped. Without JAX."""

from __future__ import annotations

from functools import partial

from ml_collections import ConfigDict

from dmljax import config as configuration
from dmljax import plugins
from dmljax.data import joined
from dmljax.preparation import annotations, crop, prepared
from dmljax.types import Samples, UserError

WHERE = ("cache", "manifest")  # options of sets that say where something lies, not what it is


def open_raw(name: str, root: str, options: dict) -> Samples:
    """A set by name: from where it was prepared, if `root` is such a folder, or as it lies on the user's
    disk.
    """
    plugin = plugins.load("datasets", name)
    found = prepared.find(root, name)
    if found is None:
        return plugin.samples(root, **options)
    samples = prepared.read(found, {key: value for key, value in options.items() if key not in WHERE})
    if samples.name != name:
        raise UserError(
            f"'{found}' is a prepared set of {samples.name}, and dataset.name is {name}; change one of them"
        )
    return samples


def alone(name: str, root: str) -> ConfigDict:
    """The dataset section of a configuration for one set with its default options."""
    return ConfigDict(
        {
            "name": name,
            "root": root,
            "train": "",
            "test": "",
            "labels": "",
            name: plugins.defaults("datasets", name),
        }
    )


def open_joined(train: tuple, test: tuple | None) -> Samples:
    """Several sets as one; each is (name, root, options), see `joined.join`."""
    return joined.join([open_raw(*one) for one in train], open_raw(*test) if test else None)


def source(config) -> partial:
    """What opens the configured set, or the sets of `dataset.train` and `dataset.test`; it can be pickled."""
    chosen = config.dataset
    one = lambda name, root: (name, root, configuration.options_of(config, "dataset", name))
    if not chosen.train and not chosen.test:
        return partial(open_raw, *one(chosen.name, chosen.root))
    train = (
        [one(*named(text, "dataset.train")) for text in chosen.train.split(",")]
        if chosen.train
        else [one(chosen.name, chosen.root)]
    )
    return partial(
        open_joined, tuple(train), one(*named(chosen.test, "dataset.test")) if chosen.test else None
    )


def named(text: str, field: str) -> tuple[str, str]:
    """'kdef:FOLDER' -> its two parts; `field`, which holds it, is named in errors."""
    name, colon, root = text.strip().partition(":")
    if not colon and name != "synthetic":
        raise UserError(f"is written as name:folder, such as kdef:FOLDER; got '{text}'", parameter=field)
    plugins.load("datasets", name)
    return name, root


def open_samples(config, *, progress: bool = True) -> Samples:
    """The configured set with a box for each image, its images not yet read.

    Raises:
      UserError: the set is not there, a field is wrong, or no face was found in any image.
    """
    samples = source(config)()
    if config.dataset.labels:
        samples = annotations.apply(samples, config.dataset.labels)
    samples = crop.apply(samples, progress=progress, **config.crop)
    if not len(samples):
        raise UserError(
            f"{samples.name}: crop.rule={config.crop.rule} finds a face in none of the images; look at one,"
            " or choose another rule"
        )
    return samples
