"""One plug-in: a file or module, the names that its family agrees on, and the fields that it takes."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Collection
from pathlib import Path
from types import ModuleType
from typing import Any

from dmljax.types import ALL_TASKS, UserError

# The families, and the names that every plug-in of one has.
FAMILIES = {
    "datasets": ("samples",),
    "detectors": ("build",),
    "descriptors": ("build",),
    "backbones": ("build",),
    "weightings": ("build",),
    "trackers": ("build",),
    "samplers": ("build",),
    "optimizers": ("build",),
    "augmentations": ("build",),
    "experiments": ("TITLE", "ITEMS", "members", "show"),
}

# Parameters of `build` that the caller gives; they are no fields of the plug-in.
SUPPLIED = {
    "backbones": {"dtype", "axis_name", "remat", "name"},
    "optimizers": {"b1", "b2", "epsilon", "decayed"},
}

# How many parameters come before the fields: a dataset's root; a sampler's samples and what is wanted.
POSITIONAL = {"datasets": 1, "samplers": 2}

imported: dict[str, tuple[str, str]] = {}  # module name -> (family, path) of each file that was imported


def load_file(path: str | os.PathLike, family: str) -> ModuleType:
    """The module of a plug-in's file, wherever it lies.

    Raises:
      UserError: it cannot be imported, or lacks an agreed name.
    """
    module = import_file(path, family)
    file = str(module.__file__)
    check_names(family, module, file)
    imported[module.__name__] = (family, file)
    return module


def import_file(path: str | os.PathLike, kind: str) -> ModuleType:
    """A file as a module, under a name of its own that is the same in every process, and imported once.

    Raises:
      UserError: it cannot be imported; with the line.
    """
    path = Path(path).resolve()
    if not path.is_file() or path.suffix != ".py":
        raise UserError(f"no Python file at '{path}'")
    name = f"dmljax_plugin_{kind}_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None  # it is a .py file
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            del sys.modules[name]
            raise UserError(
                f"{_place(error, path)}: {type(error).__name__}: {' '.join(str(error).split())}"
            ) from error
    return sys.modules[name]


def defaults_of(family: str, plugin: ModuleType) -> dict:
    """The fields of a module: its keyword-only parameters, without those that the caller gives (`SUPPLIED`);
    of a strategy that takes a weight a task, 1 for each task of the method.

    Raises:
      UserError: a parameter that is no field: not keyword-only, without a default, or no plain value.
    """
    parameters = _parameters(family, plugin)
    fields = {}
    for parameter in parameters[POSITIONAL.get(family, 0) :]:
        name, where = parameter.name, f"{plugin.__file__}: the parameter '{parameter.name}'"
        if name in SUPPLIED.get(family, ()) or (
            family == "weightings" and parameter.kind is parameter.VAR_KEYWORD
        ):
            continue
        if parameter.kind is not parameter.KEYWORD_ONLY or parameter.default is parameter.empty:
            raise UserError(f"{where} must be keyword-only and have a default, as in (*, {name}=1.0)")
        if not _plain(parameter.default):
            raise UserError(
                f"{where} must have a number, text, truth value or tuple of these as its default, got"
                f" {parameter.default!r}"
            )
        fields[name] = parameter.default
    if family == "weightings" and a_field_a_task(plugin):
        fields |= dict.fromkeys(ALL_TASKS, 1.0)
    return fields


def a_field_a_task(plugin: ModuleType) -> bool:
    """Whether a strategy takes a weight of each task by the task's name: `build(**weights)`."""
    return any(p.kind is p.VAR_KEYWORD for p in _parameters("weightings", plugin))


def of_tasks(plugin: ModuleType, fields: dict[str, Any], tasks: Collection[str]) -> dict[str, Any]:
    """The options of a strategy without the weights of tasks that a network lacks."""
    if not a_field_a_task(plugin):
        return fields
    return {name: value for name, value in fields.items() if name in tasks or name not in ALL_TASKS}


def takes(family: str, plugin: ModuleType) -> set[str]:
    """The names of all parameters of a module's `build` (of a dataset, of `samples`)."""
    return {parameter.name for parameter in _parameters(family, plugin)}


def check_names(family: str, module: ModuleType, where: str) -> None:
    """Raises UserError if a module, from `where`, lacks a name that its family agrees on."""
    lacking = [name for name in FAMILIES[family] if not hasattr(module, name)]
    if lacking:
        agreed = ", ".join(FAMILIES[family])
        raise UserError(f"{where} lacks {', '.join(lacking)}; every file of {family} has {agreed}")


def maker(family: str, plugin: ModuleType) -> Callable | None:
    """The function whose parameters are the plug-in's fields."""
    return getattr(plugin, "samples" if family == "datasets" else "build", None)


def _parameters(family: str, plugin: ModuleType) -> list[inspect.Parameter]:
    make = maker(family, plugin)
    return list(inspect.signature(make).parameters.values()) if make else []


def _plain(value) -> bool:
    return isinstance(value, bool | int | float | str) or (
        isinstance(value, tuple) and all(map(_plain, value))
    )


def _place(error: BaseException, path: Path) -> str:
    """The file, and the line of it at which the import failed."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"{path}, line {error.lineno}"
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    return f"{path}, line {lines[-1]}" if lines else str(path)
