"""Configurations as JSON or YAML: read as data, never run; mistakes are told with file and line.

YAML is read as its version 1.2 says it: `no`, `on` and `2026-01-01` are texts, `1e-3` is a number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from dmljax.types import UserError

YAML = (".yaml", ".yml")
ENDINGS = (".json", *YAML)


class Given(NamedTuple):
    """What a file says of a field.

    Attributes:
      value: None, bool, int, float, str or a list of these; in JSON also what JSON nests in a list; or {}.
      text: a value without quotation marks as it stands in a YAML file, '007'; of a list, one each; None
        elsewhere.
      line: where it stands; 0: not known.
    """

    value: Any
    text: Any = None
    line: int = 0

    def as_kind(self, present: Any) -> Any:
        """The value for a field that holds `present`: what a text field is given is a text, as in a shell."""
        if isinstance(present, str) and isinstance(self.text, str):
            return self.text
        if isinstance(self.text, list) and isinstance(present, tuple) and {*map(type, present)} == {str}:
            return [value if text is None else text for value, text in zip(self.value, self.text)]
        return self.value


def read(path: Path) -> dict[str, Given]:
    """dotted field -> what a file says of it; sections may be nested or dotted.

    Raises:
      UserError: it cannot be read, holds no fields, or one of them twice; with its line where that is known.
    """
    text = _text(path)
    if not text.strip():
        raise UserError(f"'{path}' is empty; write fields such as {_example(path)}")
    try:
        fields = _yaml_fields(path, text) if path.suffix in YAML else _json_fields(path, text)
        found: dict[str, Given] = {}
        for name, given in fields:
            if name in found:
                first = f" and in line {found[name].line}" if given.line else ""
                raise UserError(f"{where(path, given.line)}{name} stands there{first}; it may stand once")
            found[name] = given
    except RecursionError:
        raise UserError(f"'{path}' cannot be read: it is nested too deeply") from None
    return found


def where(path: Path, line: int = 0) -> str:
    """What an error about a file begins with."""
    return f"'{path}', line {line}: " if line else f"'{path}': "


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"'{path}' cannot be read: {error.strerror or error}") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(
            f"{where(path, line)}it is not in UTF-8 (byte {content[error.start]:#04x}); save it so"
        ) from None


def _example(path: Path) -> str:
    return "train.duration: 3 epochs" if path.suffix in YAML else '{"train.duration": "3 epochs"}'


def _no_fields(path: Path, kind: str, line: int = 0) -> UserError:
    form = "YAML mapping" if path.suffix in YAML else "JSON object"
    return UserError(
        f"{where(path, line)}it must hold a {form}, such as {_example(path)}, and holds a {kind}"
    )


def _json_fields(path: Path, text: str) -> Iterator[tuple[str, Given]]:
    try:
        found = json.loads(text, object_pairs_hook=_Pairs)
    except json.JSONDecodeError as error:
        raise UserError(f"{where(path, error.lineno)}cannot be read as JSON: {error.msg}") from None
    except ValueError as error:  # a number of too many digits
        raise UserError(f"'{path}' cannot be read as JSON: {error}") from None
    if not isinstance(found, _Pairs):
        raise _no_fields(path, "list" if isinstance(found, list) else "single value")
    return _of_pairs(found, "")


class _Pairs(list):
    """An object of a JSON file: its pairs, of which a key may come twice."""


def _of_pairs(pairs: _Pairs, prefix: str) -> Iterator[tuple[str, Given]]:
    for key, value in pairs:
        if isinstance(value, _Pairs) and value:
            yield from _of_pairs(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", Given({} if isinstance(value, _Pairs) else value)


class _Loader(yaml.SafeLoader):
    """Makes nodes, no objects; the kinds of values are those of YAML 1.2."""

    yaml_implicit_resolvers: dict = {}

    def compose_node(self, parent, index):
        """Aliases are refused: a few lines of them can stand for more than fits into memory."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(
                problem="an alias (*) is not read; write the value", problem_mark=self.peek_event().start_mark
            )
        return super().compose_node(parent, index)


_TAG = "tag:yaml.org,2002:"
# How a value without quotation marks is read: its kind, what it looks like, what makes it.
_KINDS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "null": (r"~|null|Null|NULL|", lambda text: None),
    "bool": (r"true|True|TRUE|false|False|FALSE", lambda text: text.lower() == "true"),
    "int": (r"[-+]?[0-9]+|0x[0-9a-fA-F]+|0o[0-7]+", lambda text: int(text, 0 if text[1:2] in "xo" else 10)),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        lambda text: float(re.sub(r"\.(?=[inIN])", "", text)),
    ),
    "str": (r"(?s).*", str),
}
for _kind in ("null", "bool", "int", "float"):
    _Loader.add_implicit_resolver(_TAG + _kind, re.compile(rf"(?:{_KINDS[_kind][0]})\Z"), None)


def _yaml_fields(path: Path, text: str) -> Iterator[tuple[str, Given]]:
    try:
        top = yaml.compose(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 0
        raise UserError(f"{where(path, line)}cannot be read as YAML: {error.problem}") from None
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise UserError(f"{where(path, line)}cannot be read as YAML: {error.reason}") from None
    if top is None:
        raise UserError(f"'{path}' is empty; write fields such as {_example(path)}")
    if not isinstance(top, yaml.MappingNode):
        kind = "list" if isinstance(top, yaml.SequenceNode) else "single value"
        raise _no_fields(path, kind, top.start_mark.line + 1)
    return _of_mapping(path, top, "")


def _of_mapping(path: Path, node: yaml.MappingNode, prefix: str) -> Iterator[tuple[str, Given]]:
    _check_tag(path, node, "map")
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise UserError(f"{where(path, line)}the name of a field must be a text")
        name = f"{prefix}{key.value}"
        if isinstance(value, yaml.MappingNode) and not value.value:
            yield name, Given({}, None, line)
        elif isinstance(value, yaml.MappingNode):
            yield from _of_mapping(path, value, f"{name}.")
        elif isinstance(value, yaml.SequenceNode):
            _check_tag(path, value, "seq")
            entries = [_of_scalar(path, name, entry) for entry in value.value]
            yield name, Given([e.value for e in entries], [e.text for e in entries], line)
        else:
            yield name, _of_scalar(path, name, value)._replace(line=line)


def _of_scalar(path: Path, name: str, node: yaml.Node) -> Given:
    if not isinstance(node, yaml.ScalarNode):
        raise UserError(f"{where(path, node.start_mark.line + 1)}the list of {name} must hold single values")
    kind = _check_tag(path, node, *_KINDS)
    pattern, make = _KINDS[kind]
    if re.fullmatch(pattern, node.value) is None:  # as of !!int soon
        raise UserError(f"{where(path, node.start_mark.line + 1)}'{node.value}' is no {kind}")
    try:
        value = make(node.value)
    except ValueError as error:  # a number of too many digits
        raise UserError(f"{where(path, node.start_mark.line + 1)}{name}: {error}") from None
    return Given(value, node.value if node.style is None and value is not None else None)


def _check_tag(path: Path, node: yaml.Node, *allowed: str) -> str:
    """The kind of a node; a tag that asks for an object of Python, or of anything, is refused."""
    kind = node.tag.removeprefix(_TAG)
    if kind not in allowed:
        raise UserError(
            f"{where(path, node.start_mark.line + 1)}the tag '{node.tag}' is not read; write plain values"
        )
    return kind
