"""Docstrings as reStructuredText wants them: equations as they are, and signs that are no markup escaped."""

from __future__ import annotations

import re

from docutils import nodes

SECTION = re.compile(r"^(Args|Attributes|Example|Examples|Note|Raises|Returns|Yields):$")
CODE = re.compile(r"(`+[^`]*`+)")


def tidy(app, what, name, obj, options, lines: list[str]) -> None:
    """Outside of the Google sections an indented block is literal; |x| and a * b are no markup. In place."""
    result, section, literal = [], "", False
    for k, line in enumerate(lines):
        indented, blank = line.startswith("    "), not line.strip()
        if not indented and not blank:
            found = SECTION.match(line)
            section, literal = (found[1] if found else section if line.startswith(" ") else ""), False
        if indented and not section and not literal and k and not lines[k - 1].strip():
            result += [".. code-block:: text", "    :class: equation", ""]
            literal = True
        result.append(line if literal or section.startswith("Example") else _escaped(line))
    lines[:] = result


def dashes(app, tree, page: str) -> None:
    """Between a parameter and its meaning Sphinx writes two hyphens; a dash is what it means."""
    for text in list(tree.findall(nodes.Text)):
        if text == " -- ":
            text.parent.replace(text, nodes.Text(" – "))


def _escaped(line: str) -> str:
    parts = CODE.split(line)
    return "".join(part if k % 2 else re.sub(r"([*|])", r"\\\1", part) for k, part in enumerate(parts))
