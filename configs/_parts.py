"""What sections of fields are made of: defaults that code states, the options of a family's plug-ins."""

from collections.abc import Callable
from inspect import signature

from dmljax import fields, plugins
from dmljax.fields import Field
from dmljax.types import UserError


def stated(thing: Callable) -> dict:
    """The defaults that a function or class states in its signature, by name."""
    return {name: parameter.default for name, parameter in signature(thing).parameters.items()}


def of_family(family: str, name: str, meaning: str, own: dict) -> dict:
    """A section: the choice among a family's plug-ins, the section's own fields, all plug-ins' options."""
    return with_options(family, {"name": Field(name, meaning, choices=plugins.names(family))} | own)


def with_options(family: str, section: dict) -> dict:
    """A section with the options of all plug-ins of a family.

    Raises:
      UserError: a plug-in has the name of a field.
    """
    for other, module in plugins.usable(family).items():
        if other in section:
            raise UserError(
                f"'{other}' cannot be the name of one of the {family}: it is a field of that section of the"
                f" configuration; rename the file {module.__file__}"
            )
        options = plugins.defaults(family, other), plugins.meanings(family, other)
        section[other] = fields.of_plugin(f"{family}/{other}", *options)
    return section
