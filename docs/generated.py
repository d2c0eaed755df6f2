"""What pages say that the code knows better: fields, commands, strategies, the examples' cells.

A page asks for it by a comment such as `<!-- made from the code: fields -->`.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import textwrap
from pathlib import Path
from unittest import mock

import jupytext
from absl import flags

from dmljax import fields as declared
from dmljax import plugins, weightings
from dmljax.config import SECTIONS

HERE = Path(__file__).parent
MARK = re.compile(r"<!-- made from the code: (\w+)(?: (\w+))? -->")
# Markdown beside the site, which is no page of it, is offered as a file.
OUTSIDE = re.compile(r"\[([^]]+)\]\(((?:\.\./)+benchmarks/[^)#]+\.md)\)")


def fill(app, page: str, source: list[str]) -> None:
    """Puts in place what the page asks for."""
    makers = {
        "fields": fields,
        "commands": commands,
        "strategies": strategies,
        "example": example,
    }
    text = MARK.sub(lambda found: makers[found[1]](*filter(None, [found[2]])), source[0])
    source[0] = OUTSIDE.sub(r"{download}`\1 <\2>`", text)


def fields() -> str:
    """Every field of a configuration, a section each; plug-ins' options below their own headings."""
    from dmljax.configs import base

    lines, heading = [], ""
    for row in declared.rows(base.declarations()):
        section = row.name.rpartition(".")[0] or "the run"
        if section != heading:
            heading = section
            lines += ["", f"## {section}", ""]
        unit = f" Unit: {row.unit}." if row.unit else ""
        meaning = _of_plugin(*row.name.split(".")) or row.meaning
        lines += [f"`{row.name}` = `{row.default}`", f": {meaning}{unit} *{row.range}*", ""]
    return "\n".join(lines)


def _of_plugin(*path: str) -> str:
    """What a plug-in's own docstring says of one of its options, or ''."""
    if len(path) != 3 or path[0] not in SECTIONS or path[1] not in plugins.names(SECTIONS[path[0]]):
        return ""
    module = plugins.load(SECTIONS[path[0]], path[1])
    text = inspect.getdoc(getattr(module, "samples" if path[0] == "dataset" else "build")) or ""
    entry = re.search(rf"^  (?:\w+, )*{path[2]}(?:, \w+)*: ((?:.+\n?)(?:    .+\n?)*)", text, re.MULTILINE)
    meaning = "" if entry is None else " ".join(entry[1].split())
    return meaning[:1].upper() + meaning[1:]


def commands() -> str:
    """Every command: its help and its flags."""
    parts = []
    for name in importlib.import_module("dmljax.launch.cli").commands():
        program = importlib.import_module(f"dmljax.launch.{name}")
        values = flags.FlagValues()
        with mock.patch.object(sys, "argv", ["dmljax"]):
            program.define(values)
        parts += [f"## {name}", "", _escaped(program.SUMMARY), "", _usage(program.USAGE), ""]
        parts += [_flag(values[flag]) for flag in sorted(values)]
    return "\n".join(parts)


def _flag(flag) -> str:
    name, default, meaning = flag.name, flag.default, flag.help
    shown = ",".join(map(str, default)) if isinstance(default, list) else default
    if isinstance(default, bool):
        return f"`--{name}`, `--no{name}`\n: {_escaped(meaning)} (default: {'yes' if default else 'no'})\n"
    value = "" if shown in ("", None) else f"={shown}"
    return f"`--{name}{value}`\n: {_escaped(meaning)}\n"


def _escaped(text: str) -> str:
    return re.sub(r"([<>*_\[\]])", r"\\\1", text)


def _usage(text: str) -> str:
    """A program's usage as Markdown: indented lines become a block of code."""
    blocks = re.split(r"((?:^ {4}.*\n?)+)", text, flags=re.M)
    return "\n".join(
        f"```\n{textwrap.dedent(block).rstrip()}\n```" if k % 2 else _escaped(block)
        for k, block in enumerate(blocks)
    )


def strategies() -> str:
    """Every strategy of the package: its function, with equation, source, cost and an example."""
    parts = []
    for name in weightings.names():
        parts += [
            f"## {name}",
            "",
            "```{eval-rst}",
            f".. autofunction:: dmljax.weightings.{name}",
            "```",
            "",
        ]
    return "\n".join(parts)


def example(name: str) -> str:
    """The cells of a script in examples/: text as text, code as code; the first heading is the page's own."""
    notebook = jupytext.read(HERE.parent / "examples" / f"{name}.py")
    parts = []
    for k, cell in enumerate(notebook.cells):
        text = cell.source
        if cell.cell_type == "markdown":
            parts.append(text.partition("\n")[2] if k == 0 else text)
        else:
            parts.append(f"```python\n{text}\n```")
    return "\n\n".join(parts)
