"""Docstrings as reStructuredText wants them: an indented block without a heading is an equation, as it is."""

from __future__ import annotations

import re

SECTION = re.compile(
    r"^(Args|Attributes|Example|Examples|Note|Raises|Returns|Yields|Parameters|Warning):$"
)


def equations(app, what, name, obj, options, lines: list[str]) -> None:
    """Marks indented blocks outside of the Google sections as literal, in place."""
    result, section, literal = [], False, False
    for k, line in enumerate(lines):
        indented, blank = line.startswith("    "), not line.strip()
        if not indented and not blank:
            section, literal = bool(SECTION.match(line)), False
        if indented and not section and not literal and k and not lines[k - 1].strip():
            result += ["::", ""]
            literal = True
        result.append(line)
    lines[:] = result
