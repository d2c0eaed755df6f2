"""CMU Face Images: 20 people, 4 poses, 4 expressions, eyes open or behind sunglasses; real grey photographs.

Donated by Tom Mitchell to the UCI Machine Learning Repository (set 124, CC BY 4.0). On disk, in a folder or a
tar archive: `<user>/<user>_<pose>_<expression>_<eyes>[_<scale>].pgm`, 128 x 120 pixels; `_2` and `_4` are
smaller copies, `.bad` files were marked defective by the authors. Split by person only: background and
clothes give the person away.
"""

from __future__ import annotations

import re
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np

from dmljax.datasets import _counts, _tree
from dmljax.types import ROOT, Samples, Skipped, UserError

EXPRESSIONS = ("neutral", "happy", "sad", "angry")
POSES = ("straight", "left", "right", "up")
# The set's `left` has the nose towards the right of the image, which is a positive yaw. The angle itself was
# never published; `up` is a pitch.
YAW = (0.0, 45.0, -45.0, float("nan"))
MIRROR = (0, 2, 1, 3)
EYES = ("open", "sunglasses")
# One window for all poses, (left, top, right, bottom): a window per pose would give the pose away. `head`
# holds the head however it moves; `face` cuts into hair and shoulders so that eyes and mouth come to lie in
# the outer thirds.
WINDOWS = {"head": (20, 8, 110, 98), "face": (30, 26, 90, 86)}

_NAME = re.compile(r"([a-z0-9]+)_(\w+?)_(\w+?)_(open|sunglasses)(_[24])?\.(pgm|bad)")


def samples(root: str, *, eyes: str = "all", window: str = "head", links: str = "follow") -> Samples:
    """The set below a folder, or in a tar archive, or in a folder that holds that archive.

    Args:
      root: that folder or archive.
      eyes: which images to take, 'all', 'open' or 'sunglasses'.
      window: what is cut out, the 'head' or the tighter 'face'.
      links: 'follow' links wherever they lead, or leave out what leads outside the set's folder ('inside').

    Raises:
      UserError: nothing of the set is there, or a field has an unknown value.
    """
    if eyes not in ("all", *EYES):
        raise UserError(f"cmu_faces: eyes must be 'all', 'open' or 'sunglasses', got '{eyes}'")
    if window not in WINDOWS:
        raise UserError(f"cmu_faces: window must be one of {', '.join(WINDOWS)}, got '{window}'")
    files, skipped, read = _files(root, links)
    left, rows, counts = _counts.Left(skipped), {}, Counter()
    for name in sorted(files):
        match = _NAME.fullmatch(Path(name).name)
        if match is None:
            if name.endswith((".pgm", ".bad")):
                left.skip(name, "its name is not <user>_<pose>_<expression>_<eyes>.pgm")
            else:
                left.count(name, "files that are neither .pgm nor .bad")
            continue
        user, pose, expression, glasses, scale, suffix = match.groups()
        key = user, pose, expression, glasses
        if scale:
            left.count(name, "smaller copies (_2 and _4)")
        elif pose not in POSES or expression not in EXPRESSIONS:
            reason = f"unknown pose or expression '{pose}', '{expression}'"
            left.skip(name, reason, "unknown pose or expression")
        elif eyes not in ("all", glasses):
            left.count(name, f"images with other eyes (cmu_faces.eyes={eyes})")
        elif key in rows:
            left.skip(name, f"the same photograph as '{rows[key]}'", _tree.TWICE)
        elif suffix == "bad":
            counts["marked .bad"] += 1
            left.skip(name, "marked .bad by the set's authors")
        else:
            rows[key] = name
    if not rows:
        raise UserError(
            f"cmu_faces: no file named <user>_<pose>_<expression>_<eyes>.pgm in '{root}' "
            f"({len(files)} other files); give the folder or archive of the CMU Face Images",
            parameter=ROOT,
        )
    users = tuple(sorted({user for user, *_ in rows}))
    counts |= Counter({"people": len(users), "images": len(rows) + counts["marked .bad"]})
    published = {"people": 20, "images": 640} if eyes == "all" else {"people": 20, "images": 320}
    column = lambda values: np.array(list(values), np.int32)
    return Samples(
        name="cmu_faces",
        references=tuple(rows.values()),
        expression=column(EXPRESSIONS.index(expression) for _, _, expression, _ in rows),
        pose=column(POSES.index(pose) for _, pose, _, _ in rows),
        identity=column(users.index(user) for user, *_ in rows),
        expression_names=EXPRESSIONS,
        pose_names=POSES,
        identity_names=users,
        pose_yaw=YAW,
        pose_mirror=MIRROR,
        read=read,
        boxes=np.tile(np.array(WINDOWS[window], np.int32), (len(rows), 1)),
        darkest=0.0,  # a few frames are nearly black and yet valid
        skipped=tuple(left.skipped),
        notes=left.notes("cmu_faces") + _counts.differences("cmu_faces", published, counts),
        published="640 images of 20 people, 16 of them marked .bad",
        licence="CC BY 4.0 (UCI Machine Learning Repository, set 124); attribution to Tom Mitchell",
        obtain="UCI Machine Learning Repository, CMU Face Images",
    )


def _files(place: str, links: str):
    """(names, what was left out, name -> bytes) of a folder or archive."""
    root = Path(place)
    if place and root.is_dir():
        found, skipped = _tree.files(place, "cmu_faces", "where the set lies", links=links)
        archives = [name for name in found if ".tar" in name]
        if not any(name.endswith(".pgm") for name in found) and len(archives) == 1:
            content, inside, read = _archive(root / archives[0])
            return content, [*skipped, *inside], read
        return found, skipped, lambda name: _tree.read(place, name)
    if root.is_file():
        return _archive(root)
    raise UserError(f"cmu_faces: no folder or archive at '{place}'; give where the set lies", parameter=ROOT)


def _archive(path: Path):
    # A compressed archive has no random access; the set is small, so it is read once and kept.
    try:
        with tarfile.open(path) as archive:
            members = archive.getmembers()
            content = {m.name.replace("\\", "/"): archive.extractfile(m).read() for m in members if m.isreg()}
    except Exception as error:  # a damaged archive makes its parsers raise whatever they stumble on
        raise UserError(f"cmu_faces: '{path}' cannot be read as a tar archive: {error}") from None
    others = [m.name for m in members if not m.isreg() and not m.isdir()]
    skipped = [Skipped(name, "a link, pipe or device in a tar archive; unpack it") for name in others]
    return list(content), skipped, content.__getitem__


def write_fixture(root: str) -> None:
    """A tiny tree in the set's own layout: 3 people, every trap (bad file, half-size copy, odd name, P2 with
    maxval).
    """
    rng = np.random.default_rng(0)
    for user in ("ann", "bob7", "cy"):
        folder = Path(root) / "faces" / user
        folder.mkdir(parents=True, exist_ok=True)
        for pose in POSES:
            for expression in EXPRESSIONS:
                for glasses in EYES:
                    _write_pgm(folder / f"{user}_{pose}_{expression}_{glasses}.pgm", rng)
    _write_pgm(Path(root) / "faces/ann/ann_up_sad_open.bad", rng)
    _write_pgm(Path(root) / "faces/ann/ann_up_sad_open_2.pgm", rng, (64, 60))
    _write_pgm(Path(root) / "faces/ann/ann_sideways_sad_open.pgm", rng)


def _write_pgm(path: Path, rng: np.random.Generator, size=(128, 120)) -> None:
    top = int(rng.integers(119, 160))
    pixels = rng.integers(0, top + 1, size[1] * size[0])
    path.write_text(
        f"P2\n{size[0]} {size[1]}\n{top}\n"
        + "\n".join(" ".join(map(str, row)) for row in pixels.reshape(-1, 16)),
        encoding="ascii",
    )
