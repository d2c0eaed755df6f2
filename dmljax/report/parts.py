"""What is shown, in parts: headings, tables, sentences, pictures; as Markdown, CSV, HTML, text."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from dmljax import writing
from dmljax.report import page, tables


class Heading(NamedTuple):
    """The title of a section."""

    text: str


class Table(NamedTuple):
    """Texts, the header first; `title` where an item has several."""

    lines: list[list[str]]
    title: str = ""


class Text(NamedTuple):
    """A sentence; `lost`: something is missing or failed."""

    text: str
    lost: bool = False


class Finding(NamedTuple):
    """A sentence that says what the numbers mean; findings are also put at the top of a page of many
    sections.
    """

    text: str


class Picture(NamedTuple):
    """A PNG file, and what it shows, for whoever cannot see it."""

    path: Path
    alt: str


Part = Heading | Table | Text | Finding | Picture


def markdown(parts: list[Part], folder: Path) -> str:
    """Blocks of Markdown; pictures are linked from `folder`."""
    blocks = []
    for part in parts:
        if isinstance(part, Heading):
            blocks.append(f"## {part.text}")
        elif isinstance(part, Finding):
            blocks.append(f"- **{part.text}**")
        elif isinstance(part, Table):
            blocks += ([f"### {part.title}"] if part.title else []) + [tables.markdown(part.lines)]
        elif isinstance(part, Picture):
            blocks.append(f"![{part.alt}]({part.path.relative_to(folder).as_posix()})")
        else:
            blocks.append(f"- {part.text}")
    return "\n\n".join(blocks)


def html(parts: list[Part]) -> list[str]:
    """Pieces for `page.write`; pictures are put inside."""
    pieces = []
    for part in parts:
        if isinstance(part, Heading):
            pieces.append(page.heading(part.text))
        elif isinstance(part, Finding):
            pieces.append(page.paragraph(part.text, strong=True))
        elif isinstance(part, Table):
            pieces += ([page.heading(part.title, level=3)] if part.title else []) + [page.table(part.lines)]
        elif isinstance(part, Picture):
            pieces.append(page.plot(part.path, part.alt))
        else:
            pieces.append(page.paragraph(part.text, lost=part.lost))
    return pieces


def terminal(parts: list[Part]) -> str:
    """Tables with aligned columns, and sentences; an empty line before a heading."""
    lines = []
    for part in parts:
        if isinstance(part, Table):
            widths = [max(len(line[k]) for line in part.lines) for k in range(len(part.lines[0]))]
            lines += [part.title] if part.title else []
            lines += [
                "  ".join(
                    [line[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(line[1:], widths[1:]))]
                )
                for line in part.lines
            ]
        elif not isinstance(part, Picture):
            lines += [""] if lines and isinstance(part, Heading) else []
            lines.append(part.text)
    return "\n".join(lines)


def write_csv(parts: list[Part], path: Path) -> None:
    """All tables in one file, an empty line between them, titles above; nothing if there is none."""
    found = [([[part.title]] if part.title else []) + part.lines for part in parts if isinstance(part, Table)]
    if found:
        writing.table(path, [row for k, lines in enumerate(found) for row in ([[]] if k else []) + lines])
