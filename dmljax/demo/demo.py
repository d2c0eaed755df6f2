"""`demo`: a trained run as a page on this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dmljax import extras
from dmljax.demo import page, server, shown, training_side
from dmljax.demo.answers import Answers
from dmljax.demo.training_side import TrainingSide
from dmljax.inference.load import load
from dmljax.inference.model import Model
from dmljax.inference.of_run import OfRun
from dmljax.preparation import opening
from dmljax.report.rendered import is_rendered
from dmljax.runs import remote
from dmljax.types import UserError

PORT = 7860
COMPARED = 2000  # training images among which the nearest are looked for


def demo(
    run: str | Path,
    *,
    port: int = PORT,
    checkpoint: str = "last",
    flip: bool = False,
    calibrated: bool = True,
    neighbours: int = COMPARED,
    root: str = "",
    progress: bool = True,
    say: Callable[[str], None] = print,
) -> None:
    """Serves a page on which a trained run predicts photographs, at 127.0.0.1 alone, until it is interrupted.

    Beside expression, pose and yaw it shows the training people whose embeddings are nearest. Where the run's
    set is not there, it says so and does without them.

    Args:
      run: the folder of a training, or a StableHLO file that was exported, which has no neighbours.
      port: 0: any that is free.
      checkpoint, flip, calibrated: as of `load`.
      neighbours: training images at most among which the nearest are looked for, a random choice; 0: none.
      root: where the run's set lies, if not where its configuration says.
      progress: show how far the reading of training images is.
      say: is told where the page is, and what it lacks.

    Raises:
      UserError: no run, Gradio is not installed, the port is taken, or `root` is not the run's set.
    """
    if neighbours < 0:
        raise UserError(f"must be at least 0, got {neighbours}", parameter="neighbours")
    with server.kept_here():
        extras.require("demo", "gradio", purpose="the page")
        with server.bound(port) as bound:
            model = load(run, checkpoint=checkpoint, flip=flip, calibrated=calibrated)
            side, of_side = _side(model, run, neighbours, root, progress)
            say(of_side)
            head = shown.head(
                f"{page.TITLE}: {Path(run).resolve().name}", [*_told(model), of_side], _warning(model)
            )
            made = page.build(Answers(model), side, head)
            server.serve(made, bound, lambda: say(f"{server.address(bound)} (Ctrl-C ends it)"))


def _side(
    model: Model, run: str | Path, most: int, root: str, progress: bool
) -> tuple[TrainingSide | None, str]:
    """Where neighbours are looked for, and what is told of it."""
    if not most:
        return None, "Neighbours: none, as none were asked for."
    if not isinstance(model, OfRun):
        return None, "Neighbours: none, since an exported file does not know its training images."
    try:
        folder = remote.fetched(run, progress=progress)
        side = training_side.read(model, folder, most=most, root=root, progress=progress)
    except (UserError, OSError) as error:
        if root and getattr(error, "parameter", "") == "root":
            raise
        why = error.message if isinstance(error, UserError) else error
        return None, f"Neighbours: none, since the training images cannot be read: {why}"
    return side, f"Neighbours: {side.origin}."


def _told(model: Model) -> list[str]:
    """What the page says of itself and of the network."""
    classes = model.classes
    heads = {"expressions": classes.expression_names, "poses": classes.pose_names}
    has = ", ".join(f"{len(names)} {what}" for what, names in heads.items() if names)
    calibrated = "calibrated" if model.temperature else "as they are, not calibrated"
    mirrored = "; each face with its mirror image" if model.flip else ""
    return [
        f"Nothing leaves this machine: network and page run on it, the page at {server.HOST} alone, and"
        " photographs are removed when it ends. What a face shows is not what a person feels.",
        f"Network: step {model.step:,}, {has}, images of {model.image_size} pixels; probabilities"
        f" {calibrated}{mirrored}.",
    ]


def _warning(model: Model) -> str:
    """What somebody who tries photographs has to know first."""
    if isinstance(model, OfRun) and all(is_rendered(place.name) for place in opening.places(model.config)):
        return "It has seen rendered faces alone, and is wrong about most photographs."
    return ""
