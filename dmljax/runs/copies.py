"""The copy here of a run's folder in a bucket: fetched before one works in it, and sent after.

Files are sent one by one. A checkpoint lies in the bucket once all of its files do and a mark after them; it
is removed there when a later one has taken its place. Nothing else is removed, and nobody has to agree with
anybody but two trainings: the one that began last goes on, and the other stops when it notices.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import jax

from dmljax import cache, run_folder
from dmljax.runs import aside, copy_state, lock, sent
from dmljax.runs.buckets import Bucket, Unreachable
from dmljax.runs.contents import contents, kind_of, replaced
from dmljax.runs.copy_state import NOTHING, Checkpoint, Known, State
from dmljax.runs.sent import Sent
from dmljax.types import UserError

INCOMING = "incoming"
TRIES = 3  # of a fetching, while a training removes checkpoints


class Copy:
    """The copy of a run's folder; a hook of its training.

    Args:
      url: of the folder.
      say: is told what has to be known.

    Attributes:
      place: a folder that holds the copy, and what belongs to it.
      folder: the copy.

    Raises:
      UserError: no folder in a bucket, or no user's cache.
    """

    def __init__(self, url: str, say: Callable[[str], None]):
        self.bucket, self._say = Bucket(url), say
        known = run_folder.digest(self.bucket.url.encode())[:12]
        process = f"-process{jax.process_index()}" if jax.process_index() else ""
        self.place = cache.default_folder("copies of runs") / "runs" / f"{known}{process}"
        self.folder = self.place / "copy" / PurePosixPath(self.bucket.url).name
        self._trainer = ""  # the name of this training

    def fetch(self, *, begins: bool = False, progress: bool) -> bool:
        """Brings the copy up to what lies in the bucket; what was made here and not sent yet stays.

        Where another training has begun since, what was not sent is put aside; and all of it, where nothing
        lies in the bucket any more.

        Args:
          begins: whether a training may begin anew; else nothing is done where nothing lies in the bucket.
          progress: show how far it is.

        Returns:
          whether anything lies in the bucket.

        Raises:
          Unreachable: it cannot be read.
        """
        for left in reversed(range(TRIES)):
            with lock.turn(self.place):
                there = sent.read(self.bucket)
                if not there.every and not begins:
                    return False
                state = self._prepared()
                if not there.every and (state.files or state.checkpoints):
                    self.bucket.check_writable()
                    aside.everything(self.folder, self.bucket.url, self._say)
                    state = NOTHING
                self._remove_replaced_here(state, there)
                if there.trainer != state.trainer:
                    aside.unsent(self.folder, self.bucket.url, there, state, self._say)
                aside.removed(self.folder, self.bucket.url, there, state, self._say)
                state = state._replace(trainer=there.trainer)
                state.write(self.place)
                try:
                    self._download(state, there, progress=progress)
                    return bool(there.every)
                except Unreachable:
                    if not left or self.bucket.files() == there.every:
                        raise
        raise AssertionError("the last try returns or raises")

    def begin(self, *, progress: bool) -> None:
        """Fetches, sends what an earlier start could not, and says in the bucket that this training is the
        one that goes on.

        Args:
          progress: show how far the fetching is.

        Raises:
          Unreachable: nothing can be written there.
        """
        for _ in range(TRIES):
            self.fetch(begins=True, progress=progress)
            if self.send():
                break
        else:
            raise Unreachable(f"'{self.bucket.url}': trainings begin there all the time; let one go on")
        self._trainer = sent.begin(self.bucket)
        with lock.turn(self.place):
            copy_state.read(self.place)._replace(trainer=self._trainer).write(self.place)
        self.fetch(begins=True, progress=progress)  # what the one before has sent in the meantime

    def send(self, *, checkpoints: bool = True) -> bool:
        """Sends what changed here since it was last the same.

        Args:
          checkpoints: these too; not while another process of this machine trains.

        Returns:
          whether all was sent; where another training has begun since, what it has may not be replaced.

        Raises:
          Unreachable: something cannot be sent.
          UserError: this is a training, and another one has begun since.
        """
        with lock.turn(self.place):
            self._check_trainer()
            state, here = copy_state.read(self.place), contents(self.folder)
            changed = [name for name, mark in here.files.items() if state.mark(name) != mark]
            new = (
                [one for one in here.checkpoints if state.is_made_here(one, here.checkpoints[one])]
                if checkpoints
                else []
            )
            is_ours = bool(self._trainer) or sent.trainer(self.bucket).get("name", "") == state.trainer
            if not is_ours:
                changed, new = self._untouched(changed, state), []
            if not changed and not new:
                return is_ours
            first = [name for name in changed if PurePosixPath(name).name == run_folder.CONFIG]
            self.bucket.put(first, self.folder)  # it says that the other files are a run's
            self.bucket.put([name for name in changed if name not in first], self.folder)
            there = self.bucket.files()
            for checkpoint in new:
                sizes = here.checkpoints[checkpoint]
                sent.send_checkpoint(self.bucket, self.folder, checkpoint, sizes, there, self._check_trainer)
            kinds = {kind_of(one) for one in new}
            sent.remove_replaced(self.bucket, kinds, here.checkpoints, there)
            there = self.bucket.files()
            same = {name: Known(there[name].version, here.files[name]) for name in changed if name in there}
            sent_now = {
                one: Checkpoint(there[f"{one}/{sent.WHOLE}"].version, here.checkpoints[one])
                for one in new
                if f"{one}/{sent.WHOLE}" in there
            }
            kept = {one: known for one, known in state.checkpoints.items() if one in here.checkpoints}
            State(state.trainer, state.files | same, kept | sent_now).write(self.place)
            return is_ours

    def _untouched(self, changed: list[str], state: State) -> list[str]:
        """Those that lie in the bucket as they did when they were last the same here, or not at all."""
        there = self.bucket.files()
        known = {name: state.files[name].version for name in changed if name in state.files}
        return [name for name in changed if name not in there or known.get(name) == there[name].version]

    def on_save(self, kind: str, step: int, folder: Path) -> None:
        """Sends after a checkpoint; where the bucket cannot be reached, with the next one."""
        try:
            self.send()
        except Unreachable as error:
            self._say(f"{error}; the {kind} checkpoint of step {step} is sent with the next one")

    def _check_trainer(self) -> None:
        if not self._trainer or (who := sent.trainer(self.bucket)).get("name") == self._trainer:
            return
        if not who:
            raise UserError(
                f"'{self.bucket.url}' was emptied, so this training stops; what it has made lies in"
                f" '{self.folder}'"
            )
        by = f" (process {who['process']} on {who['host']}, since {who['since']})" if "since" in who else ""
        raise UserError(
            f"another training has begun in '{self.bucket.url}'{by}, so this one stops; what it has not sent"
            f" lies in '{self.folder}'. Let one run train there at a time"
        )

    def _prepared(self) -> State:
        """What is known of the copy; one of which nothing is, where nobody has worked yet, is emptied."""
        if not (self.place / copy_state.FILE).exists():
            shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        return copy_state.read(self.place)

    def _remove_replaced_here(self, state: State, there: Sent) -> None:
        """Removes checkpoints here that were sent, and have been replaced there by later ones."""
        for checkpoint in contents(self.folder).checkpoints:
            was_sent = checkpoint in state.checkpoints
            if was_sent and checkpoint not in there.checkpoints and replaced(checkpoint, there.checkpoints):
                shutil.rmtree(self.folder / checkpoint)

    def _download(self, state: State, there: Sent, *, progress: bool) -> None:
        """Fetches files and checkpoints that are not here, or were changed there and not here.

        What is outdated here is removed, then noted as fetched, then replaced: whoever is killed in between
        fetches it again.
        """
        here = contents(self.folder)

        def outdated(name: str) -> bool:
            known = state.files.get(name)
            if name not in here.files:
                return True
            if known is None or known.mark != here.files[name]:  # it was made or changed here
                return False
            return known.version != there.files[name].version

        def lacking(one: str) -> bool:
            known = state.checkpoints.get(one)
            if one not in here.checkpoints:
                return not replaced(one, here.checkpoints)
            if known is None:  # it was made here
                return False
            return known.version != there.version(one) or here.checkpoints[one] != there.checkpoints[one]

        files = [name for name in there.files if outdated(name)]
        checkpoints = [one for one in there.checkpoints if lacking(one)]
        incoming = self.place / INCOMING
        shutil.rmtree(incoming, ignore_errors=True)
        parts = [name for one in checkpoints for name in there.checkpoints[one]]
        self.bucket.get([*files, *parts], incoming, progress=progress)
        for name in files:  # times tell whether an evaluation is later than the log
            if time := there.files[name].time:
                os.utime(incoming / name, (time, time))
            (self.folder / name).unlink(missing_ok=True)
        for one in checkpoints:
            shutil.rmtree(self.folder / one, ignore_errors=True)
        came = contents(incoming)
        known = {name: Known(there.files[name].version, came.files[name]) for name in files}
        same = {
            one: Checkpoint(there.version(one), sizes)
            for one, sizes in there.checkpoints.items()
            if one in checkpoints or (one in here.checkpoints and one in state.checkpoints)
        }
        state._replace(files=state.files | known, checkpoints=same).write(self.place)
        for name in [*checkpoints, *files]:
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (incoming / name).replace(self.folder / name)
        shutil.rmtree(incoming, ignore_errors=True)
