"""Where configurations come from: those of the package by name, a file that is run, a file of data."""

from __future__ import annotations

import importlib
import inspect
import os
import runpy
import traceback
from pathlib import Path

from ml_collections import ConfigDict

from dmljax import config_file, fields, plugins
from dmljax.changes import changed
from dmljax.fields import flatten
from dmljax.types import UserError, nearest

DEFAULT_PRESET = "safe"


def folder() -> Path:
    """The folder of the configurations that come with the package."""
    return Path(str(importlib.import_module("dmljax.configs").__file__)).parent


def find(name: str) -> Path:
    """The file of a configuration, given by path or by the name of one that comes with the package.

    Raises:
      UserError: there is no such file.
    """
    path = Path(name)
    if path.suffix in (".py", *config_file.ENDINGS) and os.path.isfile(path):
        return path
    if path.suffix in config_file.ENDINGS:
        raise UserError(f"there is no file '{name}'")
    known = named()
    if name.removesuffix(".py") in known:
        return folder() / f"{name.removesuffix('.py')}.py"
    a_set = f" {name} is a set: choose it by dataset.name." if name in plugins.names("datasets") else ""
    raise UserError(
        f"no configuration '{name}'; give a .py, .json or .yaml file, or one of"
        f" {', '.join(known)}.{a_set or nearest(name, known)}"
    )


def named() -> list[str]:
    """The configurations that come with the package."""
    return sorted(p.stem for p in folder().glob("*.py") if not p.stem.startswith("_"))


def of_data(path: Path) -> ConfigDict:
    """The configuration of a JSON or YAML file: the fields of its base with those that it gives.

    Raises:
      UserError: it cannot be read, or has an unknown base, preset or field, or a value that its field may not
        have.
    """
    from dmljax.configs import base as declared

    given = config_file.read(path)
    made, known = _base(path, given), flatten(declared.declarations())
    places: dict[str, dict] = {}
    for field, one in given.items():
        default = getattr(known.get(field), "default", None)
        places.setdefault(config_file.where(path, one.line), {})[field] = one.as_kind(default)
    for where, values in places.items():
        made = changed(made, values, where)
    wrong = [
        f"{where}{said}"
        for where, values in places.items()
        for field, value in values.items()
        if field in known  # else an empty section
        for said in fields.problems({field: known[field]}, {field: value})
    ]
    if wrong:
        raise UserError(" ".join(wrong))
    return made


def _base(path: Path, given: dict[str, config_file.Given]) -> ConfigDict:
    """The configuration that a file changes; its key `base` is taken out of what is given."""
    base, preset = given.pop("base", config_file.Given("base")), given.get("preset")
    name, colon, asked = str(base.value).partition(":")
    if name not in named():
        raise UserError(
            f"{config_file.where(path, base.line)}base must be one of {', '.join(named())}; got"
            f" '{base.value}'.{nearest(name, named())}"
        )
    if colon and preset is not None and preset.value != asked:
        raise UserError(
            f"{config_file.where(path, preset.line)}preset is '{preset.value}', and base says '{base.value}'"
        )
    _add_plugins(path, given)
    wanted = asked if colon else preset.value if preset else DEFAULT_PRESET
    try:
        return of_code(folder() / f"{name}.py", wanted)
    except UserError as error:  # of the preset
        line = preset.line if preset else base.line
        raise UserError(f"{config_file.where(path, line)}{error}") from None


def _add_plugins(path: Path, given: dict) -> None:
    """Takes up the folders of plug-ins that a file names."""
    folders = given["plugins"].value if "plugins" in given else ()
    named = [name for name in (folders if isinstance(folders, list) else ()) if isinstance(name, str)]
    if missing := [name for name in named if not os.path.isdir(name)]:
        line = given["plugins"].line
        raise UserError(f"{config_file.where(path, line)}plugins: there is no folder '{missing[0]}'")
    plugins.remember(named)


def of_code(path: Path, preset: str) -> ConfigDict:
    """What `get_config` of a .py file returns; whatever goes wrong in a user's file is told with its line."""
    if path.parent == folder():
        return importlib.import_module(f"dmljax.configs.{path.stem}").get_config(preset)
    try:
        make = runpy.run_path(str(path), run_name=f"configuration_{path.stem}").get("get_config")
        if make is None:
            raise AttributeError("it has no function get_config(preset)")
        made = make(*([preset] if inspect.signature(make).parameters else []))
        if not isinstance(made, ConfigDict):
            raise TypeError(f"get_config must return a ConfigDict, got {type(made).__name__}")
        return made
    except UserError:
        raise
    except Exception as error:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
        line = f", line {frames[-1].lineno}" if frames else ""
        # ml_collections lists every field there is behind an unknown one
        text = " ".join(
            str(error.args[0] if error.args else error).partition("Other fields present")[0].split()
        )
        raise UserError(f"'{path}'{line}: {type(error).__name__}: {text}") from error
