"""Pages: one HTML file that needs nothing else, readable on a phone and in the dark."""

from __future__ import annotations

import base64
import html
from pathlib import Path

from dmljax import writing

STYLE = """
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
h2{margin-top:2.2rem;border-bottom:1px solid #8884}
.wide{overflow-x:auto}
table{border-collapse:collapse;white-space:nowrap}
td,th{padding:.25rem .6rem;text-align:right;border-bottom:1px solid #8884}
td:first-child,th:first-child{text-align:left}
img.plot{max-width:100%;background:#fff;border-radius:6px;margin-top:1rem}
.faces{display:flex;flex-wrap:wrap;gap:.6rem}
figure{margin:0;width:7rem;font-size:.75rem;line-height:1.3;overflow-wrap:anywhere}
figure img{width:7rem;border-radius:4px;display:block}
.lost{color:#c33} .said{font-weight:600} pre{overflow-x:auto;font-size:.8rem} summary{cursor:pointer}
"""


def write(path: Path, title: str, *parts: str) -> Path:
    """Writes a page of parts that the functions below made."""
    writing.text(
        path,
        f"""<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width">
<title>{html.escape(title)}</title><style>{STYLE}</style><h1>{html.escape(title)}</h1>
{"".join(parts)}</html>
""",
    )
    return path


def heading(text: str, *, level: int = 2) -> str:
    return f'<h{level} id="{_anchor(text)}">{html.escape(text)}</h{level}>'


def contents(texts: list[str]) -> str:
    """Links to the headings with these texts."""
    return (
        "<ul>"
        + "".join(f'<li><a href="#{_anchor(text)}">{html.escape(text)}</a></li>' for text in texts)
        + "</ul>"
    )


def paragraph(text: str, *, lost: bool = False, strong: bool = False) -> str:
    """`lost`: something is missing or failed. `strong`: what the numbers say."""
    return f"<p{' class=lost' if lost else ' class=said' if strong else ''}>{html.escape(text)}</p>"


def table(rows: list[list[str]]) -> str:
    """A table of texts; the first row is the header."""
    cells = lambda row, tag: "".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in row)
    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows[1:])
    return f"<div class=wide><table><tr>{cells(rows[0], 'th')}</tr>{body}</table></div>"


def plot(path: Path, alt: str) -> str:
    """A picture of a file, or a line that it is missing."""
    if not path.is_file():
        return paragraph(f"no {path.name}: {alt} is not there", lost=True)
    return f'<div class=wide><img class=plot alt="{html.escape(alt)}" src="{_data(path.read_bytes())}"></div>'


def faces(shown: list[tuple[bytes, str]]) -> str:
    """Small pictures (PNG) with a line of text each."""
    return (
        "<div class=faces>"
        + "".join(
            f'<figure><img alt="{html.escape(text)}"'
            f' src="{_data(png)}"><figcaption>{html.escape(text)}</figcaption></figure>'
            for png, text in shown
        )
        + "</div>"
    )


def folded(title: str, text: str) -> str:
    """A long text behind its title."""
    return f"<details><summary>{html.escape(title)}</summary><pre>{html.escape(text)}</pre></details>"


def _anchor(text: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in text.lower())


def _data(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
