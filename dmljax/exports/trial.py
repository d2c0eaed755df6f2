"""Tries a file: its own runtime on pictures, in batches of one and of several, beside the source."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dmljax.exports.source import Source, of_predictions
from dmljax.inference.program import EMBEDDING, YAW
from dmljax.types import UserError

HALF_TURN = 180.0  # degrees
SEVERAL = 5  # images of one of the batches; the others have one, and all


def differences(
    source: Source, run: Callable[[np.ndarray], dict[str, np.ndarray]], pixels: np.ndarray
) -> dict[str, float]:
    """The largest absolute difference of each output, over all pictures and batches; nan where there is one.

    Args:
      source: what was exported.
      run: pixels uint8 [N, size, size, 3] -> outputs, by the file's runtime.
      pixels: as `run` takes them.

    Raises:
      UserError: the file returns other outputs, or of another shape.
    """
    expected = of_predictions(source.model.of_pixels(pixels), source.outputs)
    found = dict.fromkeys(source.outputs, 0.0)
    for size in dict.fromkeys((1, min(SEVERAL, len(pixels)), len(pixels))):
        got = run(pixels[:size])
        for name, shape in source.outputs.items():
            of = np.asarray(got[name]) if name in got else None
            if of is None or of.shape != (size, *shape):
                form = "nothing" if of is None else f"{list(of.shape)}"
                raise UserError(
                    f"the file returns {form} as '{name}' for {size} images, not {[size, *shape]}",
                    parameter="format",
                )
            apart = np.abs(of.astype(np.float64) - expected[name][:size]).max()
            found[name] = float(max(found[name], apart) if apart == apart else np.nan)
    return found


def refuse_above(limit: float, found: dict[str, float], runtime: str) -> None:
    """Raises UserError where a probability or the embedding differs by more than `limit`.

    The yaw, in degrees, is made of probabilities and has no limit of its own; angles of a head for them count
    in half turns.
    """
    share = lambda name: 1 / HALF_TURN if name.startswith("head_") else 1.0
    judged = {name: apart * share(name) for name, apart in found.items() if name != YAW}
    if all(apart <= limit for apart in judged.values()):
        return
    worst = max(judged, key=lambda name: judged[name] if judged[name] == judged[name] else np.inf)
    what = "the embedding" if worst == EMBEDDING else f"'{worst}'"
    raise UserError(
        f"{what} by {runtime} differs by {judged[worst]:.2g} from the run, more than {limit:g}; the file was"
        " removed: choose another format, or allow more",
        parameter="limit",
    )
