"""The log of a run: JSON lines, what trackers get of them, a progress bar, words on the health."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import jax
import numpy as np

from dmljax import bars, run_folder, writing
from dmljax.trackers import Tracker
from dmljax.types import TOTAL, UserError

# Mean squared distance between embeddings, relative to their squared norm, below which they are one point.
COLLAPSED = 1e-4


class NonFinite(UserError):
    """A loss is not finite any more."""


class Log:
    """Collects the steps' scalars on the device and writes their means; `say` is told of a collapse, and of
    a log that has not the digest it had `before`, when the run was saved.
    """

    def __init__(
        self,
        run: Path,
        *,
        step: int,
        whole: int,
        normalised: bool,
        window: list[dict[str, float]] | None = None,
        before: str = "",
        trackers: Sequence[Tracker] = (),
        progress: bool = True,
        write: bool = True,
        say: Callable[[str], None] = print,
    ):
        self._path, self._write, self._normalised, self._say = run / run_folder.LOG, write, normalised, say
        self._pending: list[tuple[int, dict]] = []
        self.window: list[dict[str, float]] = list(window or [])  # scalars since the last line, a dict a step
        self._collapsed = False
        self._trackers = trackers
        if write:
            self._forget_after(step)
            if lost := lost_lines(run, before, step):
                say(lost)
        self.bar = bars.bar(
            total=whole, initial=step, unit="step", show=progress, desc="training", leave=True
        )
        self._started, self._from = time.monotonic(), step

    def _forget_after(self, step: int) -> None:
        """Lines of steps that a stopped run had logged after its last checkpoint are written again."""
        if self._path.exists():
            lines = [json.dumps(line) for line in run_folder.log(self._path.parent) if line["step"] <= step]
            writing.text(self._path, "".join(line + "\n" for line in lines))

    def digest(self) -> str:
        """Of what was logged; '' where nothing is written."""
        return _digest(self._path) if self._write else ""

    def add(self, step: int, scalars: dict[str, jax.Array]) -> None:
        """Remembers the scalars of the step that led to step number `step`, without waiting for them."""
        self._pending.append(
            (step, {key: value.addressable_shards[0].data for key, value in scalars.items()})
        )
        self.bar.update()

    def fetch(self) -> list[dict[str, float]]:
        """Waits for the steps added since the last call, and returns their scalars.

        Raises:
          NonFinite: a loss is not finite; the text names the loss, the step and where to look.
        """
        fetched = []
        for step, device_scalars in self._pending:
            scalars = {
                key: float(np.ravel(value)[0]) for key, value in jax.device_get(device_scalars).items()
            }
            bad = [key for key, value in scalars.items() if not math.isfinite(value)]
            if bad:
                raise NonFinite(_non_finite(bad, step, scalars))
            fetched.append(scalars)
        self._pending.clear()
        self.window += fetched
        return fetched

    def line(self, step: int, epoch: int) -> None:
        """Writes the means over the steps fetched since the last line."""
        if not self.window:
            return
        means = {key: float(np.mean([scalars[key] for scalars in self.window])) for key in self.window[0]}
        self.window.clear()
        seconds = time.monotonic() - self._started
        record = {
            "step": step,
            "epoch": epoch,
            "steps_per_second": float(f"{(step - self._from) / max(seconds, 1e-9):.6g}"),
            **means,
        }
        self.record(record)
        self.bar.set_postfix_str(
            " ".join(f"{key[5:]} {means[key]:.3f}" for key in means if key.startswith("loss/")), refresh=False
        )
        self._name_collapse(step, means)

    def record(self, record: dict) -> None:
        """Writes one JSON line, and gives its numbers to the trackers.

        Raises:
          UserError: the run folder is gone.
          OSError: it cannot be written; the error names the file.
        """
        if not self._write:
            return
        try:
            with open(self._path, "a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
        except FileNotFoundError:
            gone = f"'{self._path.parent}' was removed while the run was training; start it again"
            raise UserError(gone) from None
        except OSError as error:
            error.filename = error.filename or str(self._path)  # a full disk does not say for what
            raise
        numbers = {key: value for key, value in record.items() if isinstance(value, float)}
        for tracker in self._trackers:
            tracker.scalars(record["step"], numbers)

    def flush(self) -> None:
        """What was recorded is safe afterwards, with the trackers too."""
        for tracker in self._trackers:
            tracker.flush()

    def _name_collapse(self, step: int, means: dict[str, float]) -> None:
        if "embedding/spread" not in means:
            return
        scale = 1.0 if self._normalised else max(means["embedding/norm"] ** 2, 1e-12)
        collapsed = means["embedding/spread"] / scale < COLLAPSED
        if collapsed and not self._collapsed:
            self._say_above_the_bar(
                f"step {step}: the embedding has collapsed: all images lie within a mean squared distance of"
                f" {means['embedding/spread']:.1e} (norm {means['embedding/norm']:.2g}), where the triplet"
                " loss has no gradient. Lower optimizer.learning_rate, raise the margins, or weight the"
                " triplet loss less"
            )
        self._collapsed = collapsed

    def _say_above_the_bar(self, text: str) -> None:
        with bars.above():
            self._say(text)

    def close(self) -> None:
        """Ends the bar and the trackers."""
        self.bar.close()
        for tracker in self._trackers:
            tracker.close()


def lost_lines(run: Path, before: str, step: int) -> str:
    """What is to be said of a run's log that has not the digest it had `before`, at this step; or ''."""
    path = run / run_folder.LOG
    if not before or _digest(path) == before:
        return ""
    if not path.exists():
        return f"'{path}' is gone: what the run had logged until step {step} is lost"
    return f"'{path}' is not what the run had logged until step {step}: lines of it are lost"


def _digest(path: Path) -> str:
    return run_folder.digest(path.read_bytes()) if path.exists() else ""


def _non_finite(bad: list[str], step: int, scalars: dict[str, float]) -> str:
    named = next(
        (key for key in bad if key.startswith("loss/") and key not in (TOTAL, "loss/weighted")), bad[0]
    )
    around = ", ".join(
        f"{key}={scalars[key]:.3g}" for key in scalars if key.startswith(("loss/", "weight/", "gradient/"))
    )
    return (
        f"step {step}: {named} is not finite ({around}). Look at"
        " optimizer.learning_rate, optimizer.clip, losses.link ('none' has no lower bound) and"
        " weighting.dwa.literal"
    )
