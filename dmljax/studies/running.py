"""A job that runs while others do, here or on a cluster: whether it is over, why it failed, its stop."""

from __future__ import annotations

import threading
from typing import Protocol

from dmljax.studies import engines
from dmljax.studies.engines import Job


class Running(Protocol):
    """A job that was started."""

    def over(self) -> bool:
        """Whether it has ended."""

    def reason(self) -> str:
        """Of one that is over, why it failed, or ''."""

    def stop(self) -> None:
        """Asks it to save and end; may be asked again."""


class Here:
    """A job in a process of this machine."""

    def __init__(self, job: Job):
        self._job, self._reason = job, ""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._reason = self._job()
        except OSError as error:  # no process can be started
            self._reason = str(error)

    def over(self) -> bool:
        return not self._thread.is_alive()

    def reason(self) -> str:
        return self._reason

    def stop(self) -> None:
        self._job.stop()


class Submitted:
    """A job of a cluster."""

    def __init__(self, handle):
        self._handle, self._stopped = handle, False

    def over(self) -> bool:
        return self._stopped or self._handle.done()

    def reason(self) -> str:
        return "stopped" if self._stopped else engines.complaint(self._handle)

    def stop(self) -> None:
        self._handle.cancel(check=False)
        self._stopped = True
