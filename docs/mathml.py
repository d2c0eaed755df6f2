"""Equations as MathML, which browsers draw themselves: the site needs no network."""

from __future__ import annotations

import html

from docutils import nodes
from latex2mathml.converter import convert


def inline(writer, node) -> None:
    writer.body.append(convert(node.astext()))
    raise nodes.SkipNode


def block(writer, node) -> None:
    writer.body.append(f'<div class="equation" title="{html.escape(node.astext())}">')
    writer.body.append(convert(node.astext(), display="block") + "</div>\n")
    raise nodes.SkipNode
