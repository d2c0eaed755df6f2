"""Trackio: a database file a project, and a dashboard of one's own."""

from __future__ import annotations

from functools import partial

from dmljax import extras
from dmljax.trackers import Start, Tracker


def build(*, project: str = "dmljax", space: str = "") -> Start:
    """A run of a project, which the program trackio shows; a training that is continued continues it.

    Args:
      project: in which the run is listed. Its file lies in the folder that the environment's TRACKIO_DIR
        names, or where trackio keeps files.
      space: a Space of Hugging Face, 'USER/NAME', to log to instead.

    Raises:
      ValueError: no project.
    """
    if not project:
        raise ValueError("project must be a name; it is empty")
    extras.require("trackers", "trackio", purpose="the tracker trackio")
    return partial(_start, project=project, space=space or None)


def _start(run, *, key, step, config, project, space) -> Tracker:
    del step
    import trackio

    logged = trackio.init(
        project=project,
        name=f"{run.name}-{key[:8]}",
        space_id=space,
        config=dict(config),
        resume="allow",
        embed=False,
        auto_log_cpu=False,
        auto_log_gpu=False,
    )
    return Tracker(
        lambda step, numbers: logged.log(dict(numbers), step=step),
        lambda: None,  # a thread writes twice a second
        logged.finish,
    )
