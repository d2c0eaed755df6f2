"""What finished members left: scores, cost, where their files lie; and whether they belong together."""

from __future__ import annotations

from pathlib import Path

from dmljax import config as configuration
from dmljax import run_folder
from dmljax.studies import tested
from dmljax.studies.members import COST, Failure, Member


def read(members: list[Member], needs: tuple[str, ...] = ()) -> tuple[list[dict], list[Failure]]:
    """(one row a finished member that can be read, a failure for each that cannot).

    Args:
      needs: files below a run's folder without which it is of no use.

    A row has label, seed, fold, 'single' (the task that was trained alone, or None), every score by name, the
    cost, 'dataset', 'folder', 'sets': the names of the sets that it was trained and tested on, 'made': the
    versions and the length of the training, and who tested: `tested.read`.
    """
    rows, unreadable = [], []
    for member in members:
        if not member.finished:
            continue
        try:
            score = run_folder.metrics(member.folder)
            cost = run_folder.read(member.folder / COST)
            versions = run_folder.read(member.folder / run_folder.VERSIONS)
            config = run_folder.read(member.folder / run_folder.CONFIG)
            if absent := [name for name in needs if not (member.folder / name).is_file()]:
                raise ValueError(f"it has no {absent[0]}")
            made = {"jax": versions["jax"], "device": versions["device"]}
            if "dmljax" in versions:  # an older one did not write its own
                made["dmljax"] = versions["dmljax"]
            if not member.descriptor:
                made["trained for"] = config["train"]["duration"]
            rows.append(
                {
                    "label": member.label,
                    "seed": member.seed,
                    "fold": member.fold,
                    "single": member.single,
                    **score["scores"],
                    **score.get("errors", {}),
                    **cost,
                    "folder": str(member.folder),
                    "dataset": score["dataset"],
                    "sets": _sets(config["dataset"]),
                    "made": made,
                    **tested.read(member.folder),
                }
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            said = f"{type(error).__name__}: {error}" if isinstance(error, KeyError) else str(error)
            message = f"a finished run that cannot be read ({said}); delete the folder and it is run again"
            unreadable.append(Failure(member, message))
    return rows, unreadable


def _sets(dataset: dict) -> dict[str, list[str]]:
    """'trained' and 'tested' -> names of sets, of the dataset section of a configuration."""
    trained = configuration.set_names({"train": dataset.get("train", ""), "test": ""}) or [dataset["name"]]
    tested = configuration.set_names({"train": "", "test": dataset.get("test", "")}) or trained
    return {"trained": trained, "tested": tested}


def mixed(rows: list[dict]) -> list[str]:
    """A line for each of the versions, the device and the length of training in which the runs differ."""
    lines = []
    for key in ("dmljax", "jax", "device", "trained for"):
        values = sorted({row["made"][key] for row in rows if key in row["made"]})
        if len(values) > 1:
            lines.append(
                f"these runs are mixed, and comparing them says little: {key} {' and '.join(values)}"
            )
    return lines


def one_loss(rows: list[dict]) -> list[str]:
    """A line that says so where the labels of the set leave a single loss, which no weight can balance."""
    files = [Path(row["folder"]) / run_folder.DECIDED for row in rows]
    found = [run_folder.read(file) for file in files if file.is_file()]
    alone = [
        each for each in found if len(each["heads"]) == 1 and not each["triplets"] and not each["others"]
    ]
    if not alone or len(alone) < len(rows):
        return []
    return [f"the labels leave one loss, that of the {alone[0]['heads'][0]}: there is nothing to weight"]
