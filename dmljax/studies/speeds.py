"""Frames a second of a study's networks: measured once, and kept in its folder."""

from __future__ import annotations

import json
from pathlib import Path

from dmljax import writing
from dmljax.studies.members import Member
from dmljax.types import UserError

FRAMES = "frames_per_second.json"


def read(labels: set[str], usable: list[Member], folder: Path, progress: bool) -> tuple[dict, list[str]]:
    """(frames a second of the networks with these labels that have a run, why there are none)."""
    wanted = {}
    for member in usable:
        if member.label in labels and member.finished and not member.descriptor:
            wanted.setdefault(member.label, member.folder)
    path = folder / FRAMES
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        kept = {}
    if wanted.keys() <= kept.keys():
        return kept, []
    from dmljax.runs import frames

    try:
        kept = frames.per_second(wanted, progress=progress)
    except UserError as error:
        return {}, [f"frames a second were not measured: {error}"]
    writing.as_json(path, kept)
    return kept, []
