"""RaFD, the Radboud Faces Database: 67 people, 8 expressions, 3 directions of gaze, 5 cameras.

Langner, Dotsch, Bijlstra, Wigboldus, Hawk, van Knippenberg: "Presentation and validation of the Radboud Faces
Database", 2010. On disk:
`Rafd<angle>_<person>_<Caucasian|Moroccan>_<female|male|kid>_<emotion>_<left|frontal|right>.jpg`; angle 090 is
frontal, the last word is the gaze. Numbers of people have gaps up to 73.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from PIL import Image

from dmljax.datasets import _tree
from dmljax.types import Samples, Skipped, UserError

EXPRESSIONS = ("neutral", "angry", "contemptuous", "disgusted", "fearful", "happy", "sad", "surprised")
ANGLES = ("000", "045", "090", "135", "180")
GAZES = ("left", "frontal", "right")
LICENCE = "non-commercial research, on the terms of Radboud University; pictures may not be passed on"
OBTAIN = "RaFD is given by its authors on request: rafd.nl"

_NAME = re.compile(
    rf"Rafd(\d{{3}})_(\d{{2}})_(Caucasian|Moroccan)_(female|male|kid)_(\w+?)_({'|'.join(GAZES)})\.jpg",
    re.IGNORECASE,
)


def samples(root: str, *, gaze: str = "all", turned: bool = False) -> Samples:
    """The photographs below `root`.

    Args:
      root: any folder above them.
      gaze: 'all', or one of left, frontal, right.
      turned: whether camera 180 and not 000 has the nose to the left of the image. Sources disagree: look at
        the contact sheet, where yaw goes from the nose on the left to the nose on the right.

    Raises:
      UserError: none is there, or an unknown gaze.
    """
    if gaze not in ("all", *GAZES):
        raise UserError(f"rafd: gaze must be one of all, {', '.join(GAZES)}; got '{gaze}'")
    names, skipped = _tree.files(root, "rafd", "the folder with Rafd090_01_..._frontal.jpg")
    angles = ANGLES[::-1] if turned else ANGLES
    rows, others = [], []
    for name in names:
        match = _NAME.fullmatch(name.rsplit("/", 1)[-1])
        if match is None:
            others.append(name)
            if name.lower().endswith(".jpg"):
                skipped.append(
                    Skipped(name, "its name is not Rafd<angle>_<person>_<group>_<sex>_<emotion>_<gaze>.jpg")
                )
            continue
        angle, person, _, _, expression, looking = (part.lower() for part in match.groups())
        if angle not in ANGLES or expression not in EXPRESSIONS:
            reason = f"unknown angle or emotion '{angle}', '{expression}'"
            skipped.append(Skipped(name, reason, "unknown angle or emotion"))
        elif gaze in ("all", looking):
            rows.append((name, EXPRESSIONS.index(expression), angles.index(angle), person))
    if not rows:
        raise _tree.nothing(
            "rafd",
            root,
            "Rafd<angle>_<person>_<group>_<sex>_<emotion>_<gaze>.jpg",
            len(others),
            OBTAIN,
            others,
        )
    people = tuple(sorted({row[3] for row in rows}))
    column = lambda k: np.array([row[k] for row in rows], np.int32)
    return Samples(
        name="rafd",
        references=tuple(row[0] for row in rows),
        expression=column(1),
        pose=column(2),
        identity=np.array([people.index(row[3]) for row in rows], np.int32),
        expression_names=EXPRESSIONS,
        pose_names=("-90", "-45", "0", "45", "90"),
        identity_names=people,
        pose_yaw=(-90.0, -45.0, 0.0, 45.0, 90.0),
        pose_mirror=(4, 3, 2, 1, 0),
        read=lambda name: _tree.read(root, name),
        skipped=tuple(skipped),
        published="8,040 images of 67 people",
        licence=LICENCE,
        obtain=OBTAIN,
    )


def write_fixture(root: str) -> None:
    """A tiny tree with the set's names and every trap: gaps in the ids, gaze beside pose, an unknown emotion
    and angle, a broken file.
    """
    rng, base = np.random.default_rng(0), Path(root)
    base.mkdir(parents=True, exist_ok=True)
    people = (("01", "Caucasian_female"), ("07", "Caucasian_kid"), ("73", "Moroccan_male"))
    write = lambda name: Image.fromarray(rng.integers(40, 220, (24, 16, 3)).astype(np.uint8)).save(
        base / name
    )
    for person, group in people:
        for angle in ANGLES:
            for expression in EXPRESSIONS:
                for gaze in GAZES:
                    write(f"Rafd{angle}_{person}_{group}_{expression}_{gaze}.jpg")
    write("Rafd090_01_Caucasian_female_bored_left.jpg")
    write("Rafd100_01_Caucasian_female_happy_left.jpg")
    write("holiday.jpg")
    (base / "Rafd000_01_Caucasian_female_neutral_left.jpg").write_bytes(b"no image")
