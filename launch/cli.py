"""The command line: finds the launch programs, parses flags, and turns a user's mistake into one line and
exit code 2.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable

from absl import flags

from dmljax import plugins
from dmljax.types import UserError

MISTAKE = 2  # exit code


def commands() -> tuple[str, ...]:
    """The launch programs, by file name."""
    package = importlib.import_module("dmljax.launch")
    return tuple(sorted(m.name for m in pkgutil.iter_modules(package.__path__)))


def main() -> None:
    """The `dmljax` command: its first argument names a launch program, the rest are that program's flags."""
    known = commands()
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help", "help"):
        lines = [
            f"  {name:<11}{importlib.import_module(f'dmljax.launch.{name}').__doc__.splitlines()[0]}"
            for name in known
        ]
        print("dmljax COMMAND [--flags], or dmljax COMMAND --help\n\n" + "\n".join(lines))
        sys.exit(0 if len(sys.argv) > 1 else MISTAKE)
    name = sys.argv.pop(1)
    if name not in known:
        _fail("dmljax", f"no command '{name}'; there are {', '.join(known)}.{plugins.nearest(name, known)}")
    program = importlib.import_module(f"dmljax.launch.{name}")
    run(name, program.__doc__, program.define, program.main)


def run(name: str, doc: str, define: Callable, body: Callable) -> None:
    """Parses sys.argv by the flags that `define(FlagValues)` makes, calls `body(FlagValues)`, and exits with
    what it returns.

    A UserError, a flag error or a misspelt field is told in one line.
    """
    values = flags.FlagValues()
    title = f"dmljax {name}"
    try:
        define_plugins(values)
        define(values)
        if "--help" in sys.argv or "-h" in sys.argv:
            _show(f"{doc.strip()}\n{_help(values)}")
            sys.exit(0)
        rest = values(sys.argv)
        if len(rest) > 1:
            raise UserError(f"unexpected '{rest[1]}'; flags are written --name=value")
    except (flags.Error, UserError) as error:
        _fail(title, str(error))
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
        sys.exit(body(values) or 0)
    except UserError as error:
        _fail(title, str(error))
    except KeyboardInterrupt:
        _fail(title, "interrupted", 130)
    except BrokenPipeError:
        sys.exit(141)
    except OSError as error:  # a folder that cannot be made, a file that may not be written
        _fail(title, str(error))


def _help(values) -> str:
    told = lambda flag: (
        f" (default: {flag.default!r})" if isinstance(flag.default, str | int | float | list | None) else ""
    )
    return "\n".join(f"  --{name}: {values[name].help}{told(values[name])}" for name in sorted(values))


def _show(text: str) -> None:
    """Prints, unless whoever reads has gone: `... | head` is no mistake."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        sys.stdout = None


def _fail(title: str, text: str, code: int = MISTAKE) -> None:
    print(f"{title}: {' '.join(text.split())}", file=sys.stderr)
    sys.exit(code)


def whole_numbers(flag: str, texts) -> tuple[int, ...]:
    """The values of a list flag as whole numbers, or a UserError that names the flag."""
    try:
        return tuple(int(text) for text in texts)
    except ValueError:
        raise UserError(f"--{flag} must be whole numbers such as 0,1,2; got '{','.join(texts)}'") from None


def define_members(values, *, run: str, seeds: str, folds: str = "0") -> None:
    """The flags of commands that start many trainings: which, how many at a time, and where."""
    define = flags.DEFINE_list
    define(
        "seeds", seeds.split(","), "seeds of data order, initial weights and augmentation", flag_values=values
    )
    define("folds", folds.split(","), "test folds by person", flag_values=values)
    flags.DEFINE_integer("jobs", 1, "runs at a time", lower_bound=1, flag_values=values)
    flags.DEFINE_string(
        "cluster",
        "",
        "empty: processes of this machine; slurm: jobs through submitit (dmljax[cluster]); local: such jobs,"
        " here",
        flag_values=values,
    )
    define(
        "cluster_options",
        [],
        "submitit's parameters, such as timeout_min=60,slurm_partition=gpu",
        flag_values=values,
    )
    flags.DEFINE_string("run", run, "folder of the runs and of what is made of them", flag_values=values)
    flags.DEFINE_bool("progress", True, "show a progress bar", flag_values=values)


def members_options(values):
    """The values of `define_members` as `comparing.How`."""
    from pathlib import Path

    from dmljax.studies.compare import How

    return How(
        Path(values.run),
        whole_numbers("seeds", values.seeds),
        whole_numbers("folds", values.folds),
        values.jobs,
        values.cluster,
        values.cluster_options,
        values.progress,
    )


def define_plugins(values) -> None:
    """The flag --plugins. Its folders are read at once: a configuration has the fields of their plug-ins."""
    flags.DEFINE_list(
        "plugins", [], "folders with plug-ins of your own, FOLDER/<family>/NAME.py", flag_values=values
    )
    for k, argument in enumerate(sys.argv[1:], 1):
        flag, equals, value = argument.partition("=")
        if flag.lstrip("-") == "config.plugins":
            raise UserError("plug-in folders are given as --plugins=FOLDER[,FOLDER]")
        if flag in ("--plugins", "-plugins"):
            for folder in (value if equals else "".join(sys.argv[k + 1 : k + 2])).split(","):
                plugins.add_folder(folder)


def positional(flag: str) -> None:
    """A first argument that is no flag is the value of this one."""
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        sys.argv[1] = f"--{flag}={sys.argv[1]}"


def define_config(values, default: str) -> None:
    """The flag --config=NAME_OR_FILE[:PRESET], and --config.FIELD=VALUE for every field."""
    from ml_collections import config_flags

    from dmljax import config

    # The library reads overrides from sys.argv itself; names become paths before it looks. The default is
    # written there too: commands that start others pass on what they find.
    if not any(argument.partition("=")[0] in ("--config", "-config") for argument in sys.argv[1:]):
        sys.argv.insert(1, f"--config={default}")
    for k, argument in enumerate(sys.argv):
        flag, equals, value = argument.partition("=")
        if flag in ("--config", "-config") and equals:
            name, colon, preset = value.partition(":")
            sys.argv[k] = f"--config={config.find(name)}{colon}{preset}"
    config_flags.DEFINE_config_file(
        "config",
        str(config.find(default)),
        "configuration: a name or file, then :preset; "
        "--config.FIELD=VALUE changes a field (see dmljax fields)",
        flag_values=values,
    )
