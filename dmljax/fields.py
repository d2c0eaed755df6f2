"""A configuration's fields, each declared once: meaning, unit, default and what it may be.

`configs/base.py` declares them as nested dicts of `Field`. From the declarations come the configuration
(`config_dict`), the check of a whole configuration (`check`), and a table of all fields (`rows`, `markdown`).
"""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from dmljax import durations
from dmljax.types import UserError, nearest

if TYPE_CHECKING:
    from ml_collections import ConfigDict


@dataclasses.dataclass(frozen=True)
class Field:
    """One field. Its kind is that of its default: flag, whole number, number, text, or several names; a text
    whose unit is one of `durations.FORMS` is a duration.

    Attributes:
      default: bool, int, float, str or tuple.
      meaning: one sentence; unit and range stand beside it, not in it.
      unit: of a number, or of a duration.
      least, most: bounds that a number (a duration's number, how many names) may reach; None: no bound.
      above, below: bounds that it may not reach.
      choices: the texts allowed, or the names that a tuple may hold, each once; empty: any.
      plugin: 'family/name' of the plug-in whose option it is. The plug-in checks its options itself; here
        they only keep their kind.
      table: whether it is the path of a small table, of which a run keeps a copy.
    """

    default: Any
    meaning: str = ""
    unit: str = ""
    least: float | None = None
    above: float | None = None
    most: float | None = None
    below: float | None = None
    choices: tuple[str, ...] = ()
    plugin: str = ""
    table: bool = False

    @property
    def range(self) -> str:
        """What a value may be, in words such as 'a whole number of at least 0'."""
        default = self.default
        if self.unit in durations.FORMS:
            return _joined(f"a duration such as {durations.FORMS[self.unit]}", self._bounds())
        if isinstance(default, bool):
            return "True or False"
        if isinstance(default, tuple):
            names = f"of {', '.join(self.choices)}" if self.choices else ""
            count = "one or more" if self.least else "any"
            entries = "texts or numbers" if self.plugin else "numbers" if self._of_numbers() else "texts"
            if self.least and self.least == self.most:
                entries = f"{self.least:g} {entries}"
            return f"{count} {names}, each once" if names else f"a tuple of {entries}"
        if isinstance(default, str):
            named = ", ".join(choice or "empty" for choice in self.choices)
            return f"one of {named}" if named else "a text"
        return _joined("a whole number" if isinstance(default, int) else "a number", self._bounds())

    def allows(self, value) -> bool:
        """Whether the field may have this value."""
        default = self.default
        if self.unit in durations.FORMS:
            parsed = durations.parse(value, self.unit)
            return parsed is not None and self._within(parsed[0])
        if isinstance(default, bool):
            return isinstance(value, bool)
        if isinstance(default, tuple):
            if not isinstance(value, tuple | list):
                return False
            if self.choices:
                known = all(name in self.choices for name in value) and len(set(value)) == len(value)
            else:
                numbers_too, texts = self.plugin or self._of_numbers(), self.plugin or not self._of_numbers()
                known = all(
                    (texts and isinstance(entry, str)) or (numbers_too and _is_finite(entry))
                    for entry in value
                )
            return known and self._within(len(value))
        if isinstance(default, str):
            return isinstance(value, str) and (not self.choices or value in self.choices)
        kind = numbers.Integral if isinstance(default, int) else numbers.Real
        return isinstance(value, kind) and not isinstance(value, bool) and self._within(value)

    def _of_numbers(self) -> bool:
        """Whether it is a tuple of numbers."""
        return isinstance(self.default, tuple) and bool(self.default) and _is_finite(self.default[0])

    def _within(self, number) -> bool:
        return (
            (_is_finite(number) or (bool(self.plugin) and number in (math.inf, -math.inf)))
            and (self.least is None or number >= self.least)
            and (self.above is None or number > self.above)
            and (self.most is None or number <= self.most)
            and (self.below is None or number < self.below)
        )

    def _bounds(self) -> str:
        if self.least is not None and self.most is not None:
            return f"from {self.least:.10g} to {self.most:.10g}"
        told = (
            ("of at least", self.least),
            ("above", self.above),
            ("of at most", self.most),
            ("below", self.below),
        )
        return " and ".join(f"{word} {bound:.10g}" for word, bound in told if bound is not None)


class Row(NamedTuple):
    """A field in the table of all, as texts. `meaning`: of a plug-in's option also whose it is."""

    name: str
    default: str
    unit: str
    range: str
    meaning: str


def of_plugin(
    plugin: str, defaults: Mapping[str, Any], meanings: Mapping[str, str] | None = None
) -> dict[str, Field]:
    """The options of the plug-in 'family/name' as fields, from their defaults and meanings."""
    known = meanings or {}
    return {
        option: Field(default, known.get(option, ""), plugin=plugin) for option, default in defaults.items()
    }


def flatten(tree: Mapping, prefix: str = "") -> dict[str, Any]:
    """Nested dict -> 'a.b.c' -> value."""
    return {name: value for name, value in leaves(tree, prefix) if not isinstance(value, Mapping)}


def leaves(tree: Mapping, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """('a.b.c', value) of all values of a nested dict; an empty dict is one, lest it be passed over."""
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def config_dict(declared: Mapping) -> ConfigDict:
    """The configuration in which every declared field has its default."""
    from ml_collections import ConfigDict

    def defaults(tree):
        return {
            key: defaults(value) if isinstance(value, Mapping) else value.default
            for key, value in tree.items()
        }

    return ConfigDict(defaults(declared))


def problems(declared: Mapping, values: Mapping) -> list[str]:
    """A sentence for each value that its field does not allow, each field that is not there, and each value
    without a field. Options of plug-ins may be missing.

    Args:
      declared: nested dicts of `Field`.
      values: the configuration as nested dicts.
    """
    known, given = flatten(declared), dict(leaves(values))
    for name in [name for name, value in given.items() if isinstance(value, Mapping)]:  # empty ones
        if _is_section(declared, name):
            del given[name]
    found = []
    for name, field in known.items():
        if name in given and not field.allows(given[name]):
            unit = f" ({field.unit})" if field.unit and field.unit not in durations.FORMS else ""
            near = _near(field, given[name])
            found.append(f"{name} must be {field.range}{unit}, got {given[name]!r}.{near}")
        elif name not in given and not field.plugin:
            found.append(f"{name} is missing; it must be {field.range}.")
    return found + [f"There is no field {name}.{nearest(name, known)}" for name in given if name not in known]


def check(declared: Mapping, values: Mapping) -> None:
    """Raises UserError that tells all `problems` of a configuration at once."""
    if found := problems(declared, values):
        raise UserError(" ".join(found))


def rows(declared: Mapping, prefix: str = "") -> list[Row]:
    """The fields whose dotted names begin with the prefix, in the order of their declaration.

    Raises:
      UserError: none does.
    """
    known = flatten(declared)
    found = [
        Row(
            name,
            repr(field.default),
            field.unit,
            field.range,
            f"{field.meaning} Option of {field.plugin}.".strip() if field.plugin else field.meaning,
        )
        for name, field in known.items()
        if name.startswith(prefix)
    ]
    if not found:
        raise UserError(f"no field's name begins with '{prefix}'.{nearest(prefix, [*known, *declared])}")
    return found


def markdown(declared: Mapping, prefix: str = "") -> str:
    """The same as a Markdown table, for the documentation."""
    cell = lambda text: text.replace("|", "\\|")
    lines = ["| field | default | unit | range | meaning |", "|---|---|---|---|---|"]
    for row in rows(declared, prefix):
        name, default, *rest = (cell(text) for text in row)
        lines.append(f"| `{name}` | `{default}` | {' | '.join(rest)} |")
    return "\n".join(lines) + "\n"


def _is_section(declared: Mapping, name: str) -> bool:
    """Whether fields are declared below this name."""
    level: Any = declared
    for key in name.split("."):
        level = level.get(key) if isinstance(level, Mapping) else None
    return isinstance(level, Mapping)


def _is_finite(value) -> bool:
    """Whether it is a number that floating point can hold."""
    try:
        return isinstance(value, numbers.Real) and math.isfinite(value)
    except OverflowError:  # a whole number of hundreds of digits
        return False


def _joined(noun: str, bounds: str) -> str:
    return f"{noun} {bounds}".strip()


def _near(field: Field, value) -> str:
    """' Did you mean ...?' for the first name that is none of the choices."""
    names = value if isinstance(value, tuple | list) else (value,)
    wrong = [name for name in names if name not in field.choices]
    return nearest(wrong[0], field.choices) if wrong and field.choices else ""
