"""The feeds by name. Both take the order of the samples as an array and keep to it."""

from __future__ import annotations

from dmljax.types import Samples, UserError

FEEDS = ("resident", "tfdata")


def build(name: str, samples: Samples, *, image_size: int, memory: str, progress: bool = True):
    """The feed `name` over `samples`; TensorFlow is imported only for 'tfdata'.

    Raises:
      UserError: an unknown name, or TensorFlow is asked for and not installed.
    """
    if name not in FEEDS:
        raise UserError(f"data.feed must be one of {', '.join(FEEDS)}, got '{name}'")
    if name == "resident":
        from dmljax.data.resident import ResidentFeed

        return ResidentFeed(samples, image_size=image_size, memory=memory, progress=progress)
    from dmljax.data.pipeline import TFDataFeed

    return TFDataFeed(samples, image_size=image_size, memory=memory, progress=progress)
