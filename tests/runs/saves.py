"""What trainings leave in a folder, without any training."""

import shutil

from dmljax.runs.buckets import Unreachable
from dmljax.runs.sent import TRAINER, WHOLE

OWN = (WHOLE, TRAINER)  # names of what is no file of a run


def url(bucket):
    return f"file://{bucket}"


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in OWN
    }


def put(folder, **contents):
    for name, content in contents.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def save(at, step, *, replaces=None):
    """What a training does at a checkpoint."""
    (at.folder / "checkpoints" / "last").mkdir(parents=True, exist_ok=True)
    put(at.folder, log=f"until {step}")
    for part in ("a", "b"):
        put(at.folder, **{f"checkpoints__last__{step}__state__{part}": f"{part} of {step}"})
    if replaces is not None:
        shutil.rmtree(at.folder / "checkpoints" / "last" / str(replaces))
    for hook in at.hooks:
        hook.on_save("last", step, at.folder)


def checkpoint(step, folder="checkpoints/last"):
    return {f"{folder}/{step}/state/{part}": f"{part} of {step}" for part in ("a", "b")}


def unreachable(self, names, folder):
    raise Unreachable("no route to host")
