"""Trainings put together: opens the set, builds the parts or reads them back, runs the epochs."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dmljax import config as configuration
from dmljax import config_unread
from dmljax.data import order
from dmljax.runs import (
    assemble,
    decided,
    fine_tuning,
    record,
    remote,
    resume,
    sets,
    timetable,
    together,
    tracking,
    weights,
)
from dmljax.runs import profile as profiles
from dmljax.runs.epochs import Epochs
from dmljax.runs.hooks import Hooks
from dmljax.training import digests, norms
from dmljax.training import state as states
from dmljax.training.checkpoint import Checkpoints
from dmljax.training.devices import once, replicate, set_up_process
from dmljax.training.log import Log, NonFinite, lost_lines
from dmljax.types import UserError


class Trained(NamedTuple):
    """A training that is over, or was stopped.

    Attributes:
      run: its folder, or the copy here of one in a bucket.
      signal: number of the signal that stopped it (2 for Ctrl-C), 0 if it is done. What was reached is saved;
        the same call continues.
    """

    run: Path
    signal: int = 0


def train(
    config,
    run: str | Path,
    *,
    hooks: Iterable[Any] = (),
    progress: bool = True,
    say: Callable[[str], None] = print,
) -> Trained:
    """Trains a run, or continues it where its folder holds one.

    With `split.fold` = -1 one run per fold is trained, in RUN/fold_0, RUN/fold_1, ...

    Args:
      config: a resolved configuration, as `dmljax.get_config` returns it.
      run: the folder for config.json, split.json, train.jsonl, tensorboard/ and checkpoints/; or the URL of
        one in a bucket, to which it is sent with each checkpoint, see `runs.remote`.
      hooks: objects of the caller's own with any of the methods on_step, on_epoch and on_save, see
        `dmljax.runs.hooks.Hooks`; of several processes, the first one calls them.
      progress: show a progress bar.
      say: is told what happens on the way; of several processes, that of the first one.

    Raises:
      UserError: whatever the user can change: a wrong field, a set that is not there, a folder that holds
        another run, a loss that is not finite.
      TypeError: what is given is no configuration, or a hook has none of the methods.

    Example:
      >>> import dmljax
      >>> config = dmljax.get_config("quick", {"train.duration": "3 epochs"})
      >>> dmljax.train(config, "runs/quick", progress=False, say=lambda line: None)
      Trained(run=PosixPath('runs/quick'), signal=0)
    """
    configuration.check_kind(config)
    called = Hooks(hooks)
    set_up_process(training=True)  # before JAX is asked for anything
    if jax.process_index() > 0:
        say, called = (lambda _: None), Hooks()
    with remote.training(run, say, progress=progress) as at:
        runs, signalled = sets.folds(config, at.folder), 0
        for k, (config, folder) in enumerate(runs):
            if len(runs) > 1:
                say(f"fold {k + 1} of {len(runs)}: {folder}")
            signalled = _train_one(config, folder, called.and_also(at.hooks), progress=progress, say=say)
            if signalled:
                break
    return Trained(at.folder, signalled)


def _train_one(config, run: Path, hooks: Hooks, *, progress: bool, say: Callable[[str], None]) -> int:
    """Trains the run of one split; returns the number of the signal that stopped it, or 0."""
    with together.holding(run, say):
        reading = resume.check_same(run, config)
        checkpoints = Checkpoints(run)
        checkpoints.check_name()
        try:
            return _in_its_folder(config, reading, run, checkpoints, hooks, progress=progress, say=say)
        finally:
            checkpoints.close()


def _in_its_folder(
    config, reading, run: Path, checkpoints: Checkpoints, hooks: Hooks, *, progress: bool, say
) -> int:
    """Trains; `reading` is the configuration to open the set with, see `resume.check_same`."""
    main = jax.process_index() == 0
    assemble.check(config)
    tracking.check(config)
    for line in config_unread.idle(config):
        say(line)
    profile = profiles.Profile(run, config.train.profile)
    resume.check_start(checkpoints, config)
    data = sets.open_set(
        reading,
        progress=progress and main,
        check=lambda samples, split: _decided(config, samples, split),
    )
    say(sets.describe(data, config))
    with sets.telling_skipped(data.samples):
        found = _decided(config, data.samples, data.split)
    for line in (*found.weaker, *found.told, f"first epoch: {found.sampler.told}"):
        say(line)
    per_epoch = len(found.sampler.draw(0)) // config.data.accumulate
    position, arrays = resume.from_checkpoint(checkpoints, config, data, say)
    times = timetable.schedule(config, per_epoch, began=position.began)
    if position.finished or position.step >= times.whole:
        if main:
            record.restore(run, data, decided.record(found))
            if lost := lost_lines(run, position.log, position.step):
                say(lost)
        say(f"'{run}' is already finished: {position.finished or f'{position.step} steps are done'}")
        return 0
    if arrays is not None:
        say(f"continuing at step {position.step} of '{run}'")
    if missed := profile.missed(times.whole):
        say(missed)
    if line := fine_tuning.told(config):
        say(line)
    for line in timetable.too_long(config, times, assemble.loss_options(config, found)):
        say(line)
    if position.began != config.train.duration:
        say(f"rates and phases stay those of the {position.began} with which the run began")
    net = assemble.network(config, record.classes_of(data))
    program = assemble.program(config, data.samples, net, times, found, data.split.train)
    state = _state(config, net, program, arrays, say)
    if main:
        record.write_record(run, config, data, decided.record(found))
        if arrays is None:
            weights.record(config, run)
    log = _log(config, run, times, position, progress=progress and main, say=say)
    try:
        epochs = Epochs(
            config,
            data,
            found.sampler,
            times,
            position,
            net=net,
            program=program,
            checkpoints=checkpoints,
            log=log,
            hooks=hooks,
            profile=profile,
        )
        with profile.whole():
            signalled = epochs.run(replicate(state))
    except NonFinite as error:
        raise UserError(f"{error}. {resume.after_a_failure(run, checkpoints)}") from None
    finally:
        log.close()
    if line := _ended(signalled, position, times.whole):
        say(line)
    return signalled


def _log(config, run: Path, times: timetable.Schedule, position: resume.Position, *, progress: bool, say):
    """The log of a run that begins or goes on, with its trackers; the first process writes it."""
    main = jax.process_index() == 0
    return Log(
        run,
        step=position.step,
        whole=times.whole,
        window=position.window,
        before=position.log,
        trackers=tracking.opened(config, run, position.step, say) if main else (),
        normalised=config.losses.normalise,
        progress=progress,
        write=main,
        say=say,
    )


def _ended(signalled: int, position: resume.Position, whole: int) -> str:
    """What is told of a training that was stopped or has come to an early end; else ''."""
    if signalled:
        return (
            f"stopped by {signal.Signals(signalled).name} at step {position.step}, saved; run the same"
            " command to continue"
        )
    return f"finished at step {position.step} of {whole}: {position.finished}" if position.finished else ""


def _decided(config, samples, split) -> decided.Decided:
    """What the labels decide; refused are mini-batches that cannot be shared among the devices, groups of
    these that are not whole, and mixing that leaves no image to the other losses.
    """
    found = decided.decide(config, samples, split)
    drawing = found.sampler
    order.check_divides(drawing.size, jax.device_count(), together=drawing.together, field=drawing.size_field)
    norms.check(assemble.norm_group(config.model), jax.device_count())
    assemble.mixing(config, assemble.loss_options(config, found))
    return found


def _state(config, net, program, arrays, say):
    """The state before the first step, or with the arrays of a checkpoint."""
    size = config.data.image_size
    variables = once(partial(net.init, train=False))(
        jax.random.key(config.seed), jnp.zeros((1, size, size, 3))
    )
    if config.init.run and arrays is None:
        variables = resume.from_another(config, variables, say)
    if config.init.weights and arrays is None:
        variables = weights.from_file(config, variables, say)
    state = states.create(variables, program.optimizer, program.weighting, tuple(program.terms))
    return state if arrays is None else digests.filled(state, arrays)
