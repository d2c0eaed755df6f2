"""The arguments of a command before its flags are parsed: home folders, names left out, the configuration."""

from __future__ import annotations

import os
import re

from absl import flags
from dmljax.launch import _flags
from dmljax.launch._define import CONFIG

from dmljax import plugins
from dmljax.types import UserError


def named(values, arguments: list[str]) -> list[str]:
    """The arguments, each value with its flag: a first one that has no name, those of a repeated flag, and
    those of the flag that takes all others.
    """
    spelt = [underscored(values, argument) for argument in arguments]
    return others_named(values, repeated(values, first_named(values, spelt)))


def underscored(values, argument: str) -> str:
    """`--compile-for=...` is `--compile_for=...`, where there is such a flag."""
    flag, equals, value = argument.partition("=")
    name = flag.lstrip("-").replace("-", "_")
    return f"--{name}{equals}{value}" if flag.startswith("-") and name in values else argument


def at_home(argument: str) -> str:
    """`--run=~/runs`, `--set=kdef:~/kdef`: a shell takes `~` for the home folder only where a word begins."""
    flag, equals, value = argument.partition("=")
    home = os.path.expanduser("~")
    return flag + equals + re.sub(r"(^|[,:])~(?=/|,|$)", lambda found: found[1] + home, value)


def add_plugins(values, arguments: list[str]) -> None:
    """The flag --plugins. Its folders are read at once: a configuration has the fields of their plug-ins."""
    flags.DEFINE_list(
        "plugins", [], "folders with plug-ins of your own, FOLDER/<family>/NAME.py", flag_values=values
    )
    for k, argument in enumerate(arguments):
        flag, equals, value = argument.partition("=")
        if flag.lstrip("-") == "config.plugins":
            raise UserError("plug-in folders are given as --plugins=FOLDER[,FOLDER]")
        if flag in ("--plugins", "-plugins"):
            following = arguments[k + 1] if _flags.follows(arguments, k) else ""
            for folder in (value if equals else following).split(","):
                if folder.strip():
                    plugins.add_folder(folder.strip())


def repeated(values, arguments: list[str]) -> list[str]:
    """The arguments with a flag before each value of those that take several."""
    named = [name for name in values if getattr(values[name], "several", False)]
    found, flag = [], ""
    for argument in arguments:
        if argument.startswith("-"):
            name = argument.lstrip("-").partition("=")[0]
            flag = name if name in named else ""
            if flag and "=" not in argument:
                continue
            found.append(argument)
        else:
            found.append(f"--{flag}={argument}" if flag else argument)
    return found


def first_named(values, arguments: list[str]) -> list[str]:
    """The arguments with a first one that has no name named."""
    named = [name for name in values if getattr(values[name], "positional", False)]
    if named and arguments and not arguments[0].startswith("-"):
        return [f"--{named[0]}={arguments[0]}", *arguments[1:]]
    return arguments


def others_named(values, arguments: list[str]) -> list[str]:
    """The arguments with those that are no flags, and no values of one, named by the flag that takes them."""
    flag = next((name for name in values if getattr(values[name], "rest", False)), "")
    found: list[str] = []
    waiting = False  # for the value of the flag before
    for argument in arguments:
        is_flag = argument.startswith("-") and argument != "-"
        found.append(argument if is_flag or waiting or not flag else f"--{flag}={argument}")
        name = argument.lstrip("-")
        waiting = is_flag and "=" not in argument and name in values and not values[name].boolean
    return found


def open_config(values, arguments: list[str]) -> list[str]:
    """Puts the configuration that --config names in the flag's place; returns the other arguments."""
    from ml_collections import config_flags

    from dmljax import changes, config

    if CONFIG not in values:
        return arguments
    name, others, waiting = values[CONFIG].default, [], list(arguments)
    while waiting:
        flag, equals, value = waiting[0].partition("=")
        follows = _flags.follows(waiting, 0)
        argument = waiting.pop(0)
        if flag not in (f"--{CONFIG}", f"-{CONFIG}"):
            others.append(argument)
        elif equals or follows:
            name = value if equals else waiting.pop(0)
        else:
            raise UserError(f"--{CONFIG} needs a value: --{CONFIG}=NAME")
    text, opened = values[CONFIG].help, config.get_config(name)
    for argument in others:
        flag, _, field = argument.partition("=")[0].partition(".")
        if flag in (f"--{CONFIG}", f"-{CONFIG}"):
            changes.section_of(opened, field, f"--{CONFIG}: ")
    delattr(values, CONFIG)
    config_flags.DEFINE_config_dict(CONFIG, opened, text, flag_values=values, sys_argv=others)
    return others
