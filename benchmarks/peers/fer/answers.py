"""Answers of fer on crops: python answers.py FOLDER OUT.csv

A line a face: the file and the probability of each expression. The crop is the face: fer's own detector does
not look for it, and what fer adds around a detector's box is left out. The steps are those of its
`detect_emotions`, without the rounding to two digits at its end, which would make ties.
"""

import csv
import sys
from pathlib import Path

import cv2
import numpy as np
from fer.fer import FER

EXPRESSIONS = (
    "anger",
    "disgust",
    "fear",
    "happy",
    "sad",
    "surprise",
    "neutral",
)  # in the order of its outputs
SIDE = 64


def pixels(path: Path) -> np.ndarray:
    """The grey face in -1..1, float32 [64, 64]."""
    grey = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2GRAY)
    return (cv2.resize(grey, (SIDE, SIDE)).astype(np.float32) / 255 - 0.5) * 2


def main(folder: Path, out: Path) -> None:
    program = FER(use_tflite=False)  # the network as it was trained, not its quantised copy
    with open(folder / "crops.csv", newline="", encoding="utf-8") as file:
        names = [row["file"] for row in csv.DictReader(file)]
    rows = [("file", *EXPRESSIONS)]
    for start in range(0, len(names), 32):
        some = names[start : start + 32]
        faces = np.stack([pixels(folder / name) for name in some])[..., None]
        found = np.asarray(program._classify_emotions(faces))
        rows += [(name, *(f"{one:.6f}" for one in line)) for name, line in zip(some, found)]
    with open(out, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    print(f"{len(names)} faces: {out}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("python answers.py FOLDER OUT.csv; FOLDER is what crops.py wrote")
    main(*map(Path, sys.argv[1:]))
