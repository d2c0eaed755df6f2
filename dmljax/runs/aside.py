"""What of a copy of a run is moved out of the way: it stays beside the copy, and is not sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from dmljax.runs.contents import checkpoint_of, contents
from dmljax.runs.copy_state import State
from dmljax.runs.sent import Sent

UNSENT, REMOVED = "unsent", "removed"


def everything(folder: Path, url: str, say: Callable[[str], None]) -> None:
    """The copy of what was removed from the bucket."""
    place = _place(folder, REMOVED)
    folder.rename(place)
    folder.mkdir()
    say(f"'{url}' is empty now; what it held lies in '{place}'")


def unsent(folder: Path, url: str, there: Sent, state: State, say: Callable[[str], None]) -> None:
    """What another training, which has begun since, does not have."""
    here = contents(folder)
    files = [name for name, mark in here.files.items() if state.mark(name) != mark or name not in there.files]
    checkpoints = [
        one
        for one, sizes in here.checkpoints.items()
        if state.is_made_here(one, sizes) or one not in there.checkpoints
    ]
    if files or checkpoints:
        place = _move(folder, UNSENT, [*files, *checkpoints])
        say(f"another training has begun in '{url}' since; what it does not have lies in '{place}'")


def removed(folder: Path, url: str, there: Sent, state: State, say: Callable[[str], None]) -> None:
    """Checkpoints that were sent, and of which nothing lies in the bucket any more."""
    lying = {checkpoint_of(name) for name in there.every}
    were_sent = [
        one for one, sizes in contents(folder).checkpoints.items() if not state.is_made_here(one, sizes)
    ]
    if gone := [one for one in were_sent if one not in lying]:
        place = _move(folder, REMOVED, gone)
        say(f"removed from '{url}': {', '.join(gone)}; what lay here is in '{place}'")


def _move(folder: Path, why: str, names: Iterable[str]) -> Path:
    place = _place(folder, why)
    for name in names:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).rename(place / name)
    return place


def _place(folder: Path, why: str) -> Path:
    number = 1
    while (place := folder.with_name(f"{folder.name}-{why}-{number}")).exists():
        number += 1
    return place
