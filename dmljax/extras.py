"""Packages that only some of the work needs: one line names the extra that brings a missing one."""

from __future__ import annotations

import importlib
import shutil

from dmljax.types import UserError


def require_programs(*programs: str, purpose: str, parameter: str = "") -> None:
    """Looks for programs on the PATH, so that a missing one is told before the work begins.

    Raises:
      UserError: one of them is not there.
    """
    if missing := [program for program in programs if shutil.which(program) is None]:
        raise UserError(
            f"{' and '.join(missing)}, needed for {purpose}, cannot be found on the PATH; install it",
            parameter=parameter,
        )


def require(extra: str, *modules: str, purpose: str, instead: str = "", parameter: str = "") -> None:
    """Imports the modules, so that a missing package is told before the work begins.

    Args:
      extra: of setup.py's `extras_require`; several with a comma between them.
      modules: as they are imported, 'matplotlib'.
      purpose: what needs them, a noun: 'reports', 'crop.rule=haar'.
      instead: what can be done without them, 'choose the format array'; empty: nothing.
      parameter: what asked for them, see `UserError`.

    Raises:
      UserError: one of them, or a package that it imports itself, is not installed, or cannot be loaded.
    """
    for module in modules:
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            raise UserError(
                f"{error.name or module}, needed for {purpose}, is not installed; install dmljax[{extra}]"
                + (f", or {instead}" if instead else ""),
                parameter=parameter,
            ) from None
        except ImportError as error:  # a library of the system that it needs, such as libGL
            raise UserError(
                f"{module}, needed for {purpose}, is installed and cannot be loaded: {error}",
                parameter=parameter,
            ) from None
