"""The faces of a set as files, cut as a training cuts them, for programs that are not ours."""

from pathlib import Path

import numpy as np
from absl import flags
from dmljax.launch import _define, cli
from PIL import Image

from dmljax import writing
from dmljax.data.images import load
from dmljax.preparation.opening import open_samples
from dmljax.types import Unreadable, UserError

SUMMARY = "Writes every face of a set as a PNG, and crops.csv with the labels."
USAGE = """\
    python benchmarks/peers/crops.py --config=cmu_faces --config.dataset.root=FOLDER \\
      --config.crop.rule=boxes --config.crop.table=benchmarks/cmu_faces/boxes.csv --out=crops

Boxes, margin and arithmetic are those of `dmljax train` with the same fields; only the side is the programs'.
"""
COLUMNS = ("file", "reference", "identity", "expression", "pose")


def define(values) -> None:
    _define.config(values, "cmu_faces")
    flags.DEFINE_string("out", "crops", "folder of the faces", flag_values=values)
    flags.DEFINE_integer("side", 224, "pixels of a face", lower_bound=16, flag_values=values)


def run(values) -> None:
    samples, folder = open_samples(values.config), Path(values.out)
    if folder.is_file() or (folder.exists() and any(folder.iterdir())):
        raise UserError(f"'{folder}' is there and not empty; give another folder", parameter="out")
    folder.mkdir(parents=True, exist_ok=True)
    word = lambda names, label: names[label] if label >= 0 else ""
    rows = []
    for number, reference in enumerate(samples.references):
        try:
            pixels = load(samples, number, values.side)
        except Unreadable as error:
            print(f"left out: {reference} {error}")
            continue
        name = f"{number:06}.png"
        Image.fromarray(np.asarray(pixels)).save(folder / name)
        rows.append(
            (
                name,
                reference,
                word(samples.identity_names, samples.identity[number]),
                word(samples.expression_names, samples.expression[number]),
                word(samples.pose_names, samples.pose[number]),
            )
        )
    writing.table(folder / "crops.csv", [COLUMNS, *rows])
    print(f"{len(rows)} faces: {folder / 'crops.csv'}")


if __name__ == "__main__":
    cli.run("benchmarks/peers/crops.py", SUMMARY, USAGE, define, run)
