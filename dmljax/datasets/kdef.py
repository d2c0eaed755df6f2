"""KDEF: 70 people, 7 expressions, 5 views, photographed twice; colour photographs.

Lundqvist, Flykt & Öhman: "The Karolinska Directed Emotional Faces", 1998. On disk:
`KDEF/<S><G><NN>/<S><G><NN><EX><VIEW>.JPG`, 562 x 762 pixels; S the session (A, B), G the sex, NN the number,
so that a person is G + NN. Mirrors of the set nest its root twice; `AKDEF` beside it holds averaged faces,
which are never loaded.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from dmljax.datasets import _counts, _tree
from dmljax.types import Protocol, Samples, UserError

CODES = {
    "AF": "afraid",
    "AN": "angry",
    "DI": "disgusted",
    "HA": "happy",
    "NE": "neutral",
    "SA": "sad",
    "SU": "surprised",
}
VIEWS = {"FL": "full left", "HL": "half left", "S": "straight", "HR": "half right", "FR": "full right"}
YAW = (-90.0, -45.0, 0.0, 45.0, 90.0)  # the views to the left show the nose towards the left of the image
MISNAMED = {"AF31V": "AF31SAHL", "AM31H": "AM31SUHR"}  # as the set came from its makers
# One square for all views, (left, top, right, bottom): the makers fixed eyes and mouth in the frame, and a
# box per view would give the view away. It has room for the back of a head in profile.
WINDOW = (20, 120, 540, 640)
LICENCE = "non-commercial research, on the terms of the Karolinska Institutet; pictures may not be passed on"
OBTAIN = "KDEF is sent by its makers on request: kdef.se"

_NAME = re.compile(rf"([AB])([FM])(\d\d)(AF|AN|DI|HA|NE|SA|SU)(FL|HL|S|HR|FR)\.{_tree.IMAGE}", re.IGNORECASE)


def samples(root: str, *, sessions: str = "both", links: str = "follow") -> Samples:
    """The photographs below `root`, which may be any folder above them.

    Args:
      root: that folder.
      sessions: which of the two recordings, 'both', 'A' or 'B'.
      links: 'follow' links wherever they lead, or leave out what leads outside the set's folder ('inside').

    Raises:
      UserError: none is there, or an unknown session.
    """
    if sessions not in ("both", "A", "B"):
        raise UserError(f"kdef: sessions must be both, A or B, got '{sessions}'")
    names, skipped = _tree.files(root, "kdef", "the folder with KDEF/AF01, KDEF/AF02, ...", links=links)
    left, rows = _counts.Left(skipped), {}
    for name in names:
        *folders, file = name.split("/")
        if "AKDEF" in (folder.upper() for folder in folders):
            left.count(name, "averaged faces (AKDEF)")
            continue
        stem, dot, ending = file.partition(".")
        match = _NAME.fullmatch(MISNAMED.get(stem.upper(), stem) + dot + ending)
        if match is None:
            if _tree.is_image(name):
                left.skip(name, "its name is not <session><sex><number><expression><view>.JPG")
            else:
                left.no_image(name)
            continue
        session, sex, number, expression, view = (part.upper() for part in match.groups())
        key = (session, sex + number, expression, view)
        if key in rows:
            left.skip(name, f"the same photograph as '{rows[key]}'", _tree.TWICE)
        elif sessions in ("both", session):
            rows[key] = name
        else:
            left.count(name, f"images of session {session} (kdef.sessions={sessions})")
    if not rows:
        raise _counts.nothing(
            "kdef", root, "<session><sex><number><expression><view>.JPG", len(names), OBTAIN, names
        )
    people = tuple(sorted({key[1] for key in rows}))
    published = {"people": 70} | dict.fromkeys(CODES.values(), 700 if sessions == "both" else 350)
    found = Counter(CODES[key[2]] for key in rows) | Counter({"people": len(people)})
    column = lambda values: np.array(list(values), np.int32)
    return Samples(
        name="kdef",
        references=tuple(rows.values()),
        expression=column(list(CODES).index(key[2]) for key in rows),
        pose=column(list(VIEWS).index(key[3]) for key in rows),
        identity=column(people.index(key[1]) for key in rows),
        expression_names=tuple(CODES.values()),
        pose_names=tuple(VIEWS.values()),
        identity_names=people,
        pose_yaw=YAW,
        pose_mirror=tuple(reversed(range(len(YAW)))),
        read=partial(_tree.read, root),
        boxes=np.tile(np.array(WINDOW, np.int32), (len(rows), 1)),
        skipped=tuple(left.skipped),
        notes=left.notes("kdef") + _counts.differences("kdef", published, found),
        published="4,900 images of 70 people",
        licence=LICENCE,
        obtain=OBTAIN,
        protocol=Protocol(56, 14, 3914, 979),
    )


def write_fixture(root: str) -> None:
    """A tiny tree with the set's names and every trap: root nested twice, averaged faces, misnamed files, a
    black placeholder, a file that is no JPEG, a name of no photograph.
    """
    rng = np.random.default_rng(0)
    base = Path(root) / "KDEF_and_AKDEF" / "KDEF_and_AKDEF"
    for session in "AB":
        for person in ("F01", "F31", "M02", "M31"):
            for expression in CODES:
                for view in VIEWS:
                    _write(base, f"{session}{person}", f"{session}{person}{expression}{view}", rng)
    for wrong, right in MISNAMED.items():
        (base / "KDEF" / wrong[:4] / f"{right}.JPG").rename(base / "KDEF" / wrong[:4] / f"{wrong}.JPG")
    Image.new("RGB", (562, 762)).save(base / "KDEF/BF01/BF01NEFL.JPG")  # a placeholder
    (base / "KDEF/BM02/BM02SUFR.JPG").write_bytes(b"no image")
    (base / "KDEF/AM02/AM02XXS.JPG").write_bytes(b"")
    (base / "KDEF/AM02/Thumbs.db").write_bytes(b"")
    (base / "AKDEF").mkdir(parents=True)
    Image.new("RGB", (562, 762), (90, 90, 90)).save(base / "AKDEF/AFAFS.JPG")


def _write(base: Path, folder: str, stem: str, rng: np.random.Generator) -> None:
    path = base / "KDEF" / folder / f"{stem}.JPG"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rng.integers(40, 220, (12, 9, 3)).astype(np.uint8)).resize(
        (562, 762), Image.Resampling.NEAREST
    ).save(path, quality=60)
