"""What finished members left: scores, cost, where their files lie. What cannot be read is told, and what does
not belong together.
"""

from __future__ import annotations

import json

from dmljax.studies.members import COST, TRAIN, Member


def read(members: list[Member], needs: tuple[str, ...] = ()) -> tuple[list[dict], list[str]]:
    """(one row a finished member that can be read, a line for each that cannot).

    Args:
      needs: files below a run's folder without which it is of no use.

    A row has label, seed, fold, every score by name, the cost, 'dataset', 'folder', and 'made': the versions
    and the length of the training.
    """
    rows, lost = [], []
    for member in members:
        if not member.finished:
            continue
        try:
            score = json.loads((member.folder / "evaluation" / "metrics.json").read_text())
            cost = json.loads((member.folder / COST).read_text())
            versions = json.loads((member.folder / "versions.json").read_text())
            config = json.loads((member.folder / "config.json").read_text())
            if absent := [name for name in needs if not (member.folder / name).is_file()]:
                raise ValueError(f"it has no {absent[0]}")
            made = {"jax": versions["jax"], "device": versions["device"]}
            if member.program == TRAIN:
                made["trained for"] = config["train"]["duration"]
            rows.append(
                {
                    "label": member.label,
                    "seed": member.seed,
                    "fold": member.fold,
                    **score["scores"],
                    **cost,
                    "folder": str(member.folder),
                    "dataset": score["dataset"],
                    "made": made,
                }
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            said = f"{type(error).__name__}: {error}" if isinstance(error, KeyError) else str(error)
            lost.append(
                f"{member.folder}: a finished run that cannot be read ({said}); delete the folder and it is"
                " run again"
            )
    return rows, lost


def mixed(rows: list[dict]) -> list[str]:
    """A line for each of versions, device and length of training in which the runs differ: such runs should
    not be compared.
    """
    lines = []
    for key in ("jax", "device", "trained for"):
        values = sorted({row["made"][key] for row in rows if key in row["made"]})
        if len(values) > 1:
            lines.append(
                f"these runs are mixed, and comparing them says little: {key} {' and '.join(values)}"
            )
    return lines
