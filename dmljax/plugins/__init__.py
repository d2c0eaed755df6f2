"""Plug-ins by file name: files of this package, of a user's folders and modules of installed packages.

A plug-in is a module with the few names that its family agrees on (`FAMILIES`). It may lie in this package,
in a user's folder as FOLDER/<family>/NAME.py (`add_folder`, the command line's flag `plugins`, the
environment variable DMLJAX_PLUGINS), or in an installed package that names it as an entry point of the group
`dmljax.<family>`.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import inspect
import os
import pkgutil
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from dmljax.plugins import modules
from dmljax.plugins.meanings import meanings as of_function
from dmljax.plugins.modules import FAMILIES, defaults_of, load_file, of_tasks, takes
from dmljax.types import ALL_TASKS, UserError, nearest

__all__ = [
    "FAMILIES",
    "Defective",
    "add_folder",
    "defaults",
    "defaults_of",
    "folders",
    "load",
    "load_file",
    "meanings",
    "names",
    "of_tasks",
    "takes",
    "usable",
]

PACKAGES = {"weightings": "dmljax.weightings.strategies"}
VARIABLE = "DMLJAX_PLUGINS"

_given: list[Path] = []  # folders from `add_folder`
_remembered: list[Path] = []  # folders of the runs that were read
_lost: list[Path] = []  # such folders that are no longer there


_warned: set[str] = set()  # errors of defective plug-ins


class Defective(UserWarning):
    """A plug-in of one's own that cannot be used, by whoever does not use it."""


class _Source(NamedTuple):
    where: str  # a path, or the package that has it
    load: Callable[[], ModuleType]


def names(family: str) -> tuple[str, ...]:
    """All plug-ins of a family, sorted.

    Raises:
      UserError: an unknown family, a name that exists twice, or a folder that is no plug-in folder.
    """
    return tuple(sorted(_table(family)))


def load(family: str, name: str) -> ModuleType:
    """The module of one plug-in.

    Raises:
      UserError: there is none of that name, it cannot be imported, or it lacks an agreed name.
    """
    known = _table(family)
    if name not in known:
        lost = f" No longer there: {', '.join(map(str, _lost))}; give the new folder." if _lost else ""
        existing = ", ".join(sorted(known))
        raise UserError(
            f"no '{name}' among the {family}; there are {existing}.{nearest(name, known)}{lost}",
            parameter="plugins" if _lost else "",
        )
    return known[name].load()


def usable(family: str) -> dict[str, ModuleType]:
    """The modules by name, without those of one's own that are defective: they stop only what uses them.

    Warns (`Defective`) once of each that is left out, with its file and the error.

    Raises:
      UserError: as `names` does.
    """
    modules_by_name = {}
    for name in names(family):
        try:
            module = load(family, name)
            defaults_of(family, module)
        except UserError as error:
            if str(error) not in _warned:
                _warned.add(str(error))
                warnings.warn(f"{name} cannot be used: {error}", Defective, stacklevel=2)
        else:
            modules_by_name[name] = module
    return modules_by_name


def defaults(family: str, name: str) -> dict:
    """The fields of a plug-in and their defaults, as its `build` (of a dataset, `samples`) states them."""
    return defaults_of(family, load(family, name))


def meanings(family: str, name: str) -> dict[str, str]:
    """What a plug-in's documentation says of its fields, as far as it does."""
    module = load(family, name)
    make = modules.maker(family, module)
    found = of_function(make) if make else {}
    if make and family == "weightings" and modules.a_field_a_task(module):
        of_all = found.pop(str(inspect.getfullargspec(make).varkw), "")
        found |= dict.fromkeys(ALL_TASKS, of_all)
    return found


def add_folder(folder: str | os.PathLike) -> None:
    """Adds the plug-ins of FOLDER/<family>/NAME.py to those that are found by name.

    Raises:
      UserError: there is no such folder, or it has no folder of a family.
    """
    path = _checked(folder)
    if path not in _given:
        _given.append(path)


def folders() -> tuple[str, ...]:
    """The folders in use, absolute: those of `add_folder`, then those of DMLJAX_PLUGINS."""
    return tuple(map(str, dict.fromkeys([*_given, *_from_environment()])))


def remember(known: Iterable[str]) -> None:
    """Takes up the folders of a run that is read. A folder given now comes first where both have a name."""
    for folder in map(Path, known):
        if not os.path.isdir(folder):  # Path.is_dir raises of a name that no disk can hold
            _lost.append(folder)
        elif folder not in _remembered:
            _remembered.append(folder)


def state() -> tuple:
    """What another process has to `restore` before it reads what this one pickled."""
    return folders(), tuple(map(str, _remembered)), dict(modules.imported)


def restore(kept: tuple) -> None:
    """Finds and imports here what the process of this `state` found and imported."""
    given, remembered, files = kept
    _given.extend(Path(folder) for folder in given if Path(folder) not in _given)
    remember(remembered)
    for family, path in files.values():
        load_file(path, family)


def _table(family: str) -> dict[str, _Source]:
    if family not in FAMILIES:
        raise UserError(
            f"unknown plug-in family '{family}'; there are {', '.join(FAMILIES)}.{nearest(family, FAMILIES)}"
        )
    table: dict[str, _Source] = {}
    given = [*_given, *(f for f in _from_environment() if f not in _given)]
    for source in (_own(family), _installed(family), _in_folders(family, given)):
        _add(family, table, source)
    earlier: dict[str, _Source] = {}
    _add(family, earlier, _in_folders(family, [f for f in _remembered if f not in given]))
    return earlier | table


def _add(family: str, table: dict[str, _Source], more: Iterable[tuple[str, _Source]]) -> None:
    for name, plugin in more:
        if name in table:
            raise UserError(
                f"'{name}' exists twice among the {family}: {table[name].where} and {plugin.where}; rename"
                " one of them"
            )
        table[name] = plugin


@functools.cache  # a configuration asks for it hundreds of times
def _own(family: str) -> tuple[tuple[str, _Source], ...]:
    package = importlib.import_module(PACKAGES.get(family, f"dmljax.{family}"))
    return tuple(
        (
            module.name,
            _Source(
                str(Path(folder) / f"{module.name}.py"),
                functools.partial(importlib.import_module, f"{package.__name__}.{module.name}"),
            ),
        )
        for folder in package.__path__
        for module in pkgutil.iter_modules([folder])
        if not module.name.startswith("_")
    )


@functools.cache
def _entry_points(family: str) -> tuple:
    return tuple(importlib.metadata.entry_points(group=f"dmljax.{family}"))


def _installed(family: str) -> Iterator[tuple[str, _Source]]:
    for point in _entry_points(family):
        where = f"{point.value} of the package {point.dist.name if point.dist else '(unknown)'}"
        yield point.name, _Source(where, functools.partial(_load_installed, family, point, where))


def _load_installed(family: str, point, where: str) -> ModuleType:
    try:
        module = point.load()
    except Exception as error:
        raise UserError(f"{where} cannot be imported: {type(error).__name__}: {error}") from error
    if not isinstance(module, ModuleType):
        raise UserError(f"{where} must be a module, and is {type(module).__name__}; name the module alone")
    modules.check_names(family, module, where)
    return module


def _in_folders(family: str, places: Iterable[Path]) -> Iterator[tuple[str, _Source]]:
    for place in places:
        for path in sorted((place / family).glob("*.py")):
            if path.stem.startswith("_"):
                continue
            if not path.stem.isidentifier():
                raise UserError(f"'{path}' names a field: letters, digits and underscores only; rename it")
            yield path.stem, _Source(str(path), functools.partial(load_file, path, family))


def _from_environment() -> list[Path]:
    texts = re.split(f"[,{re.escape(os.pathsep)}]", os.environ.get(VARIABLE, ""))
    return [_checked(text.strip(), f"{VARIABLE}: ") for text in texts if text.strip()]


def _checked(folder: str | os.PathLike, given_by: str = "") -> Path:
    path = Path(folder).expanduser().resolve()
    expected = f"expected FOLDER/<family>/NAME.py with a family of {', '.join(FAMILIES)}"
    if not path.is_dir():
        raise UserError(f"{given_by}no plug-in folder at '{path}'; {expected}")
    if not any((path / family).is_dir() for family in FAMILIES):
        inside = sorted(p.name for p in path.iterdir() if not p.name.startswith((".", "_")))
        content = ", ".join(inside[:8]) or "nothing"
        above = f" Give the folder above, '{path.parent}'." if path.name in FAMILIES else ""
        raise UserError(f"{given_by}'{path}' is no plug-in folder; {expected}; it holds {content}.{above}")
    return path
