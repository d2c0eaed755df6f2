"""The hardest test images and the most confused pairs of an evaluated run, as small pictures."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path

from PIL import Image

from dmljax import run_folder, writing
from dmljax.data.images import load
from dmljax.tables import unquoted
from dmljax.types import Samples, UserError

SIDE = 96


def _row(line: dict) -> dict[str, str]:
    """A line of predictions.csv; an error of any kind where it is none."""
    row = {key: unquoted(cell) for key, cell in line.items()}
    float(row["expression_probability"])
    return row


def collect(evaluation: Path, samples: Samples, *, count: int = 12, pairs: int = 3, each: int = 6) -> Path:
    """Writes EVALUATION/hardest.json and the pictures that it names.

    Hardest: wrong with the highest probability of the wrong class. A pair: (true, predicted) expression, the
    most frequent first.

    Args:
      evaluation: where predictions.csv lies.
      samples: the run's set.

    Raises:
      UserError: the run was not evaluated.
    """
    try:
        with open(evaluation / run_folder.PREDICTIONS, newline="", encoding="utf-8") as file:
            rows = [row for line in csv.DictReader(file) if (row := _row(line))["expression"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
        raise UserError(f"'{evaluation}' has no predictions ({error}); evaluate the run first") from None
    number = {reference: k for k, reference in enumerate(samples.references)}
    folder = evaluation / "hardest"
    folder.mkdir(exist_ok=True)

    def picture(row: dict) -> dict | None:
        try:
            pixels = load(samples, number[row["reference"]], SIDE)
        except (KeyError, ValueError):
            return None  # the set has changed since; the page says how many are missing
        name = f"{number[row['reference']]:06d}.png"
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        (folder / name).write_bytes(file.getvalue())
        return {
            "picture": f"hardest/{name}",
            **{
                key: row.get(key, "")
                for key in (
                    "reference",
                    "identity",
                    "pose",
                    "expression",
                    "expression_predicted",
                    "expression_probability",
                )
            },
        }

    wrong = sorted(
        (row for row in rows if row["expression"] != row["expression_predicted"]),
        key=lambda row: -float(row["expression_probability"]),
    )
    kinds = Counter((row["expression"], row["expression_predicted"]) for row in wrong)
    found = {
        "wrong": len(wrong),
        "images": len(rows),
        "hardest": [picture(row) for row in wrong[:count]],
        "pairs": [
            {
                "true": true,
                "predicted": said,
                "count": times,
                "shown": [
                    picture(row)
                    for row in wrong
                    if (row["expression"], row["expression_predicted"]) == (true, said)
                ][:each],
            }
            for (true, said), times in kinds.most_common(pairs)
        ],
    }
    path = evaluation / run_folder.HARDEST
    writing.as_json(path, found)
    return path
