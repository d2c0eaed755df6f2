"""Epoch after epoch of a training: steps, lines of the log, validation, early stop, checkpoints."""

from __future__ import annotations

import dataclasses
from functools import partial

import jax
import numpy as np

from dmljax import config as configuration
from dmljax.data import order
from dmljax.data.sampling import Sampler
from dmljax.metrics.scores import validation_scores
from dmljax.models.dmlnet import DMLNet
from dmljax.runs import record, resume, sets, together
from dmljax.runs.hooks import Hooks
from dmljax.runs.predict import Predictor
from dmljax.runs.profile import Profile
from dmljax.runs.stop import Stop
from dmljax.runs.timetable import Schedule
from dmljax.training.checkpoint import Checkpoints
from dmljax.training.devices import replicate, unreplicate
from dmljax.training.log import Log
from dmljax.training.step import SEED, TABLE, Program, conflict_step, train_step
from dmljax.types import AXIS, TOTAL


class Epochs:
    """A training that runs.

    Attributes:
      config: its configuration.
      data: its set.
      sampler: what draws the mini-batches of an epoch.
      times: its durations in steps.
      position: where it is; moved on as it runs, and saved with each checkpoint.
    """

    def __init__(
        self,
        config,
        data: sets.Set,
        sampler: Sampler,
        times: Schedule,
        position: resume.Position,
        *,
        net: DMLNet,
        program: Program,
        checkpoints: Checkpoints,
        log: Log,
        hooks: Hooks,
        profile: Profile,
    ):
        self.config, self.data, self.sampler, self.times = config, data, sampler, times
        self.position, self._checkpoints, self._log = position, checkpoints, log
        self._hooks, self._profile = hooks, profile
        # dispatched ahead, two steps hold memory at a time, and on a CPU little else is won
        self._waits = jax.default_backend() == "cpu"
        self._step = together.Agreed(
            jax.pmap(partial(train_step, program=program, axis_name=AXIS), axis_name=AXIS, donate_argnums=0)
        )
        self._conflicts = together.Agreed(
            jax.pmap(partial(conflict_step, program=program, axis_name=AXIS), axis_name=AXIS)
        )
        self._constant = {SEED: replicate(np.uint32(config.seed % 2**32))} | (
            {TABLE: replicate(data.feed.table)} if data.feed.table else {}
        )
        self._predictor = Predictor(net, data.feed) if len(data.split.validation) else None

    def run(self, state) -> int:
        """Epoch after epoch until the duration, early stop or a signal; returns the signal's number or 0."""
        at = self.position
        with Stop().listening() as stop:
            while not at.finished and at.step < self.times.whole and not stop.signal:
                state = self._one_epoch(state, stop)
            self._save("last", state)
        return stop.signal if not at.finished and at.step < self.times.whole else 0

    def _one_epoch(self, state, stop):
        config, at, times = self.config, self.position, self.times
        rows = order.steps(
            self.data.split.train[self.sampler.draw(at.epoch)],
            accumulate=config.data.accumulate,
            process=jax.process_index(),
            processes=jax.process_count(),
            local_devices=jax.local_device_count(),
        )
        # an epoch whose samples fill no step, such as one of few five-tuples; or one that another version
        # drew, and which had more steps when it was left
        if at.offset >= len(rows):
            at.epoch, at.offset, at.epoch_sum = at.epoch + 1, 0, 0.0
            stop.decide(logged=False)
            return state
        for batch in self.data.feed.batches(rows[at.offset :]):
            if times.conflicts and at.step % times.conflicts == 0:
                self._log_conflicts(state, batch)
            self._profile.before(at.step + 1)
            state, scalars = self._step(state, batch | self._constant)
            if self._waits:
                jax.block_until_ready(scalars)
            at.step, at.offset = at.step + 1, at.offset + 1
            self._profile.after(at.step, scalars)
            self._log.add(at.step, scalars)
            over = at.step >= times.whole
            logged = over or at.step % times.log == 0
            if logged:
                self._fetch()
                self._log.line(at.step, at.epoch)
            if at.offset == len(rows):
                self._end_of_epoch(state)
            if stop.decide(logged=logged) or over or at.finished:
                break
            if at.step % times.save == 0:
                self._save("last", state)
        return state

    def _log_conflicts(self, state, batch) -> None:
        found, at = self._conflicts(state, batch | self._constant), self.position
        numbers = {key: float(unreplicate(value)) for key, value in found.items()}
        self._log.record({"step": at.step + 1, "epoch": at.epoch, **numbers})

    def _fetch(self) -> None:
        fetched = self._log.fetch()
        self.position.epoch_sum += sum(scalars[TOTAL] for scalars in fetched)
        for step, scalars in enumerate(fetched, self.position.step - len(fetched) + 1):
            self._hooks.step(step, scalars)

    def _end_of_epoch(self, state) -> None:
        """Early stop and the best checkpoint, by the validation loss if people were held out, else by the
        training's.
        """
        self._fetch()
        at, patience = self.position, self.config.train.patience
        criterion = at.epoch_sum / at.offset
        at.epoch, at.offset, at.epoch_sum = at.epoch + 1, 0, 0.0
        told = {"loss": criterion}
        if self._predictor is not None:
            found = self._predictor(unreplicate(state.ema), self.data.split.validation)
            unit = self.config.losses.angles.delta
            scores = validation_scores(found, self.data.samples, unit=unit)
            if numbers := {f"validation/{name}": score for name, score in scores.items()}:
                self._log.record({"step": at.step, "epoch": at.epoch, **numbers})
            criterion = scores.get("loss", criterion)  # as without anybody held out, where no label is known
            told |= numbers
        self._hooks.epoch(at.epoch, told)
        if at.best is None or criterion < at.best - self.config.train.least_fall * abs(at.best):
            at.best, at.stale = criterion, 0
            self._save("best", state)
        else:
            at.stale += 1
            if patience and at.stale >= patience:
                at.finished = (
                    f"the loss has not fallen for {patience} epochs (early stop after epoch {at.epoch})"
                )

    def _save(self, kind: str, state) -> None:
        self._fetch()  # a loss that is not finite must not reach a checkpoint
        self._log.flush()  # what was logged before a checkpoint is not logged again after it
        self.position.window, self.position.log = self._log.window, self._log.digest()
        position = {
            "position": dataclasses.asdict(self.position),
            "config": configuration.trimmed(self.config),
            "set": sets.fingerprint(self.data.samples),
            record.MARKS: record.marks(self.data),
        }
        self._checkpoints.save(kind, self.position.step, unreplicate(state), position)
        self._hooks.save(kind, self.position.step, self._checkpoints.folder / kind / str(self.position.step))
        together.wait("a checkpoint is saved")  # in a step, others might not be waited for so long
