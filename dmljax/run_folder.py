"""A run's folder: the names of its files, and how they are read.

A run that was trained by fold has a folder of this kind for each fold, fold_0 and so on.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections.abc import Iterable
from pathlib import Path

from dmljax.types import TOTAL, UserError

# what the run is
CONFIG, VERSIONS, SPLIT, CLASSES = "config.json", "versions.json", "split.json", "classes.json"
DECIDED = "decided.json"  # what the labels of its set decided
STARTED = "started_from.json"  # the file of weights that it began with, and its digest
SKIPPED, DUPLICATES, CLASSICAL = "skipped.csv", "near_duplicates.csv", "classical.json"
# its own copies of the tables that its configuration names, TABLES/<field>/<file>, and their digests
TABLES, DIGESTS = "tables", "digests.json"
STUDY = "study.json"  # of a folder of many runs
# what its training leaves
LOG, BOARD, CHECKPOINTS = "train.jsonl", "tensorboard", "checkpoints"
TRACKING, PROFILE = "tracking.json", "profile"
# what is made of it; the next two lines lie in the folder of an evaluation
EVALUATION, AUDIT, PAGE, EXPORTS = "evaluation", "audit", "report.html", "exports"
METRICS, PREDICTIONS, FEATURES, HARDEST = "metrics.json", "predictions.csv", "features.npz", "hardest.json"
AUGMENTED, CALIBRATION = "augmented.json", "calibration.json"
FLIPPED = "_flip"  # end of the name of an evaluation with mirror images
# fields of metrics.json: digests of its other fields, of the predictions, of the run's configuration
DIGEST, PREDICTIONS_DIGEST, CONFIG_DIGEST = "digest", "predictions_digest", "config_digest"

# A run that begins writes these; in a folder without its configuration they are somebody's own.
OWN = (
    VERSIONS,
    SPLIT,
    CLASSES,
    DECIDED,
    STARTED,
    TABLES,
    SKIPPED,
    DUPLICATES,
    CLASSICAL,
    LOG,
    BOARD,
    CHECKPOINTS,
    TRACKING,
)
FOLD = "fold_"
REMADE = (SPLIT, CLASSES, DECIDED)  # by a training, of a finished run too


def is_url(folder: str | Path) -> bool:
    """Whether a name is that of a folder in a bucket: gs://BUCKET/FOLDER."""
    return isinstance(folder, str) and "://" in folder


def named(folder: str | Path, parameter: str = "run") -> Path:
    """The folder that a person names; '~' is the home folder.

    Raises:
      UserError: the name is empty, that of a file, or of a folder in a bucket.
    """
    if not str(folder).strip():
        raise UserError("a folder's name is empty; give one such as runs/quick", parameter=parameter)
    if is_url(folder):
        raise UserError(
            f"'{folder}' lies in a bucket; give a folder of this machine",
            parameter=parameter,
        )
    path = Path(os.path.expanduser(folder))
    if os.path.isfile(path):
        raise UserError(f"'{folder}' is a file; give the name of a folder", parameter=parameter)
    return path


def check_trained(runs: Iterable[str | Path], parameter: str = "run") -> list[Path]:
    """The folders of several runs, each of them there and named once; before any work on one begins.

    Raises:
      UserError: which ones are no run folders, or are named twice.
    """
    folders = [named(run, parameter) for run in runs]
    if none := [str(run) for run in folders if not all((part / CONFIG).is_file() for part in parts(run))]:
        which = f"'{none[0]}' is no run folder" if len(none) == 1 else f"{', '.join(none)} are no run folders"
        raise UserError(f"{which}: there is no {CONFIG}; give folders of trainings", parameter=parameter)
    if twice := [str(run) for k, run in enumerate(folders) if run in folders[:k]]:
        raise UserError(f"'{twice[0]}' is named twice", parameter=parameter)
    return folders


def check_free(run: Path) -> None:
    """Raises UserError where a new run would overwrite files that are not a run's."""
    if (run / CONFIG).exists():
        return
    if (run / STUDY).exists():
        raise UserError(f"'{run}' holds a study; give another folder, or one below it", parameter="run")
    there = [name for name in OWN if (run / name).exists()]
    if there:
        raise UserError(
            f"'{run}' is no run folder (it has no {CONFIG}), and holds {', '.join(there)}, which a run would"
            " overwrite; give another folder, or move them",
            parameter="run",
        )


def is_empty(run: Path) -> bool:
    """Whether nothing of worth was made in a folder: no checkpoint, no evaluation."""
    kinds = (run / CHECKPOINTS).glob("*/*") if (run / CHECKPOINTS).is_dir() else ()
    return not any(kinds) and not (run / EVALUATION).exists() and not (run / CLASSICAL).exists()


def of_fold(run: Path, fold: int) -> Path:
    """The folder of one fold of a run."""
    return run / f"{FOLD}{fold}"


def parts(run: Path) -> list[Path]:
    """The run folders that a folder stands for: itself, or its folds in order."""
    folds = sorted(run.glob(f"{FOLD}*"), key=lambda path: (len(path.name), path.name))
    return folds or [run]


def read(path: Path) -> dict:
    """A JSON file that holds an object.

    Raises:
      UserError: it is not there, or cannot be read.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError(f"it must hold a JSON object, and holds a {type(found).__name__}")
        return found
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
    except RecursionError:
        reason = "it is nested too deeply"
    again = (
        "; the command that trained the run, given once more, writes it anew" if path.name in REMADE else ""
    )
    raise UserError(f"'{path}' cannot be read: {reason}{again}")


def with_digest(score: dict) -> dict:
    """The content of a metrics.json with a digest of itself, by which a change is noticed."""
    return score | {DIGEST: digest(json.dumps(score, sort_keys=True).encode())}


def digest(content: bytes) -> str:
    """32 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()[:32]


def score(evaluation: Path) -> dict:
    """The scores of the folder of an evaluation, as they were written.

    Raises:
      UserError: there are none, they cannot be read, or they were changed since. Those of an older version
        have no digest.
    """
    return undamaged(evaluation / METRICS)


def undamaged(path: Path) -> dict:
    """A JSON file with a digest of itself, or without one.

    Raises:
      UserError: it cannot be read, or was changed since it was written.
    """
    found = read(path)
    without = {key: value for key, value in found.items() if key != DIGEST}
    if DIGEST in found and with_digest(without) != found:
        raise UserError(f"'{path}' is not what the evaluation wrote; evaluate the run again")
    return found


def metrics(run: Path) -> dict:
    """The scores of a run's evaluation.

    Raises:
      UserError: it was not evaluated, or they cannot be read.
    """
    return score(run / EVALUATION)


def log(run: Path) -> list[dict]:
    """The lines of a run's log, none where there is no log; a last line that a kill has cut is left out.

    Raises:
      UserError: another line cannot be read.
    """
    path = run / LOG
    if not path.exists():
        return []
    try:
        found, lines = [], path.read_bytes().splitlines()
    except OSError as error:
        raise UserError(f"'{path}' cannot be read: {error.strerror or error}") from None
    for number, line in enumerate(lines, 1):
        try:
            found.append(_line(line))
        except (ValueError, RecursionError) as error:
            if number < len(lines):
                raise UserError(f"'{path}', line {number}, cannot be read: {error}") from None
    return found


def set_log_aside(run: Path) -> Path:
    """Gives a run's log another name, and returns it; a training that begins writes a new one."""
    path = run / LOG
    numbers = itertools.count(1)
    aside = next(
        p for k in numbers if not (p := path.with_name(f"{path.stem}_before_{k}{path.suffix}")).exists()
    )
    return path.rename(aside)


def _line(text: bytes) -> dict:
    found = json.loads(text.decode())
    if not isinstance(found, dict) or not isinstance(found.get("step"), int):
        raise ValueError("it must be a JSON object with a whole number for its step")
    if wrong := [key for key, value in found.items() if not isinstance(value, int | float)]:
        raise ValueError(f"{wrong[0]} is no number")
    return found


def steps(run: Path) -> list[dict]:
    """The lines of a run's log that tell of steps, and not of a validation or of conflicts."""
    return [line for line in log(run) if TOTAL in line]
