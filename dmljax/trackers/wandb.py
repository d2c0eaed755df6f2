"""Weights & Biases, on its servers or in files that `wandb sync` sends later."""

from __future__ import annotations

from functools import partial

from dmljax import extras
from dmljax.trackers import Start, Tracker

MODES = ("", "online", "offline", "disabled")


def build(*, project: str = "dmljax", entity: str = "", group: str = "", mode: str = "") -> Start:
    """A run of a project; a training that is continued continues it.

    Args:
      project: in which the run is listed.
      entity: user or team; empty: the account's own.
      group: runs of one group are shown together, as seeds of one configuration.
      mode: 'offline' writes to RUN/wandb, without a network; empty: as the environment's WANDB_MODE says.

    Raises:
      ValueError: an unknown mode, or no project.
    """
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(filter(None, MODES))}, or empty; got '{mode}'")
    if not project:
        raise ValueError("project must be a name; it is empty")
    extras.require("trackers", "wandb", purpose="the tracker wandb")
    return partial(_start, project=project, entity=entity or None, group=group or None, mode=mode or None)


def _start(run, *, key, step, config, **settings) -> Tracker:
    del step
    import wandb

    logged = wandb.init(
        id=key,
        name=run.name,
        dir=str(run),
        config=dict(config),
        resume="allow",
        reinit="create_new",
        settings=wandb.Settings(silent=True, console="off", disable_git=True),
        **settings,
    )
    # by this, numbers of a step that comes once more lie where the first ones do
    logged.define_metric("*", step_metric="step")
    return Tracker(
        lambda step, numbers: logged.log({"step": step, **numbers}),
        lambda: None,  # a process of its own writes and sends
        logged.finish,
    )
