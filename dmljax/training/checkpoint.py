"""Checkpoints by orbax: `last` to continue from, `best` to evaluate.

A checkpoint appears under its final name only when it is complete, so a run killed while saving continues
from the one before. Beside the state it holds where the run stands and the configuration it belongs to.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import logging
import shutil
import sys
import threading
import time
from pathlib import Path

import jax
import numpy as np

from dmljax import extras
from dmljax.types import CHECKPOINTS, UserError

extras.require("checkpoints", "orbax.checkpoint", purpose="the checkpoints of a run")
import orbax.checkpoint as ocp  # noqa: E402  (asked for first)

SETTLE_S = 1.0  # after a failed save: silence for so long means that no write is under way any more


class Checkpoints:
    """The checkpoints of one run folder."""

    def __init__(self, run: Path):
        self.folder = Path(run).resolve() / "checkpoints"
        self._managers: dict[str, ocp.CheckpointManager] = {}

    def _manager(self, kind: str) -> ocp.CheckpointManager:
        if kind not in self._managers:
            options = ocp.CheckpointManagerOptions(
                max_to_keep=2 if kind == "last" else 1,
                enable_async_checkpointing=False,
                cleanup_tmp_directories=True,
            )
            self._managers[kind] = ocp.CheckpointManager(self.folder / kind, options=options)
        return self._managers[kind]

    def save(self, kind: str, step: int, state, position: dict) -> None:
        """Saves a state of NumPy arrays and a JSON-able position.

        Raises:
          UserError: it cannot be written; the checkpoint before stays.
        """
        try:
            with _quiet():
                self._write(kind, step, state, position)
        except (OSError, ValueError, RuntimeError) as error:
            self._managers.pop(kind, None)
            self._remove_unfinished(kind)
            raise UserError(
                f"the checkpoint of step {step} cannot be written to '{self.folder / kind}':"
                f" {_reason(error)}; the checkpoint before it is whole: make room there and run the same"
                " command to continue"
            ) from error

    def _write(self, kind: str, step: int, state, position: dict) -> None:
        manager = self._manager(kind)
        if step in manager.all_steps():
            return
        args = ocp.args.Composite(state=ocp.args.StandardSave(state), position=ocp.args.JsonSave(position))
        manager.save(step, args=args, force=True)
        manager.wait_until_finished()

    def _remove_unfinished(self, kind: str) -> None:
        for part in (self.folder / kind).glob("*.orbax-checkpoint-tmp*"):
            shutil.rmtree(part, ignore_errors=True)

    def latest(self, kind: str = "last") -> int | None:
        """The newest complete checkpoint's step, or None.

        Raises:
          UserError: there is no such kind.
        """
        if kind not in CHECKPOINTS:
            raise UserError(f"checkpoint must be one of {', '.join(CHECKPOINTS)}; got '{kind}'")
        if not (self.folder / kind).is_dir():
            return None
        return self._manager(kind).latest_step()

    def position(self, kind: str = "last") -> dict:
        """The position saved with the newest checkpoint."""
        return dict(self._restore(kind, position=ocp.args.JsonRestore())["position"])

    def restore(self, kind: str, like):
        """The newest state, with the structure, shapes and dtypes of `like`."""
        template = jax.tree.map(lambda x: np.empty(x.shape, x.dtype), like)
        return self._restore(kind, state=ocp.args.StandardRestore(template))["state"]

    def averages(self, kind: str) -> dict:
        """{'params', 'batch_stats'}: the newest moving averages, of whatever network it was."""
        return self._restore(kind, state=ocp.args.StandardRestore())["state"]["ema"]

    def _restore(self, kind: str, **items):
        step = self.latest(kind)
        if step is None:
            raise UserError(
                f"no checkpoint in '{self.folder / kind}'; train first, or give another run folder"
            )
        try:
            return self._manager(kind).restore(step, args=ocp.args.Composite(**items))
        except (OSError, ValueError, KeyError) as error:
            raise UserError(
                f"the checkpoint '{self.folder / kind / str(step)}' cannot be read: {_reason(error)}"
            ) from error

    def close(self) -> None:
        """Ends the managers' threads."""
        for manager in self._managers.values():
            manager.close()
        self._managers.clear()


@contextlib.contextmanager
def _quiet():
    """Silence for one save. Orbax reports every save at length, and after a failed one the writes that are
    still under way print their own tracebacks. What matters of either is raised and told once.
    """
    heard = [time.monotonic()]
    note = lambda _: heard.append(time.monotonic())
    loggers = [logging.getLogger(name) for name in ("absl", "asyncio", "concurrent.futures")]
    levels = [logger.level for logger in loggers]
    hooks = threading.excepthook, sys.unraisablehook
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    threading.excepthook = sys.unraisablehook = note
    try:
        yield
    except Exception:
        gc.collect()  # tasks that failed speak when they are collected
        while time.monotonic() < heard[-1] + SETTLE_S:
            time.sleep(0.05)
        raise
    finally:
        threading.excepthook, sys.unraisablehook = hooks
        for logger, level in zip(loggers, levels):
            logger.setLevel(level)


def _reason(error: BaseException) -> str:
    text = str(error)
    if getattr(error, "errno", None) == errno.ENOSPC or "No space left" in text:
        return "no space left on the device"
    return text.splitlines()[0][:200] if text else type(error).__name__
