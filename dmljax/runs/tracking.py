"""The trackers of a run: built before its set is read, opened with its key, dropped where one fails."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

from dmljax import config as configuration
from dmljax import fields, plugins, run_folder, writing
from dmljax.trackers import Start, Tracker
from dmljax.types import UserError

SECTION = "tracking"
SPARED = ("tensorboard",)  # may be missing, as it is there without being asked for


def check(config) -> None:
    """Raises UserError where a tracker's options are wrong, or its package is not installed."""
    for name in config.tracking.trackers:
        _start(config, name, lambda line: None)


def opened(config, run: Path, step: int, say: Callable[[str], None]) -> list[Tracker]:
    """The trackers of a run that begins, or goes on after so many steps.

    A service that fails later is left out from then on, and `say` is told: no training ends for it.

    Raises:
      UserError: a service refuses the run.
    """
    found = {name: start for name in config.tracking.trackers if (start := _start(config, name, say))}
    if not found:
        return []
    key, plain = _key(run, step), fields.flatten(configuration.trimmed(config))
    trackers = []
    for name, start in found.items():
        try:
            trackers.append(_guarded(name, start(run, key=key, step=step, config=plain), say))
        except Exception as error:  # of a service or its package
            raise UserError(
                f"{name} cannot be used: {_in_words(error)}; take it out, or see to it",
                parameter=f"{SECTION}.trackers",
            ) from error
    return trackers


def _start(config, name: str, say: Callable[[str], None]) -> Start | None:
    try:
        return plugins.load("trackers", name).build(**config.tracking.get(name, {}))
    except UserError as missing:
        if name not in SPARED:
            raise
        say(f"no {name}: {missing}")
        return None
    except (ValueError, TypeError) as error:
        raise UserError(f"{SECTION}.{name}.{error}") from error


def _key(run: Path, step: int) -> str:
    path = run / run_folder.TRACKING
    if step and path.exists():
        key = run_folder.read(path).get("key")
        if isinstance(key, str) and key.isalnum():
            return key
        raise UserError(f"'{path}' has no key; without the file the trackers show the run as a new one")
    key = uuid.uuid4().hex
    writing.as_json(path, {"key": key})
    return key


def _guarded(name: str, tracker: Tracker, say: Callable[[str], None]) -> Tracker:
    failed = False

    def tried(function):
        def call(*arguments):
            nonlocal failed
            if failed:
                return
            try:
                function(*arguments)
            except Exception as error:  # of a service or its package
                failed = True
                say(f"{name} gets no more numbers: {_in_words(error)}; train.jsonl has all")

        return call

    return Tracker(*map(tried, tracker))


def _in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
