"""The command line: finds the launch programs, parses flags, tells a user's mistake in one line (code 2)."""

from __future__ import annotations

import errno
import functools
import importlib
import os
import pkgutil
import re
import sys
import textwrap
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from absl import flags
from dmljax.launch import _signals

from dmljax import plugins
from dmljax.types import UserError, nearest

MISTAKE = 2  # exit code
TRACEBACK = "DMLJAX_TRACEBACK"  # set in the environment: a mistake is told with the way to it
HELP = ("--help", "-h", "help")
CONFIG = "config"


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
    os.environ.pop("MPLBACKEND", None)  # commands draw into files; that of a notebook may not exist here
    title = f"dmljax {name}"
    arguments = [_at_home(argument) for argument in (sys.argv[1:] if arguments is None else arguments)]
    values = flags.FlagValues()
    warnings.showwarning = functools.partial(_warn, title, warnings.showwarning)
    try:
        _add_plugins(values, arguments)
        define(values)
        if set(HELP[:2]) & set(arguments):
            _show(f"{summary}\n\n{usage}\n{_help(values)}")
            sys.exit(0)
        arguments = _open_config(values, _name_first(values, arguments))
        rest = values([title, *arguments])
        if len(rest) > 1:
            raise UserError(f"unexpected '{rest[1]}'; flags are written --name=value")
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
        _fail(title, _in_flags(error, values))
    except BrokenPipeError:
        sys.exit(141)
    except OSError as error:  # a folder that cannot be made, a file that may not be written
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        advice = "; the disk is full: make room there and give the same command again" if full else ""
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            advice = "; give a place that you may write to, or change its permissions"
        place = f"'{error.filename}': " if error.filename else ""
        _fail(title, f"{place}{error.strerror or error}{advice}")
    except (ValueError, TypeError) as error:  # what a library refuses
        text = textwrap.shorten(str(error), 600, placeholder=" ...")
        _fail(title, f"{text} ({type(error).__name__}; {TRACEBACK}=1 shows where)")


def _warn(title: str, otherwise: Callable, message, category, *where, **more) -> None:
    """Shows a warning about a plug-in in one line, and other warnings as Python does."""
    if issubclass(category, plugins.Defective):
        print(f"{title}: warning: {' '.join(str(message).split())}", file=sys.stderr)
    else:
        otherwise(message, category, *where, **more)


def _at_home(argument: str) -> str:
    """`--run=~/runs`, `--set=kdef:~/kdef`: a shell takes `~` for the home folder only where a word begins."""
    flag, equals, value = argument.partition("=")
    home = os.path.expanduser("~")
    return flag + equals + re.sub(r"(^|[,:])~(?=/|,|$)", lambda found: found[1] + home, value)


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


def _add_plugins(values, arguments: list[str]) -> None:
    """The flag --plugins. Its folders are read at once: a configuration has the fields of their plug-ins."""
    flags.DEFINE_list(
        "plugins", [], "folders with plug-ins of your own, FOLDER/<family>/NAME.py", flag_values=values
    )
    for k, argument in enumerate(arguments):
        flag, equals, value = argument.partition("=")
        if flag.lstrip("-") == "config.plugins":
            raise UserError("plug-in folders are given as --plugins=FOLDER[,FOLDER]")
        if flag in ("--plugins", "-plugins"):
            for folder in (value if equals else "".join(arguments[k + 1 : k + 2])).split(","):
                if folder.strip():
                    plugins.add_folder(folder.strip())


def gives(values, flag: str, parameter: str) -> None:
    """This flag gives a parameter or a configuration's field of another name."""
    values[flag].parameter = parameter


def positional(values, flag: str) -> None:
    """A first argument that is no flag is the value of this one."""
    values[flag].positional = True


def _name_first(values, arguments: list[str]) -> list[str]:
    """The arguments with a first one that has no name named."""
    named = [name for name in values if getattr(values[name], "positional", False)]
    if named and arguments and not arguments[0].startswith("-"):
        return [f"--{named[0]}={arguments[0]}", *arguments[1:]]
    return arguments


def define_root(values) -> None:
    """The flag --root of a command that opens trained runs."""
    place = "where a run's dataset lies now, if it was moved; of joined sets NAME:FOLDER,NAME:FOLDER"
    flags.DEFINE_string("root", "", place, flag_values=values)


def define_config(values, default: str) -> None:
    """The flag --config=NAME_OR_FILE[:PRESET], and --config.FIELD=VALUE for every field of it."""
    flags.DEFINE_string(
        CONFIG,
        default,
        "configuration: a name, with :preset behind it; a .json or .yaml file with fields; or a .py file,"
        " which is run. --config.FIELD=VALUE changes a field (see dmljax fields)",
        flag_values=values,
    )


def _open_config(values, arguments: list[str]) -> list[str]:
    """Puts the configuration that --config names in the flag's place; returns the other arguments."""
    from ml_collections import config_flags

    from dmljax import config

    if CONFIG not in values:
        return arguments
    name, others, waiting = values[CONFIG].default, [], list(arguments)
    while waiting:
        flag, equals, value = waiting[0].partition("=")
        argument = waiting.pop(0)
        if flag not in (f"--{CONFIG}", f"-{CONFIG}"):
            others.append(argument)
        elif equals or waiting:
            name = value if equals else waiting.pop(0)
        else:
            raise UserError(f"--{CONFIG} needs a value: --{CONFIG}=NAME")
    text = values[CONFIG].help
    delattr(values, CONFIG)
    config_flags.DEFINE_config_dict(
        CONFIG, config.get_config(name), text, flag_values=values, sys_argv=others
    )
    return others
