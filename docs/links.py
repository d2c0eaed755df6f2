"""Looks for dead links in the built site: `python docs/links.py build/docs`; other people's are not tried."""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The links of a page, and the places that links may lead to."""

    def __init__(self, text: str):
        super().__init__()
        self.links: set[str] = set()
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("href", "src") and value:
                self.links.add(value)
            elif name in ("id", "name") and value:
                self.places.add(value)


def dead(folder: Path) -> list[str]:
    """'page: link' for every link to a file or place that is not there."""
    pages = {path.resolve(): Page(path.read_text(encoding="utf-8")) for path in folder.rglob("*.html")}
    found = []
    for path, page in pages.items():
        for link in sorted(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            place = unquote(parts.fragment)
            known = target not in pages or not place or place in pages[target].places
            if not target.exists() or not known:
                found.append(f"{path.relative_to(folder.resolve())}: {link}")
    if not pages:
        found.append(f"{folder} holds no page")
    return found


if __name__ == "__main__":
    lines = dead(Path(sys.argv[1]))
    print("\n".join(lines))
    sys.exit(bool(lines))
