"""Configurations as plain data: load by name, compare, write and read.

The fields and their meaning are in `configs/base.py`.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

from ml_collections import ConfigDict

from dmljax import fields, plugins
from dmljax.fields import flatten
from dmljax.types import UserError

# What may differ when a run is continued: where and how long, not what.
MAY_CHANGE = (
    "dataset.root",
    "dataset.train",
    "dataset.test",
    "split.file",
    "data.feed",
    "data.memory",
    "train.",
    "plugins",
    "backbone.resnet.convolution",
    "backbone.densenet.convolution",
)


def folder() -> Path:
    """The folder of the configurations that come with the package."""
    spec = importlib.util.find_spec("dmljax.configs")
    return Path(spec.origin).parent


def find(name: str) -> Path:
    """The file of a configuration, given by path or by the name of one that comes with the package.

    Raises:
      UserError: there is no such file.
    """
    path = Path(name)
    if path.suffix == ".py" and path.is_file():
        return path
    inside = folder() / f"{name.removesuffix('.py')}.py"
    if inside.is_file() and "/" not in name:
        return inside
    known = sorted(p.stem for p in folder().glob("*.py") if not p.stem.startswith("_"))
    raise UserError(
        f"no configuration '{name}'; give a .py file or one of"
        f" {', '.join(known)}.{plugins.nearest(name, known)}"
    )


def trimmed(config: ConfigDict) -> dict:
    """The configuration as a plain dict, without the fields of plug-ins that were not chosen."""
    plain = json.loads(json.dumps(config.to_dict()))
    for family, section in (("datasets", "dataset"), ("backbones", "backbone"), ("weightings", "weighting")):
        chosen = plain[section]["name"]
        plugins.load(family, chosen)
        used = {chosen} | (set(set_names(plain[section])) if section == "dataset" else set())
        for other in plugins.names(family):
            if other not in used:
                plain[section].pop(other, None)
    return plain


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
    plugins.load({"dataset": "datasets", "backbone": "backbones", "weighting": "weightings"}[section], name)
    return {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in dict(config[section][name]).items()
    }


def check(config) -> None:
    """Raises UserError that tells every field out of its range, before anything is read or compiled."""
    from dmljax.configs import base

    fields.check(base.declarations(), config.to_dict())


def differences(before: dict, now: dict) -> list[str]:
    """Lines 'field: before -> now' for everything that must not change between the parts of one run."""
    old, new = flatten(before), flatten(now)
    keys = [k for k in sorted(old.keys() | new.keys()) if not k.startswith(MAY_CHANGE)]
    missing = "(absent)"
    return [
        f"{k}: {old.get(k, missing)!r} there, {new.get(k, missing)!r} here"
        for k in keys
        if old.get(k, missing) != new.get(k, missing)
    ]


def read(run: Path) -> ConfigDict:
    """The resolved configuration of a run folder; fields that its version did not have yet have their
    defaults.

    Raises:
      UserError: the folder holds no readable run.
    """
    from dmljax.configs import base

    saved = read_saved(run)
    plugins.remember(saved.get("plugins", ()))
    config = base.get_config(saved.get("preset", base.PRESETS[0]))
    with config.unlocked():
        _fill(config, saved)
    return ConfigDict(trimmed(config)).lock()


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
    path = Path(run) / "config.json"
    try:
        saved = json.loads(path.read_text())
        if not isinstance(saved, dict):
            raise ValueError("it is no object")
        return saved
    except FileNotFoundError:
        raise UserError(
            f"'{run}' is no run folder: it has no config.json; give the folder that was --run of a training"
        ) from None
    except (OSError, ValueError) as error:
        raise UserError(f"'{path}' cannot be read: {error}") from None
