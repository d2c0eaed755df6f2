"""Configurations as plain data: found by name or file, changed field by field, written and read.

The fields and their meaning are in `configs/base.py`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from ml_collections import ConfigDict

from dmljax import config_file, config_sources, fields, plugins, run_folder, writing
from dmljax.changes import changed
from dmljax.config_sources import DEFAULT_PRESET
from dmljax.types import UserError

# Sections that choose a plug-in -> its family.
SECTIONS = {
    "dataset": "datasets",
    "sampler": "samplers",
    "backbone": "backbones",
    "weighting": "weightings",
    "optimizer": "optimizers",
    "augment": "augmentations",
    "tracking": "trackers",
}
SEVERAL = ("chain", "trackers")  # fields of a section that choose more than one


def get_config(
    name: str | Path = "quick", changes: dict | None = None, *, preset: str = DEFAULT_PRESET
) -> ConfigDict:
    """A configuration by name or file, with some fields changed; locked, as a run takes it.

    Args:
      name: one that comes with the package ('quick'); a .py file with a function `get_config(preset)`, which
        is run; or a .json, .yaml or .yml file with some or all fields, such as config.json of a run. Such a
        file is read as data: no code is run but that of the plug-ins it names. Its key `base` names the
        configuration whose fields it changes ('quick'). 'quick:paper' is quick with the preset 'paper'.
      changes: values by dotted field, such as {"train.duration": "3 epochs", "model.branches": ("face",)}.
      preset: 'safe' or 'paper', see `configs/base.py`; a file of data says its own.

    Raises:
      UserError: no such configuration, preset or field, or a value that its field may not have.
      TypeError: a name or changes of another kind.

    Example:
      >>> config = get_config("quick", {"train.duration": "3 epochs"})
      >>> config.train.duration, config.data.image_size
      ('3 epochs', 48)
    """
    if not isinstance(name, str | Path):
        raise TypeError(f"name must be that of a configuration, or the path of its file; got {name!r:.60}")
    name, colon, asked = (str(name), "", "") if os.path.isfile(name) else str(name).partition(":")
    path, preset = config_sources.find(name), asked if colon else preset
    try:
        if path.suffix in config_file.ENDINGS:
            made = config_sources.of_data(path)
            if colon or preset not in (DEFAULT_PRESET, made.preset):
                raise UserError(
                    f"'{path}' is a configuration of preset '{made.preset}'; it takes no preset, but has a"
                    " field for it"
                )
        else:
            made = config_sources.of_code(path, preset)
        made = changed(made, {} if changes is None else changes)
        check(made)
    except RecursionError:
        raise UserError(f"'{name}' or its changes: a value is nested too deeply") from None
    return made


def complete(saved: dict) -> ConfigDict:
    """Every field of a configuration of which some are given, such as a resolved one; others by default.

    Raises:
      UserError: an unknown field or preset, or a value of another type.
    """
    from dmljax.configs import base

    _remember_plugins(saved)
    return changed(base.get_config(saved.get("preset", DEFAULT_PRESET)), saved)


def write(config: ConfigDict, path: Path) -> None:
    """Writes a resolved configuration as JSON, which `get_config(path)` reads back; whole or not at all."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    writing.as_json(path, trimmed(config))


def trimmed(config: ConfigDict) -> dict:
    """The configuration as a plain dict, without the fields of plug-ins that were not chosen."""
    plain = json.loads(json.dumps(config.to_dict()))
    for section, family in SECTIONS.items():
        used = set(chosen(plain[section]))
        for name in used:
            plugins.load(family, name)
        used |= set(set_names(plain[section])) if section == "dataset" else set()
        for other in plugins.names(family):
            if other not in used:
                plain[section].pop(other, None)
    return plain


def chosen(section) -> tuple[str, ...]:
    """The plug-ins that a section of `SECTIONS` chooses: its `name`, or all of a field of `SEVERAL`."""
    several = next((key for key in SEVERAL if key in section), None)
    return (section["name"],) if several is None else tuple(section[several])


def set_names(dataset) -> list[str]:
    """Names in the fields `train` and `test` of the dataset section, which are texts 'name:folder,
    name:folder'.
    """
    return [
        text.strip().partition(":")[0]
        for text in f"{dataset['train']},{dataset['test']}".split(",")
        if text.strip()
    ]


def options(config, section: str) -> dict:
    """The fields of the chosen plug-in of a section, as keyword arguments for its `build` or `samples`."""
    return options_of(config, section, config[section]["name"])


def options_of(config, section: str, name: str) -> dict:
    """The fields of the plug-in `name` of a section, as keyword arguments."""
    plugins.defaults(SECTIONS[section], name)  # its error comes before that of a field that is not there
    return {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in dict(config[section][name]).items()
    }


def check_kind(config) -> None:
    """Raises TypeError unless it is a configuration: no name of one, and no dict of changes."""
    if not isinstance(config, ConfigDict):
        raise TypeError(
            "config must be a configuration such as dmljax.get_config('quick', {'seed': 1}) returns"
            f"; got {type(config).__name__} {config!r:.60}"
        )


def check(config) -> None:
    """Raises UserError that tells every field out of its range, or a chosen plug-in that cannot be used,
    before anything is read or compiled.
    """
    from dmljax.configs import base

    fields.check(base.declarations(), config.to_dict())
    for section, family in SECTIONS.items():
        for name in chosen(config[section]):
            plugins.defaults(family, name)


def read(run: Path) -> ConfigDict:
    """The resolved configuration of a run folder; fields that its version did not have have their defaults.

    Raises:
      UserError: the folder holds no readable run.
    """
    saved, path = read_saved(run), Path(run) / run_folder.CONFIG
    try:
        config = with_defaults(saved)
        for section, family in SECTIONS.items():  # first: a folder of plug-ins may be gone
            for name in chosen(config[section]):
                plugins.defaults(family, name)
        check(config)
        return ConfigDict(trimmed(config)).lock()
    except UserError as error:
        raise UserError(f"'{path}' cannot be used: {error}") from None
    except RecursionError:
        raise UserError(f"'{path}' is damaged: it is nested too deeply") from None
    except (
        TypeError,
        ValueError,
        KeyError,
        AttributeError,
        OverflowError,
    ) as error:  # a value of another kind
        raise UserError(f"'{path}' is damaged: {str(error).splitlines()[0]}") from None


def with_defaults(saved: dict) -> ConfigDict:
    """What another version may have saved, with the defaults of fields that it lacks; it is not checked."""
    from dmljax.configs import base

    _remember_plugins(saved)
    config = base.get_config(saved.get("preset", DEFAULT_PRESET))
    with config.unlocked():
        _fill(config, saved)
    return config


def in_full(saved: dict) -> dict:
    """What another version may have saved, with the defaults of fields that it lacks, to be compared; as it
    stands where it cannot be used.
    """
    try:
        return trimmed(with_defaults(saved))
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError, RecursionError):
        return saved


def _remember_plugins(saved: dict) -> None:
    """Takes up the folders of plug-ins that a resolved configuration names."""
    named = saved.get("plugins", [])
    if not isinstance(named, list | tuple) or not all(isinstance(name, str) for name in named):
        raise UserError(f"plugins must be a list of folders; got {named!r:.60}")
    plugins.remember(named)


def _fill(config: ConfigDict, saved: dict) -> None:
    for key, value in saved.items():
        if isinstance(value, dict) and isinstance(config.get(key), ConfigDict):
            _fill(config[key], value)
        else:
            config[key] = value


def read_saved(run: Path) -> dict:
    """What a run folder's config.json says, as it stands.

    Raises:
      UserError: the folder holds no readable run.
    """
    path = Path(run) / run_folder.CONFIG
    if not path.is_file():
        raise UserError(
            f"'{run}' is no run folder: it has no {path.name}; give the folder of a training", parameter="run"
        )
    return run_folder.read(path)
