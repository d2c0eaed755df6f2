"""Who tested a run, how many images of each person were told, and how that varies."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from dmljax import run_folder
from dmljax.report import power
from dmljax.report.differences import Pair
from dmljax.types import EXPRESSION, POSE, UserError


def read(run: Path) -> dict:
    """What tests of differences count of a run; see `report.differences`.

    Returns:
      'tested': a digest of the people who tested, or of the images where people are unknown; None if neither
      is known. 'ratio': test images over training images; None if unknown. 'people': measure -> person ->
      (images, hits); a measure is absent where a person is unknown. Runs of older versions may lack files.
    """
    rows, sides = _predictions(run), _sides(run)
    people = {row.get("identity", "") for row in rows}
    who = people if people and "" not in people else {row.get("reference", "") for row in rows}
    who = who or set(sides.get("test", ()))
    train, test = (len(sides.get(side, ())) for side in ("train", "test"))
    return {
        "tested": run_folder.digest(json.dumps(sorted(who)).encode()) if who else None,
        "ratio": test / train if train and test else None,
        "people": {f"{head} accuracy": found for head in (EXPRESSION, POSE) if (found := _hits(rows, head))},
    }


def variances(runs: Sequence[str], against: Sequence[str], correlation: float) -> tuple[power.Variances, str]:
    """Variances of differences of expression accuracy from finished runs, and what they are of, in words.

    Args:
      runs: folders of one method, one a seed.
      against: those of another in the same order; empty: one that is as variable.
      correlation: of the two methods, without `against`.

    Raises:
      UserError: no runs, runs that were not evaluated or were tested on other people, or no variance.
    """
    if not runs:
        raise UserError("give one or more run folders, such as runs/quick", parameter="run")
    if against and len(against) != len(runs):
        raise UserError(
            f"needs one run for each of the other method's {len(runs)}; got {len(against)}",
            parameter="against",
        )
    own, others = run_folder.check_trained(runs), run_folder.check_trained(against, "against")
    for folders, flag in ((own, "run"), (others, "against")):
        _check_seeds(folders, flag)
    if both := [str(run) for run in own if run in others]:
        raise UserError(f"'{both[0]}' is of both methods", parameter="against")
    count = f"{len(runs)} {'runs' if len(runs) > 1 else 'run'}"
    pairs = _pairs(own, others)
    try:
        if against:
            return power.of_pairs(pairs), f"{count} of each of two methods"
        what = f"{count} of one method, another taken as variable, correlation {correlation:g}"
        return power.of_one(pairs, correlation), what
    except ValueError as error:
        raise UserError(str(error), parameter="run") from None


def _check_seeds(runs: list[Path], flag: str) -> None:
    """Raises UserError where two runs are of one seed: the second says nothing new."""
    of_seed: dict[int, Path] = {}
    for run in runs:
        seed = run_folder.read(run_folder.parts(run)[0] / run_folder.CONFIG).get("seed")
        if seed is not None and (first := of_seed.setdefault(seed, run)) != run:
            raise UserError(
                f"'{first}' and '{run}' are of one seed, {seed}; give one run a seed", parameter=flag
            )


def _pairs(runs: list[Path], against: list[Path]) -> list[Pair]:
    """A pair for each run; without another method against one that has nothing right."""
    pairs = []
    for run, other in zip(runs, against or runs):
        first, second = _people(run, "run"), _people(other, "against")
        if {who: images for who, (images, _) in first.items()} != {w: n for w, (n, _) in second.items()}:
            raise UserError(f"'{run}' and '{other}' were tested on other images", parameter="against")
        hits = {who: right if against else 0 for who, (_, right) in second.items()}
        people = {who: (images, right, hits[who]) for who, (images, right) in first.items()}
        pairs.append(Pair(0.0, 0.0, people=people))
    return pairs


def _people(run: Path, flag: str) -> dict[str, tuple[int, int]]:
    if not (rows := _predictions(run)):
        raise UserError(f"'{run}' has no predictions; evaluate it first", parameter=flag)
    if not (found := _hits(rows, EXPRESSION)):
        nobody = sum(not row.get("identity") for row in rows)
        raise UserError(
            f"'{run}': no person is known of {nobody} of {len(rows)} images that were tested, and it"
            " is people that are counted",
            parameter=flag,
        )
    return found


def _predictions(run: Path) -> list[dict[str, str]]:
    try:
        with open(run / run_folder.EVALUATION / run_folder.PREDICTIONS, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file, restval=""))
    except (OSError, ValueError, csv.Error):
        return []


def _sides(run: Path) -> dict[str, list[str]]:
    try:
        found = run_folder.read(run / run_folder.SPLIT)
    except UserError:
        return {}
    return {side: names for side, names in found.items() if isinstance(names, list)}


def _hits(rows: list[dict[str, str]], head: str) -> dict[str, tuple[int, int]]:
    """person -> (images with a label, how many are told); {} where the person of one is unknown."""
    told = f"{head}_predicted"
    labelled = [row for row in rows if row.get(head) and row.get(told)]
    images = Counter(row.get("identity", "") for row in labelled)
    if "" in images:
        return {}
    hits = Counter(row["identity"] for row in labelled if row[head] == row[told])
    return {who: (count, hits[who]) for who, count in images.items()}
