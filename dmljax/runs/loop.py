"""The training loop: opens the set, runs the step, logs, saves, continues."""

from __future__ import annotations

import dataclasses
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dmljax import config as configuration
from dmljax import run_folder
from dmljax.data import order
from dmljax.metrics.scores import validation_scores
from dmljax.runs import assemble, record, resume, sets, together
from dmljax.runs.predict import Predictor
from dmljax.runs.stop import Stop
from dmljax.training import digests
from dmljax.training import state as states
from dmljax.training.checkpoint import Checkpoints
from dmljax.training.devices import replicate, set_up_compiler, unreplicate
from dmljax.training.log import Log, NonFinite
from dmljax.training.step import SEED, TABLE, conflict_step, train_step
from dmljax.types import AXIS, TOTAL, UserError


class Trained(NamedTuple):
    """A training that is over, or was stopped.

    Attributes:
      run: its folder.
      signal: number of the signal that stopped it (2 for Ctrl-C), 0 if it is done. What was reached is saved;
        the same call continues.
    """

    run: Path
    signal: int = 0


def train(config, run: str | Path, *, progress: bool = True, say: Callable[[str], None] = print) -> Trained:
    """Trains a run, or continues it where its folder holds one.

    With `split.fold` = -1 one run per fold is trained, in RUN/fold_0, RUN/fold_1, ...

    Args:
      config: a resolved configuration, as `dmljax.get_config` returns it.
      run: the folder for config.json, split.json, train.jsonl, tensorboard/ and checkpoints/.
      progress: show a progress bar.
      say: is told what happens on the way; of several processes, that of the first one.

    Raises:
      UserError: whatever the user can change: a wrong field, a set that is not there, a folder that holds
        another run, a loss that is not finite.
      TypeError: what is given is no configuration.

    Example:
      >>> import dmljax
      >>> config = dmljax.get_config("quick", {"train.duration": "3 epochs"})
      >>> dmljax.train(config, "runs/quick", progress=False, say=lambda line: None)
      Trained(run=PosixPath('runs/quick'), signal=0)
    """
    configuration.check_kind(config)
    set_up_compiler(training=True)  # before JAX is asked for anything
    say = say if jax.process_index() == 0 else (lambda _: None)
    run = run_folder.named(run)
    runs, signalled = sets.folds(config, run), 0
    for k, (config, folder) in enumerate(runs):
        if len(runs) > 1:
            say(f"fold {k + 1} of {len(runs)}: {folder}")
        signalled = _train_one(config, folder, progress=progress, say=say)
        if signalled:
            break
    return Trained(run, signalled)


def _train_one(config, run: Path, *, progress: bool, say: Callable[[str], None]) -> int:
    """Trains the run of one split; returns the number of the signal that stopped it, or 0."""
    with together.holding(run, say):
        reading = resume.check_same(run, config)
        checkpoints = Checkpoints(run)
        checkpoints.check_name()
        try:
            return _in_its_folder(config, reading, run, checkpoints, progress=progress, say=say)
        finally:
            checkpoints.close()


def _in_its_folder(config, reading, run: Path, checkpoints: Checkpoints, *, progress: bool, say) -> int:
    """Trains; `reading` is the configuration to open the set with, see `resume.check_same`."""
    main = jax.process_index() == 0
    data = sets.open_set(reading, progress=progress and main)
    say(sets.describe(data, config))
    tuples, report = _epoch(config, data, 0)
    say(f"first epoch: {report}")
    per_step = config.data.tuples_per_step * config.data.accumulate
    order.check_divides(config.data.tuples_per_step, jax.device_count())
    order.check_tuples(data.samples, data.split.train, tuples, report, per_step)
    position, arrays = resume.from_checkpoint(checkpoints, config, data, say)
    times = assemble.schedule(config, len(tuples) // per_step, began=position.began)
    if position.began != config.train.duration:
        say(f"rates and phases stay those of the {position.began} with which the run began")
    if position.finished or position.step >= times.whole:
        if main:
            record.write_sides(run, data)
        say(f"'{run}' is already finished: {position.finished or f'{position.step} steps are done'}")
        return 0
    net = assemble.network(config, data.samples)
    program = assemble.program(config, data.samples, net, times)
    state = _state(config, net, program, arrays, say)
    if main:
        record.write_record(run, config, data)
    step = together.Agreed(
        jax.pmap(partial(train_step, program=program, axis_name=AXIS), axis_name=AXIS, donate_argnums=0)
    )
    conflicts = together.Agreed(
        jax.pmap(partial(conflict_step, program=program, axis_name=AXIS), axis_name=AXIS)
    )
    log = Log(
        run,
        step=position.step,
        whole=times.whole,
        window=position.window,
        before=position.log,
        normalised=config.losses.normalise,
        progress=progress and main,
        write=main,
        say=say,
    )
    try:
        signalled = _Loop(config, data, times, net, checkpoints, log, position, conflicts).run(
            step, replicate(state)
        )
    except NonFinite as error:
        raise UserError(f"{error}. {resume.after_a_failure(run, checkpoints)}") from None
    finally:
        log.close()
    if signalled:
        say(
            f"stopped by {signal.Signals(signalled).name} at step {position.step}, saved; run the same"
            " command to continue"
        )
    elif position.finished:
        say(f"finished at step {position.step} of {times.whole}: {position.finished}")
    return signalled


def _state(config, net, program, arrays, say):
    """The state before the first step, or with the arrays of a checkpoint."""
    size = config.data.image_size
    variables = jax.jit(partial(net.init, train=False))(
        jax.random.key(config.seed), jnp.zeros((1, size, size, 3))
    )
    if config.init.run and arrays is None:
        variables = resume.from_another(config, variables, say)
    state = states.create(variables, program.optimizer, program.weighting, tuple(program.terms))
    return state if arrays is None else digests.filled(state, arrays)


def _epoch(config, data, epoch: int):
    return order.epoch_tuples(
        data.samples, data.split.train, seed=config.seed, epoch=epoch, leftovers=config.data.leftovers
    )


class _Loop:
    """The parts of a running training."""

    def __init__(self, config, data, times, net, checkpoints, log, position, conflicts):
        self.config, self.data, self.times, self.net = config, data, times, net
        self.checkpoints, self.log, self.position, self.conflicts = checkpoints, log, position, conflicts
        self.constant = {SEED: replicate(np.uint32(config.seed % 2**32))} | (
            {TABLE: replicate(data.feed.table)} if data.feed.table else {}
        )
        self.predictor = Predictor(net, data.feed) if len(data.split.validation) else None

    def run(self, step, state) -> int:
        """Epoch after epoch until the duration, early stop or a signal; returns the signal's number or 0."""
        at = self.position
        with Stop().listening() as stop:
            while not at.finished and at.step < self.times.whole and not stop.signal:
                state = self._one_epoch(step, state, stop)
            self._save("last", state)
        return stop.signal if not at.finished and at.step < self.times.whole else 0

    def _one_epoch(self, step, state, stop):
        config, at, times = self.config, self.position, self.times
        tuples, _ = _epoch(config, self.data, at.epoch)
        rows = order.steps(
            tuples,
            tuples_per_step=config.data.tuples_per_step,
            accumulate=config.data.accumulate,
            process=jax.process_index(),
            processes=jax.process_count(),
            local_devices=jax.local_device_count(),
        )
        for batch in self.data.feed.batches(rows[at.offset :]):
            if times.conflicts and at.step % times.conflicts == 0:
                found = self.conflicts(state, batch | self.constant)
                self.log.record(
                    {
                        "step": at.step + 1,
                        "epoch": at.epoch,
                        **{key: float(unreplicate(value)) for key, value in found.items()},
                    }
                )
            state, scalars = step(state, batch | self.constant)
            at.step, at.offset = at.step + 1, at.offset + 1
            self.log.add(at.step, scalars)
            over = at.step >= times.whole
            logged = over or at.step % times.log == 0
            if logged:
                self._fetch()
                self.log.line(at.step, at.epoch)
            if at.offset == len(rows):
                self._end_of_epoch(state)
            if stop.decide(logged=logged) or over or at.finished:
                break
            if at.step % times.save == 0:
                self._save("last", state)
        return state

    def _fetch(self) -> None:
        self.position.epoch_sum += sum(scalars[TOTAL] for scalars in self.log.fetch())

    def _end_of_epoch(self, state) -> None:
        """Early stop and the best checkpoint, by the validation loss if people were held out, else by the
        training's.
        """
        self._fetch()
        at, patience = self.position, self.config.train.patience
        criterion = at.epoch_sum / at.offset
        at.epoch, at.offset, at.epoch_sum = at.epoch + 1, 0, 0.0
        if self.predictor is not None:
            found = self.predictor(unreplicate(state.ema), self.data.split.validation)
            scores = validation_scores(found, self.data.samples)
            self.log.record(
                {"step": at.step, "epoch": at.epoch, **{f"validation/{k}": v for k, v in scores.items()}}
            )
            criterion = scores["loss"]
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
        self.log.flush()  # what was logged before a checkpoint is not logged again after it
        self.position.window, self.position.log = self.log.window, self.log.digest()
        position = {
            "position": dataclasses.asdict(self.position),
            "config": configuration.trimmed(self.config),
            "set": sets.fingerprint(self.data.samples),
            record.MARKS: record.marks(self.data),
        }
        self.checkpoints.save(kind, self.position.step, unreplicate(state), position)
