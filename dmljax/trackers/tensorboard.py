"""TensorBoard's event file, RUN/tensorboard."""

from __future__ import annotations

from dmljax import extras, run_folder
from dmljax.trackers import Start, Tracker


def build() -> Start:
    """The program of the package tensorboard shows all runs below a folder."""
    extras.require("tensorboard", "tensorboardX", purpose="TensorBoard")
    return _start


def _start(run, *, key, step, config) -> Tracker:
    del key, config
    from tensorboardX import SummaryWriter

    # of a step that comes once more, what was written first is not shown
    board = SummaryWriter(str(run / run_folder.BOARD), purge_step=step + 1)

    def scalars(step, numbers):
        for name, value in numbers.items():
            board.add_scalar(name, value, step)

    return Tracker(scalars, board.flush, board.close)
