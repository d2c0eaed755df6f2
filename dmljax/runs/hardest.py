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
from dmljax.types import EXPRESSION, POSE, Samples, UserError

SIDE = 96


def _row(line: dict) -> dict[str, str]:
    """A line of predictions.csv; an error of any kind where it is none."""
    row = {key: unquoted(cell) for key, cell in line.items()}
    float(row[f"{_head(row)}_probability"])
    return row


def _head(row: dict) -> str:
    """What is shown: expressions, or poses where the network knows no expressions."""
    return EXPRESSION if f"{EXPRESSION}_predicted" in row else POSE


def collect(evaluation: Path, samples: Samples, *, count: int = 12, pairs: int = 3, each: int = 6) -> Path:
    """Writes EVALUATION/hardest.json and the pictures that it names.

    Hardest: wrong with the highest probability of the wrong class. A pair: (true, predicted) expression, the
    most frequent first. Of a network without expressions, poses are in their place.

    Args:
      evaluation: where predictions.csv lies.
      samples: the run's set.

    Raises:
      UserError: the run was not evaluated.
    """
    try:
        with open(evaluation / run_folder.PREDICTIONS, newline="", encoding="utf-8") as file:
            rows = [row for line in csv.DictReader(file) if (row := _row(line))[_head(row)]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
        raise UserError(f"'{evaluation}' has no predictions ({error}); evaluate the run first") from None
    number = {reference: k for k, reference in enumerate(samples.references)}
    head = _head(rows[0]) if rows else EXPRESSION
    pair_of = lambda row: (row[head], row[f"{head}_predicted"])
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
                    POSE,
                    EXPRESSION,
                    f"{head}_predicted",
                    f"{head}_probability",
                )
            },
        }

    wrong = sorted(
        (row for row in rows if row[head] != row[f"{head}_predicted"]),
        key=lambda row: -float(row[f"{head}_probability"]),
    )
    kinds = Counter(map(pair_of, wrong))
    found = {
        "head": head,
        "wrong": len(wrong),
        "images": len(rows),
        "hardest": [picture(row) for row in wrong[:count]],
        "pairs": [
            {
                "true": true,
                "predicted": said,
                "count": times,
                "shown": [picture(row) for row in wrong if pair_of(row) == (true, said)][:each],
            }
            for (true, said), times in kinds.most_common(pairs)
        ],
    }
    path = evaluation / run_folder.HARDEST
    writing.as_json(path, found)
    return path
