"""From a configuration to a set that can be read: opened, joined, labelled and cropped. Without JAX."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from ml_collections import ConfigDict

from dmljax import config as configuration
from dmljax import plugins
from dmljax.data import joined
from dmljax.preparation import annotations, crop, prepared
from dmljax.types import ROOT, Samples, UserError

WHERE = ("cache", "manifest")  # options of sets that say where something lies, not what it is


def open_raw(name: str, root: str, options: dict, *, angles: bool = False) -> Samples:
    """A set by name: from where it was prepared, if `root` is such a folder, or as it lies on the user's
    disk.

    Args:
      angles: with the angles of the heads, as far as the set knows them; else without, which a rendered set
        would have to draw first.
    """
    samples = _opened(name, root, options)
    if not angles and samples.angles is not None:
        known = " and ".join(samples.angles_names)
        note = (
            f"{name}: {known} in degrees are not learnt; set model.angles_head=binned or huber to learn them"
        )
        return samples.replace(angles=None, notes=(*samples.notes, note))
    if not angles:
        return samples
    plugin = plugins.load("datasets", name)
    if samples.angles is None and hasattr(plugin, "angles") and prepared.find(root, name) is None:
        samples = samples.replace(angles=plugin.angles(samples.references, **options))
    return samples


def _opened(name: str, root: str, options: dict) -> Samples:
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


class Place(NamedTuple):
    """A set of a configuration: the field that says where it lies, its name, and the folder or archive."""

    field: str
    name: str
    root: str


def places(config) -> list[Place]:
    """The sets of a configuration as they are written: those to train on, then the one to test on.

    Raises:
      UserError: `dataset.train` or `dataset.test` names none.
    """
    chosen = config.dataset
    train = (
        [Place("dataset.train", *named(text, "dataset.train")) for text in chosen.train.split(",")]
        if chosen.train
        else [Place(ROOT, chosen.name, chosen.root)]
    )
    test = [Place("dataset.test", *named(chosen.test, "dataset.test"))] if chosen.test else []
    return train + test


def moved(config, root: str) -> ConfigDict:
    """The configuration for sets that lie elsewhere now.

    Args:
      root: the folder of the one set that there is; or, as `dataset.train` is written, 'kdef:FOLDER,
        rafd:FOLDER'. Of two sets of one name all are given, in their order; others may be left out.

    Raises:
      UserError: it is of another form, or names other sets than the configuration has.
    """
    there = places(config)
    roots = _roots(there, root)
    changes = {}
    for field in dict.fromkeys(place.field for place in there):
        own = [(place.name, now) for place, now in zip(there, roots) if place.field == field]
        changes[field] = own[0][1] if field == ROOT else ",".join(":".join(filter(None, one)) for one in own)
    return configuration.changed(config, changes)


def _roots(there: list[Place], root: str) -> list[str]:
    """Where each of the sets lies now."""
    names = [place.name for place in there]
    if len(there) == 1 and not root.startswith(f"{names[0]}:"):
        return [root]
    given: dict[str, list[str]] = {}
    for part in root.split(","):
        name, colon, folder = part.strip().partition(":")
        if not colon or not folder or name not in names:
            raise _other_sets(there, root)
        given.setdefault(name, []).append(folder)
    if any(len(folders) != names.count(name) for name, folders in given.items()):
        raise _other_sets(there, root)
    return [given[place.name].pop(0) if place.name in given else place.root for place in there]


def _other_sets(there: list[Place], root: str) -> UserError:
    form = ",".join(f"{place.name}:FOLDER" for place in there)
    lie = ", ".join(f"{place.name} ('{place.root}')" for place in there)
    every = "all of one name, others may be left out; " if len(there) > 1 else ""
    return UserError(f"expected {form} ({every}the run has {lie}); got '{root}'", parameter="root")


def _at(place: Place, options: dict, angles: bool) -> Samples:
    """A set; an error about where it lies names the field that says so."""
    try:
        return open_raw(place.name, place.root, options, angles=angles)
    except UserError as error:
        if error.parameter == ROOT:
            raise UserError(error.message, parameter=place.field) from None
        raise


def open_joined(
    train: list[tuple[Place, dict]], test: list[tuple[Place, dict]], *, angles: bool = False
) -> Samples:
    """Several sets as one, each with its options, see `joined.join`; none or one to test on."""
    return joined.join([_at(*one, angles) for one in train], *(_at(*one, angles) for one in test))


def source(config, *, angles: bool = False) -> partial:
    """What opens the configured set, or the sets of `dataset.train` and `dataset.test`; it can be pickled.

    Args:
      angles: see `open_raw`.
    """
    sets = [(place, configuration.options_of(config, "dataset", place.name)) for place in places(config)]
    if not config.dataset.train and not config.dataset.test:
        ((place, options),) = sets
        return partial(open_raw, place.name, place.root, options, angles=angles)
    train = [one for one in sets if one[0].field != "dataset.test"]
    return partial(open_joined, train, sets[len(train) :], angles=angles)


def named(text: str, field: str) -> tuple[str, str]:
    """'kdef:FOLDER' -> its two parts; `field`, which holds it, is named in errors."""
    name, colon, root = text.strip().partition(":")
    if not colon and name != "synthetic":
        raise UserError(f"is written as name:folder, such as kdef:FOLDER; got '{text}'", parameter=field)
    plugins.load("datasets", name)
    return name, root


def open_labels(config) -> Samples:
    """The configured set with its labels, faces not yet looked for; with angles if a head asks for them."""
    samples = source(config, angles=bool(config.model.angles_head))()
    return annotations.apply(samples, config.dataset.labels) if config.dataset.labels else samples


def open_samples(config, *, progress: bool = True) -> Samples:
    """The configured set with a box for each image, its images not yet read.

    Raises:
      UserError: the set is not there, a field is wrong, or no face was found in any image.
    """
    samples = open_labels(config)
    samples = crop.apply(samples, progress=progress, **config.crop)
    if not len(samples):
        raise UserError(
            f"{samples.name}: crop.rule={config.crop.rule} finds a face in none of the images; look at one,"
            " or choose another rule"
        )
    return samples
