"""RaFD, the Radboud Faces Database: 67 people, 8 expressions, 3 directions of gaze, 5 cameras.

Langner, Dotsch, Bijlstra, Wigboldus, Hawk, van Knippenberg: "Presentation and validation of the Radboud Faces
Database", 2010. On disk:
`Rafd<angle>_<person>_<Caucasian|Moroccan>_<female|male|kid>_<emotion>_<left|frontal|right>.jpg`; angle 090 is
frontal, the last word is the gaze. Numbers of people have gaps up to 73.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from dmljax.datasets import _counts, _tree
from dmljax.types import Samples, UserError

EXPRESSIONS = ("neutral", "angry", "contemptuous", "disgusted", "fearful", "happy", "sad", "surprised")
ANGLES = ("000", "045", "090", "135", "180")
GAZES = ("left", "frontal", "right")
LICENCE = "non-commercial research, on the terms of Radboud University; pictures may not be passed on"
OBTAIN = "RaFD is given by its authors on request: rafd.nl"

# between person and emotion: group and sex, which are no labels here
_NAME = re.compile(rf"Rafd(\d{{3}})_(\d+)_(?:.+_)?([a-z]+)_({'|'.join(GAZES)})\.{_tree.IMAGE}", re.IGNORECASE)


def samples(root: str, *, gaze: str = "all", turned: bool = False, links: str = "follow") -> Samples:
    """The photographs below `root`.

    Args:
      root: any folder above them.
      gaze: 'all', or one of left, frontal, right.
      turned: whether camera 180 and not 000 has the nose to the left of the image. Sources disagree: look at
        the contact sheet, where yaw goes from the nose on the left to the nose on the right.
      links: 'follow' links wherever they lead, or leave out what leads outside the set's folder ('inside').

    Raises:
      UserError: none is there, or an unknown gaze.
    """
    if gaze not in ("all", *GAZES):
        raise UserError(f"rafd: gaze must be one of all, {', '.join(GAZES)}; got '{gaze}'")
    names, skipped = _tree.files(root, "rafd", "the folder with Rafd090_01_..._frontal.jpg", links=links)
    angles = ANGLES[::-1] if turned else ANGLES
    left, rows = _counts.Left(skipped), {}
    for name in names:
        match = _NAME.fullmatch(name.rsplit("/", 1)[-1])
        if match is None:
            if _tree.is_image(name):
                left.skip(name, "its name is not Rafd<angle>_<person>_<group>_<sex>_<emotion>_<gaze>.jpg")
            else:
                left.no_image(name)
            continue
        key = angle, person, expression, looking = tuple(part.lower() for part in match.groups())
        if angle not in ANGLES or expression not in EXPRESSIONS:
            reason = f"unknown angle or emotion '{angle}', '{expression}'"
            left.skip(name, reason, "unknown angle or emotion")
        elif gaze not in ("all", looking):
            left.count(name, f"images with another gaze (rafd.gaze={gaze})")
        elif key in rows:
            left.skip(name, f"the same photograph as '{rows[key]}'", _tree.TWICE)
        else:
            rows[key] = name
    if not rows:
        raise _counts.nothing(
            "rafd",
            root,
            "Rafd<angle>_<person>_<group>_<sex>_<emotion>_<gaze>.jpg",
            len(names),
            OBTAIN,
            names,
        )
    people = tuple(sorted({person for _, person, _, _ in rows}))
    published = {"people": 67} | dict.fromkeys(EXPRESSIONS, 1005 if gaze == "all" else 335)
    found = Counter(expression for _, _, expression, _ in rows) | Counter({"people": len(people)})
    column = lambda values: np.array(list(values), np.int32)
    return Samples(
        name="rafd",
        references=tuple(rows.values()),
        expression=column(EXPRESSIONS.index(expression) for _, _, expression, _ in rows),
        pose=column(angles.index(angle) for angle, _, _, _ in rows),
        identity=column(people.index(person) for _, person, _, _ in rows),
        expression_names=EXPRESSIONS,
        pose_names=("-90", "-45", "0", "45", "90"),
        identity_names=people,
        pose_yaw=(-90.0, -45.0, 0.0, 45.0, 90.0),
        pose_mirror=(4, 3, 2, 1, 0),
        read=partial(_tree.read, root),
        skipped=tuple(left.skipped),
        notes=left.notes("rafd") + _counts.differences("rafd", published, found),
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
