"""Checkpoints by orbax: `last` to continue from, `best` to evaluate.

A checkpoint appears under its final name only when it is complete, so a run killed while saving continues
from the one before. Beside the state it holds where the run stands, the configuration it belongs to, and a
digest of all of it, by which it is checked when it is read. Who reads never writes: a training may be saving
into the same folder.
"""

from __future__ import annotations

import glob
import itertools
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from dmljax import extras, run_folder
from dmljax.training import digests
from dmljax.training.checkpoint_faults import check_readable, differences, first_line, why_not_written
from dmljax.training.quiet import quiet
from dmljax.types import CHECKPOINTS, UserError


class Saved(NamedTuple):
    """A checkpoint that was read and is whole.

    Attributes:
      step: optimizer steps taken.
      position: what was saved beside the state.
      arrays: the state's arrays by name, see `digests.named`.
    """

    step: int
    position: dict
    arrays: dict[str, np.ndarray]

    @property
    def averages(self) -> dict:
        """{'params', 'batch_stats'}: the moving averages of the weights."""
        return {"params": {}, "batch_stats": {}} | digests.branch(self.arrays, "ema")


class Damaged(UserError):
    """A checkpoint that is not what was saved.

    Attributes:
      step: its step.
    """

    def __init__(self, text: str, step: int):
        super().__init__(text)
        self.step = step


class Checkpoints:
    """The checkpoints of one run folder.

    Raises:
      UserError: orbax is not installed, or it cannot work in a folder of this name.
    """

    def __init__(self, run: Path):
        extras.require("checkpoints", "orbax.checkpoint", purpose="the checkpoints of a run")
        self.folder = Path(run).resolve() / run_folder.CHECKPOINTS
        if "\\" in str(self.folder):
            raise UserError(f"checkpoints cannot lie below a folder with a \\ in its name: '{self.folder}'")
        self._managers: dict[str, Any] = {}
        self._read_back = False

    def check_name(self) -> None:
        """Raises UserError where what is saved could not be read: orbax takes the path for a pattern."""
        if glob.has_magic(str(self.folder)):
            raise UserError(
                f"a run cannot be saved in '{self.folder.parent}': its path has one of * ? [, and its"
                " checkpoints could not be read back; give another folder",
                parameter="run",
            )

    def save(self, kind: str, step: int, state, position: dict) -> None:
        """Saves a state of NumPy arrays and a JSON-able position; the first checkpoint is read back once.

        Of several processes, which have the same state, the first one does it; others do nothing.

        Raises:
          UserError: it cannot be written, or not be read back; the checkpoint before stays.
        """
        if jax.process_index() > 0:
            return
        if not self.folder.parent.is_dir() or (kind in self._managers and not (self.folder / kind).is_dir()):
            raise UserError(
                f"'{self.folder / kind}' was removed while the run was training; step {step} is not saved."
                " Start it again, in this folder or another"
            )
        arrays = digests.named(state)
        try:
            with quiet():
                self._write(kind, step, state, position, arrays)
        except (OSError, ValueError, RuntimeError) as error:
            text = why_not_written(error, self.folder, sum(array.nbytes for array in arrays.values()))
            self._managers.pop(kind, None)
            self._remove_unfinished(kind)
            before = self.latest()
            kept = "there is none before it" if before is None else f"that of step {before} is kept"
            raise UserError(
                f"the checkpoint of step {step} cannot be written to '{self.folder / kind}': {text}; {kept}."
                " Then run the same command to continue"
            ) from error
        if not self._read_back:
            self.read(kind, step)
            self._read_back = True

    def _write(self, kind: str, step: int, state, position: dict, arrays: dict[str, np.ndarray]) -> None:
        import orbax.checkpoint as ocp

        if kind not in self._managers:
            options = ocp.CheckpointManagerOptions(
                max_to_keep=2 if kind == "last" else 1,
                create=False,
                enable_async_checkpointing=False,
                cleanup_tmp_directories=True,
                multiprocessing_options=_alone(),
            )
            (self.folder / kind).mkdir(parents=True, exist_ok=True)
            self._managers[kind] = ocp.CheckpointManager(self.folder / kind, options=options)
        manager = self._managers[kind]
        if step in manager.all_steps():
            return
        marks = {
            "position": digests.of_json([step, position]),
            "arrays": {name: digests.of_array(array) for name, array in arrays.items()},
        }
        items = {"position": ocp.args.JsonSave(position), "digests": ocp.args.JsonSave(marks)}
        manager.save(step, args=ocp.args.Composite(state=ocp.args.StandardSave(state), **items), force=True)
        manager.wait_until_finished()

    def _remove_unfinished(self, kind: str) -> None:
        for part in (self.folder / kind).glob("*.orbax-checkpoint-tmp*"):
            shutil.rmtree(part, ignore_errors=True)

    def steps(self, kind: str = "last") -> list[int]:
        """Steps of the complete checkpoints, the newest first.

        Raises:
          UserError: there is no such kind.
        """
        if kind not in CHECKPOINTS:
            raise UserError(f"checkpoint must be one of {', '.join(CHECKPOINTS)}; got '{kind}'")
        folder = self.folder / kind
        names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
        return sorted((int(name) for name in names if name.isascii() and name.isdecimal()), reverse=True)

    def latest(self, kind: str = "last") -> int | None:
        """The newest complete checkpoint's step, or None."""
        return next(iter(self.steps(kind)), None)

    def newest(self, kind: str = "last") -> Saved:
        """The newest checkpoint, also of a run that goes on and replaces it meanwhile.

        Raises:
          UserError: there is none.
          Damaged: it is not what was saved.
        """
        damaged: Damaged | None = None
        while (step := self.latest(kind)) is not None:
            if damaged is not None and damaged.step == step:
                raise damaged
            try:
                return self.read(kind, step)
            except Damaged as error:
                damaged = error
        others = [other for other in CHECKPOINTS if self.latest(other) is not None]
        advice = f"there is one in {others[0]}" if others else "train first, or give another run folder"
        raise UserError(
            f"no checkpoint in '{self.folder / kind}'; {advice}", parameter="checkpoint" if others else ""
        )

    def whole(self) -> tuple[Saved | None, list[Damaged]]:
        """The newest of `last` that is whole, None where nothing was saved yet, and what is newer and is not.

        Raises:
          UserError: there are checkpoints, and none is whole.
        """
        damaged: list[Damaged] = []
        for step in self.steps():
            try:
                return self.read("last", step), damaged
            except Damaged as error:
                damaged.append(error)
        if damaged:
            raise UserError(
                f"no checkpoint of '{self.folder.parent}' is whole: {'; '.join(map(str, damaged))}. Give"
                f" another folder, or remove '{self.folder}' to begin anew"
            )
        return None, damaged

    def set_aside(self, step: int) -> Path:
        """Moves a damaged checkpoint of `last` out of the way; returns where it lies now."""
        aside = self.folder / f"damaged_{step}"
        for number in itertools.count(2):
            if not aside.exists():
                break
            aside = self.folder / f"damaged_{step}_{number}"
        (self.folder / "last" / str(step)).rename(aside)
        return aside

    def read(self, kind: str, step: int) -> Saved:
        """Reads a checkpoint and checks it by its digests; one of an older version may have none.

        Raises:
          UserError: a file may not be read.
          Damaged: it is not what was saved.
        """
        import orbax.checkpoint as ocp

        folder = self.folder / kind / str(step)
        check_readable(folder)
        items = {"state": ocp.args.StandardRestore(), "position": ocp.args.JsonRestore()}
        if (folder / "digests").exists():
            items["digests"] = ocp.args.JsonRestore()
        try:
            how = ocp.CompositeOptions(multiprocessing_options=_alone())
            handler = ocp.CompositeCheckpointHandler(composite_options=how)
            with quiet(), ocp.Checkpointer(handler, multiprocessing_options=_alone()) as reader:
                found = reader.restore(folder, args=ocp.args.Composite(**items))
            saved = Saved(step, dict(found["position"]), digests.named(found["state"]))
            different = differences(*saved, found["digests"]) if "digests" in items else []
        except MemoryError:
            raise
        except Exception as error:  # damaged files make the libraries fail in any way
            raise Damaged(f"the checkpoint '{folder}' cannot be read: {first_line(error)}", step) from error
        if different:
            more = f" and {len(different) - 3} more" if len(different) > 3 else ""
            named = f"{', '.join(different[:3])}{more}"
            raise Damaged(f"the checkpoint '{folder}' is damaged: {named} differ from what was saved", step)
        return saved

    def close(self) -> None:
        """Ends the managers' threads."""
        for manager in self._managers.values():
            manager.close()
        self._managers.clear()


def _alone():
    """A process of several writes and reads by itself: each may have a folder of its own."""
    import orbax.checkpoint as ocp

    process = jax.process_index()
    return ocp.options.MultiprocessingOptions(
        primary_host=process, active_processes={process}, barrier_sync_key_prefix=f"process{process}"
    )
