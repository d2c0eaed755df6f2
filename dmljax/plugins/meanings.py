"""What a plug-in's options mean: the entries under Args of the function that takes them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable

_ENTRY = re.compile(r"(\w+(?:, \w+)*): (.*)")


def meanings(function: Callable) -> dict[str, str]:
    """Parameter -> what its documentation says of it, as a sentence; without those that it leaves out, and
    empty where documentation is stripped (python -OO).

    Example:
      >>> from dmljax.optimizers import lion
      >>> meanings(lion.build)["keep"]
      'What the step keeps of the momentum.'
    """
    lines = iter((inspect.getdoc(function) or "").splitlines())
    if not any(line == "Args:" for line in lines):
        return {}
    found: dict[str, str] = {}
    names: list[str] = []
    for line in lines:
        if not line.startswith("  "):  # the section is over
            break
        entry = _ENTRY.fullmatch(line[2:])
        names = entry[1].split(", ") if entry else names
        for name in names:
            found[name] = entry[2] if entry else f"{found[name]} {line.strip()}"
    return {name: _sentence(text) for name, text in found.items()}


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."
