"""Flags as they are written: a value that is missing or cannot be read is told with what the flag takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from absl import flags

from dmljax.fields import Field, flatten, problems
from dmljax.types import UserError, nearest

if TYPE_CHECKING:  # what a listing of the commands does without
    from ml_collections import ConfigDict


class _Parser:
    """A flag's parser, whose errors say which flag it is, what it takes and what came."""

    def __init__(self, name: str, parser: flags.ArgumentParser, takes: Field):
        self._name, self._parser, self._takes = name, parser, takes

    def __getattr__(self, name: str):
        return getattr(self._parser, name)

    def parse(self, argument):
        argument = _names(argument, self._takes)
        try:
            return self._parser.parse(argument)
        except (ValueError, TypeError, OverflowError):
            came = argument[-1] if isinstance(argument, list) else argument
            said = problems({self._name: self._takes}, {self._name: came})
            raise UserError(f"--{' '.join(said) or f'{self._name} cannot be read, got {came!r}'}") from None


def _names(argument, takes: Field):
    """Names with commas as the tuple that a field of several takes; 'none' and nothing are none of them."""
    of_texts = takes.choices or not (takes.plugin or takes.default)
    several = isinstance(takes.default, tuple) and of_texts
    if not several or not isinstance(argument, str) or argument.lstrip().startswith(("(", "[")):
        return argument
    names = tuple(name.strip() for name in argument.split(",") if name.strip())
    return repr(() if names == ("none",) and "none" not in takes.choices else names)


def read(values: flags.FlagValues, title: str, arguments: list[str], config: str) -> None:
    """Parses the arguments of a command.

    Args:
      values: the flags; those of the configuration's fields are among them.
      title: what the command is called.
      arguments: without the command's name.
      config: name of the flag that holds the configuration.

    Raises:
      UserError: a flag that is not there, one without its value, a value that it does not take, or an
        argument that belongs to no flag.
    """
    takes = {name: _takes(values, name, config) for name in values}
    for name, field in takes.items():
        if field is not None:
            values[name].parser = _Parser(name, values[name].parser, field)
    _check_values(values, arguments, takes)
    try:
        rest = values([title, *arguments])
    except flags.UnrecognizedFlagError as error:
        hint = nearest(error.flagname, takes)
        raise UserError(f"there is no flag --{error.flagname}.{hint}") from None
    if len(rest) > 1:
        raise UserError(f"unexpected '{rest[1]}'; flags are written --name=value")


def follows(arguments: list[str], k: int) -> bool:
    """Whether a value follows the flag in place `k`, and not the next flag."""
    return len(arguments) > k + 1 and not arguments[k + 1].startswith("--")


def _check_values(values, arguments: list[str], takes: dict[str, Field | None]) -> None:
    """Raises UserError of a flag whose value is missing, or that has one where it takes none."""
    k = 0
    while k < len(arguments):
        flag, equals, _ = arguments[k].partition("=")
        name = flag.lstrip("-") if flag.startswith("-") else ""
        positive = name.removeprefix("no")
        if equals and name not in values and positive in values and values[positive].boolean:
            raise UserError(f"--{name} takes no value; write --{name} or --{positive}=False")
        if name in values and not equals and not values[name].boolean:
            if not follows(arguments, k):
                field = takes[name]
                kind = f", {field.range}" if field and field.range != Field("").range else ""
                raise UserError(f"--{name} needs a value{kind}: --{name}=VALUE")
            k += 1
        k += 1


def _takes(values, name: str, config: str) -> Field | None:
    """What a flag takes, as a field; None of the configuration itself."""
    if name == config:
        return None
    if config in values and name.startswith(f"{config}."):
        return _of_config(values[config].value, name.removeprefix(f"{config}."))
    parser = values[name].parser
    kinds: tuple = ((flags.BooleanParser, False), (flags.IntegerParser, 0), (flags.FloatParser, 0.0))
    default = next((value for kind, value in kinds if isinstance(parser, kind)), "")
    bounds = {"least": "lower_bound", "most": "upper_bound"}
    return Field(
        default,
        choices=tuple(getattr(parser, "enum_values", ())),
        **{bound: getattr(parser, attribute, None) for bound, attribute in bounds.items()},
    )


def _of_config(config: ConfigDict, field: str) -> Field | None:
    """A field of the configuration as it is declared; of a file of one's own, by its present value."""
    from dmljax.configs import base

    present = config
    for key in field.split("."):
        present = present[key]
    if hasattr(present, "items"):
        raise UserError(f"{field} is a section, not a field; change its fields {', '.join(present)}")
    return flatten(base.declarations()).get(field) or Field(present, plugin="own")
