"""CMU Multi-PIE: 337 people in four sessions, 15 cameras, 20 flashes; colour photographs.

Gross, Matthews, Cohn, Kanade, Baker: "Multi-PIE", 2010. On disk:
`sessionNN/multiview/<person>/<recording>/<camera>/ <person>_<session>_<recording>_<camera
digits>_<shot>.png`, 640 x 480 pixels. What a recording shows depends on its session; cameras 08_1 and 19_1
hang above and have no yaw class.
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

EXPRESSIONS = ("neutral", "smile", "surprise", "squint", "disgust", "scream")
RECORDED = {
    ("01", "01"): "neutral",
    ("01", "02"): "smile",
    ("02", "01"): "neutral",
    ("02", "02"): "surprise",
    ("02", "03"): "squint",
    ("03", "01"): "neutral",
    ("03", "02"): "smile",
    ("03", "03"): "disgust",
    ("04", "01"): "neutral",
    ("04", "02"): "neutral",
    ("04", "03"): "scream",
}
YAW_OF = {
    "110": -90,
    "120": -75,
    "090": -60,
    "080": -45,
    "130": -30,
    "140": -15,
    "051": 0,
    "050": 15,
    "041": 30,
    "190": 45,
    "200": 60,
    "010": 75,
    "240": 90,
}
ABOVE = ("081", "191")
VIEWS = {"paper": (-30, -15, 0, 15, 30), "all": tuple(sorted(YAW_OF.values()))}
# the whole set; what part of its images is loaded depends on views and shots
PUBLISHED = {
    "people": 337,
    "people of session 01": 249,
    "people of session 02": 203,
    "people of session 03": 230,
    "people of session 04": 239,
}
LICENCE = "internal research, by a licence of Carnegie Mellon University; pictures may not be passed on"
OBTAIN = "Multi-PIE is licensed by Carnegie Mellon University: multipie.org"

_NAME = re.compile(rf"(\d{{3}})_(\d{{2}})_(\d{{2}})_(\d{{3}})_(\d{{2}})\.{_tree.IMAGE}", re.IGNORECASE)


def samples(root: str, *, views: str = "paper", shots: str = "07", links: str = "follow") -> Samples:
    """The photographs below `root`.

    The session and recording of a file are read from its name, so any folder above will do.

    Args:
      root: that folder.
      views: the 'paper''s five yaws from -30 to 30 degrees, or 'all' 13.
      shots: flash numbers from 00 to 19, comma-separated, or 'all'.
      links: 'follow' links wherever they lead, or leave out what leads outside the set's folder ('inside').

    Raises:
      UserError: none is there, or a field has an unknown value.
    """
    if views not in VIEWS:
        raise UserError(f"multipie: views must be one of {', '.join(VIEWS)}, got '{views}'")
    wanted = _shots(shots)
    names, skipped = _tree.files(root, "multipie", "the folder with session01, session02, ...", links=links)
    yaws = VIEWS[views]
    left, rows = _counts.Left(skipped), {}
    for name in names:
        match = _NAME.fullmatch(name.rsplit("/", 1)[-1])
        if match is None:
            if _tree.is_image(name):
                left.skip(name, "its name is not <person>_<session>_<recording>_<camera>_<shot>.png")
            else:
                left.no_image(name)
            continue
        person, session, recording, camera, shot = match.groups()
        if camera not in YAW_OF and camera not in ABOVE:
            left.skip(name, f"unknown camera '{camera}'", "unknown camera")
        elif (session, recording) not in RECORDED:
            reason = f"session {session} has no recording {recording}"
            left.skip(name, reason, "its session has no such recording")
        elif camera in ABOVE:
            left.count(name, "images from above (cameras 08_1 and 19_1)")
        elif YAW_OF[camera] not in yaws:
            left.count(name, f"images from other cameras (multipie.views={views})")
        elif shot not in wanted:
            left.count(name, f"images with other flashes (multipie.shots={shots})")
        elif match.groups() in rows:
            left.skip(name, f"the same photograph as '{rows[match.groups()]}'", _tree.TWICE)
        else:
            rows[match.groups()] = name
    if not rows:
        raise _counts.nothing(
            "multipie",
            root,
            "<person>_<session>_<recording>_<camera>_<shot>.png",
            len(names),
            OBTAIN,
            names,
        )
    people = tuple(sorted({key[0] for key in rows}))
    number = {person: k for k, person in enumerate(people)}
    column = lambda values: np.array(list(values), np.int32)
    return Samples(
        name="multipie",
        references=tuple(rows.values()),
        expression=column(EXPRESSIONS.index(RECORDED[key[1], key[2]]) for key in rows),
        pose=column(yaws.index(YAW_OF[key[3]]) for key in rows),
        identity=column(number[key[0]] for key in rows),
        expression_names=EXPRESSIONS,
        pose_names=tuple(f"{yaw:g}" for yaw in yaws),
        identity_names=people,
        pose_yaw=tuple(map(float, yaws)),
        pose_mirror=tuple(reversed(range(len(yaws)))),
        read=partial(_tree.read, root),
        skipped=tuple(left.skipped),
        notes=left.notes("multipie") + _counts.differences("multipie", PUBLISHED, _people(rows)),
        published="more than 750,000 images of 337 people",
        licence=LICENCE,
        obtain=OBTAIN,
        protocol=Protocol(293, 44, 8100, 660),
    )


def _people(rows) -> dict[str, int]:
    """How many people there are, in all and in each session."""
    sessions = Counter(session for _, session in {(key[0], key[1]) for key in rows})
    return {"people": len({key[0] for key in rows})} | {
        f"people of session {session}": count for session, count in sessions.items()
    }


def _shots(shots: str) -> frozenset[str]:
    known = [f"{k:02d}" for k in range(20)]
    wanted = known if shots == "all" else [shot.strip() for shot in str(shots).split(",")]
    for shot in wanted:
        if shot not in known:
            raise UserError(
                "multipie: shots must be 'all' or numbers from 00 to 19 of two digits, such as 07,16; got"
                f" '{shots}'"
            )
    return frozenset(wanted)


def write_fixture(root: str) -> None:
    """A tiny tree with the set's names and every trap: gaps in the ids, a person in one session only, neutral
    twice in session 4, a camera above, an unknown recording and camera, a file that is no image.
    """
    rng = np.random.default_rng(0)
    attended = {
        "001": ("01", "02", "03", "04"),
        "002": ("02", "03", "04"),
        "005": ("01", "03", "04"),
        "346": ("04",),
    }
    for person, sessions in attended.items():
        for session, recording in RECORDED:
            if session in sessions:
                for camera in ("130", "140", "051", "050", "041"):
                    _write(root, person, session, recording, camera, "07", rng)
    _write(root, "001", "01", "01", "081", "07", rng)  # above
    _write(root, "001", "01", "01", "051", "00", rng)  # another flash
    _write(root, "001", "01", "01", "999", "07", rng)
    _write(root, "001", "01", "03", "051", "07", rng)  # session 1 has no third recording
    (Path(root) / "session01/multiview/001/01/05_1/001_01_01_051_07.png").write_bytes(b"no image")
    (Path(root) / "session01/multiview/001/notes.png").write_bytes(b"")


def _write(
    root: str, person: str, session: str, recording: str, camera: str, shot: str, rng: np.random.Generator
) -> None:
    folder = Path(root) / f"session{session}" / "multiview" / person / recording / f"{camera[:2]}_{camera[2]}"
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rng.integers(40, 220, (48, 64, 3)).astype(np.uint8)).save(
        folder / f"{person}_{session}_{recording}_{camera}_{shot}.png"
    )
