"""The command line: finds the launch programs, parses flags, tells a user's mistake in one line (code 2)."""

from __future__ import annotations

import errno
import functools
import importlib
import os
import pkgutil
import platform
import re
import sys
import textwrap
import traceback
import warnings
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from types import ModuleType

from absl import flags
from dmljax.launch import _arguments, _flags, _signals
from dmljax.launch._define import CONFIG

from dmljax import __version__, pages, plugins
from dmljax.types import UserError, nearest

MISTAKE = 2  # exit code
TRACEBACK = "DMLJAX_TRACEBACK"  # set in the environment: a mistake is told with the way to it
HELP = ("--help", "-h", "help")
VERSION = ("--version", "-V", "version")


def commands() -> tuple[str, ...]:
    """The launch programs, by file name: all but this file and those that begin with an underscore."""
    package = importlib.import_module("dmljax.launch")
    names = sorted(m.name for m in pkgutil.iter_modules(package.__path__))
    return tuple(name for name in names if not name.startswith("_") and name != Path(__file__).stem)


def main() -> None:
    """The `dmljax` command: its first argument names a launch program, the rest are that program's flags."""
    with _signals.told("dmljax"):
        _main()


def _main() -> None:
    known, arguments = commands(), sys.argv[1:]
    if not arguments or arguments[0] in HELP:
        lines = [f"  {name:<11}{_program(name).SUMMARY}" for name in known]
        hint = f"{TRACEBACK}=1 in the environment shows where a mistake was found."
        _show("\n".join(["dmljax COMMAND [--flags], or dmljax COMMAND --help", "", *lines, "", hint]))
        sys.exit(0 if arguments else MISTAKE)
    name, *arguments = arguments
    if name in VERSION:
        _show(f"dmljax {__version__}, jax {metadata.version('jax')}, Python {platform.python_version()}")
        sys.exit(0)
    if name not in known:
        _fail("dmljax", f"no command '{name}'; there are {', '.join(known)}.{nearest(name, known)}")
    program = _program(name)
    run(name, program.SUMMARY, program.USAGE, program.define, program.main, arguments)


def _program(name: str) -> ModuleType:
    return importlib.import_module(f"dmljax.launch.{name}")


def run(
    name: str,
    summary: str,
    usage: str,
    define: Callable,
    body: Callable,
    arguments: list[str] | None = None,
) -> None:
    """Runs a launch program, and exits with what its body returns.

    A flag error, a misspelt field and what the library refuses are told in one line; where DMLJAX_TRACEBACK
    is set, below the traceback.

    Args:
      name: of the command.
      summary, usage: what --help shows above the flags: one line, and examples.
      define: makes the flags on a FlagValues.
      body: called with the parsed FlagValues.
      arguments: of the command line, without the program's name; None: those of this process.
    """
    pages.keep()  # before a thread allocates
    os.environ.pop("MPLBACKEND", None)  # commands draw into files; that of a notebook may not exist here
    title = f"dmljax {name}"
    arguments = [
        _arguments.at_home(argument) for argument in (sys.argv[1:] if arguments is None else arguments)
    ]
    values = flags.FlagValues()
    warnings.showwarning = functools.partial(_warn, title, warnings.showwarning)
    try:
        _arguments.add_plugins(values, arguments)
        define(values)
        if set(HELP[:2]) & set(arguments):
            _show(f"{summary}\n\n{usage}\n{_help(values)}")
            sys.exit(0)
        arguments = _arguments.open_config(values, _arguments.named(values, arguments))
        _flags.read(values, title, arguments, CONFIG)
    except (flags.Error, UserError) as error:
        _fail(title, _in_flags(_first_mistake(error), values))
    # how ml_collections names an unknown field
    except (KeyError, AttributeError, ValueError, TypeError) as error:
        text = (
            str(error.args[0] if error.args else error)
            .replace("\\n", "\n")
            .replace("\\", "")
            .replace("'", "")
            .strip('"')
        )
        text = ". ".join(text.splitlines())
        _fail(title, f"unknown or wrong configuration field: {text} (dmljax fields lists them)")
    try:
        with _signals.told(title):
            sys.exit(body(values) or 0)
    except UserError as error:
        _fail(title, _fields_as_flags(_in_flags(error, values), values))
    except BrokenPipeError:
        sys.exit(141)
    except OSError as error:  # a folder that cannot be made, a file that may not be written
        _fail(title, _of_system(error, values))
    except (ValueError, TypeError) as error:  # what a library refuses
        text = textwrap.shorten(str(error), 600, placeholder=" ...")
        _fail(title, f"{text} ({type(error).__name__}; {TRACEBACK}=1 shows where)")


ADVICE = {
    (errno.ENOSPC, errno.EDQUOT): "; the disk is full: make room there and give the same command again",
    (errno.EACCES, errno.EPERM, errno.EROFS): "; give a place that you may write to, or change its"
    " permissions",
    (errno.ENOENT, errno.ENOTDIR): "; give a place that is there, or can be made",
}


def _of_system(error: OSError, values) -> str:
    """What the system refused, where, by which flag, and what to do about it."""
    advice = next((text for numbers, text in ADVICE.items() if error.errno in numbers), "")
    if not isinstance(error.filename, str):
        return f"{error.strerror or error}{advice}"
    path = Path(error.filename).absolute()
    for name in ("run", "out"):
        given = values[name].value if name in values else None
        if isinstance(given, str) and given and _leads_to(Path(given).absolute(), path):
            return f"--{name}: '{given}' cannot be used ('{error.filename}': {error.strerror}){advice}"
    return f"'{error.filename}': {error.strerror or error}{advice}"


def _leads_to(place: Path, path: Path) -> bool:
    """Whether the path is the place, lies in it, is a folder above it, or its name until it is whole."""
    until_whole = path.parent == place.parent and path.name.startswith(f".{place.name}")
    return place in (path, *path.parents) or path in place.parents or until_whole


def _warn(title: str, otherwise: Callable, message, category, *where, **more) -> None:
    """Shows a warning about a plug-in in one line, and other warnings as Python does."""
    if issubclass(category, plugins.Defective):
        print(f"{title}: warning: {' '.join(str(message).split())}", file=sys.stderr)
    else:
        otherwise(message, category, *where, **more)


def _first_mistake(error: BaseException) -> BaseException:
    """The earliest UserError of a chain, as of a configuration file, whose errors the flag library repeats
    with their traceback; where there is none, the last error.
    """
    first, earlier = error, error
    while earlier := earlier.__cause__ or earlier.__context__:
        first = earlier if isinstance(earlier, UserError) else first
    return first


def _in_flags(error: BaseException, values) -> str:
    """The message of an error, the parameter that it is about written as the flag that gives it."""
    parameter = getattr(error, "parameter", "")
    if not parameter:
        return str(error)
    same = [name for name in values if parameter in (name, getattr(values[name], "parameter", name))]
    of_config = [f"{CONFIG}.{parameter}"] if CONFIG in values and "." in parameter else []
    shown = next((f"--{name}" for name in (*same, *of_config)), parameter)
    return f"{shown}: {error.message}"


def _help(values) -> str:
    default = lambda flag: (
        f" (default: {flag.default!r})" if isinstance(flag.default, str | int | float | list | None) else ""
    )
    return "\n".join(f"  --{name}: {values[name].help}{default(values[name])}" for name in sorted(values))


def _show(text: str) -> None:
    """Prints, unless whoever reads has gone: `... | head` is no mistake."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        sys.stdout = None


def _fail(title: str, text: str, code: int = MISTAKE) -> None:
    if os.environ.get(TRACEBACK) and sys.exception():
        traceback.print_exc()
    print(f"{title}: {' '.join(text.split())}", file=sys.stderr)
    sys.exit(code)


def _fields_as_flags(text: str, values) -> str:
    """A text in which advice such as split.kind=given is the flag that follows it."""
    if CONFIG not in values or not hasattr(values[CONFIG].value, "keys"):
        return text
    sections = "|".join(map(re.escape, values[CONFIG].value))
    return re.sub(rf"(?<![\w.-])((?:{sections})\.[\w.]+=)", rf"--{CONFIG}.\1", text)
