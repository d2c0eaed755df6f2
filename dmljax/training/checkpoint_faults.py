"""What is wrong with a checkpoint: what differs from what was saved, why one cannot be read or written."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import jax
import numpy as np

from dmljax.training import digests
from dmljax.types import UserError

_LONGEST = 200  # characters of a line that is quoted
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def differences(step: int, position: dict, arrays: dict[str, np.ndarray], marks: dict) -> list[str]:
    """What is not as its digest says, by name."""
    now = {name: digests.of_array(array) for name, array in arrays.items()}
    then = marks["arrays"]
    changed = [name for name in sorted(now.keys() | then.keys()) if now.get(name) != then.get(name)]
    same = digests.of_json([step, position]) == marks["position"]
    return ([] if same else ["its position"]) + changed


def check_readable(folder: Path) -> None:
    """A file that may not be read is no damage. What vanishes meanwhile is told by reading it."""
    for path in folder.rglob("*"):
        try:
            if path.is_file():
                path.open("rb").close()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise UserError(f"'{path}' cannot be read: {error.strerror or error}") from None


def why_not_written(error: BaseException, folder: Path, size: int) -> str:
    """Why a checkpoint of `size` bytes could not be written, and what to do.

    Not every library's error says that the disk is full; so the disk is asked as well.
    """
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None:
        chain, link = [*chain, link], link.__cause__ or link.__context__
    if jax.process_count() > 1 and any(isinstance(link, jax.errors.JaxRuntimeError) for link in chain):
        said = first_line(error)
        return (
            f"another process of the run has ended or does not answer ({said}); end what is left of the run"
        )
    there = next((parent for parent in (folder, *folder.parents) if parent.exists()), folder)
    free = shutil.disk_usage(there).free
    if free < size or any(getattr(link, "errno", None) in NO_ROOM for link in chain):
        return (
            f"there is no room for it ({free / 1e6:.0f} MB are free on that disk, a checkpoint takes"
            f" {size / 1e6:.0f} MB); make room there"
        )
    return f"{first_line(error)}; see to it"


def first_line(error: BaseException) -> str:
    """The first line of an error's text, or its kind where it has none."""
    text = str(error)
    line = text.splitlines()[0] if text else type(error).__name__
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} ..."
