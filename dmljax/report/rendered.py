"""Whether faces are rendered: what has to be said beside every number that comes of them."""

from __future__ import annotations

from dmljax import plugins


def is_rendered(dataset: str) -> bool:
    """Whether a set says of itself that its faces are nobody's; False for one that is not known here."""
    known = dataset in plugins.names("datasets")
    return known and getattr(plugins.load("datasets", dataset), "RENDERED", False)
