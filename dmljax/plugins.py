"""Plug-ins by file name: the listing of a folder is the registry."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from types import ModuleType

from dmljax.types import UserError

FAMILIES = ("datasets", "detectors", "descriptors", "backbones", "weightings", "experiments")
PACKAGES = {"weightings": "dmljax.weightings.strategies"}


def nearest(name: str, known) -> str:
    """' Did you mean ...?' for a misspelt name, or nothing."""
    close = difflib.get_close_matches(str(name), [str(k) for k in known], n=1)
    return f" Did you mean '{close[0]}'?" if close else ""


def names(family: str) -> tuple[str, ...]:
    """The plug-ins of a family, sorted: the files of its folder that do not start with an underscore."""
    if family not in FAMILIES:
        raise UserError(
            f"unknown plug-in family '{family}'; there are {', '.join(FAMILIES)}.{nearest(family, FAMILIES)}"
        )
    package = importlib.import_module(PACKAGES.get(family, f"dmljax.{family}"))
    return tuple(sorted(m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_")))


def load(family: str, name: str) -> ModuleType:
    """The module of one plug-in; an unknown name is answered with those that are there."""
    known = names(family)
    if name not in known:
        raise UserError(
            f"no '{name}' among the {family}; there are {', '.join(known)}.{nearest(name, known)}"
        )
    return importlib.import_module(f"{PACKAGES.get(family, f'dmljax.{family}')}.{name}")
