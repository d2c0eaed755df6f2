"""SFEW 2.0: faces from films, seven expressions; no labels of pose or identity.

Dhall, Murthy, Goecke, Joshi, Gedeon: "Video and image based emotion recognition challenges in the wild:
EmotiW 2015". On disk: the parts `Train`, `Val`, `Test`, in them folders or zip archives a class, as aligned
faces of 143 x 181 pixels and as whole frames. Most images are named `Airheads_000519240_00000005.png` (film,
time, number), some `37.png` or otherwise: labels are those of the folders. How deep they are nested varies
between copies. The film's title is no identity.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections import Counter
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from dmljax.datasets import _counts, _tree
from dmljax.types import MISSING, Protocol, Samples, UserError

CLASSES = ("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")
PARTS = ("train", "val", "test")
KINDS = ("aligned", "frames")
# published counts of each class, and of the test part, whose labels were not published
PUBLISHED = {
    "train": dict(zip(CLASSES, (178, 66, 98, 198, 150, 172, 96))),
    "val": dict(zip(CLASSES, (77, 23, 47, 73, 86, 73, 57))),
    "test": {"images": 372},
}
LICENCE = "non-commercial research, by agreement with its authors; pictures may not be passed on"
OBTAIN = "SFEW is given by its authors on request: cs.anu.edu.au/few"

_PART = re.compile(r"(train(?:ing)?|val(?:idation)?|test(?:ing)?)(?![a-z])")
_FRAMES = re.compile(r"sfew|frames?")


class _File(NamedTuple):
    """What the folders of an image say; its own name says nothing of the labels.

    Attributes:
      part: number in `PARTS`, or None.
      kind: of `KINDS`, '' where no folder says it.
      label: number in `CLASSES`, or None.
    """

    name: str
    part: int | None
    kind: str
    label: int | None


def samples(root: str, *, faces: str = "aligned", links: str = "follow") -> Samples:
    """Train and validation parts; the labels of the test part were never published: it is counted, left out.

    Pose and identity are missing. The validation part is the official test side (`split.kind=given`), as in
    the literature.

    Args:
      root: the folder with Train, Val and Test.
      faces: the 'aligned' faces, or the whole 'frames'; where no folder of a part says which it holds, what
        is there.
      links: 'follow' links wherever they lead, or leave out what leads outside the set's folder ('inside').

    Raises:
      UserError: nothing of the set is there, or an unknown kind of faces.
    """
    if faces not in KINDS:
        raise UserError(f"sfew: faces must be one of {', '.join(KINDS)}, got '{faces}'")
    names, skipped = _tree.files(root, "sfew", "the folder with Train, Val and Test", links=links)
    left = _counts.Left(skipped)
    images = [_parse(name) for name in names if _is_image(name)]
    for name in names:
        if not _is_image(name):
            left.no_image(name)
    said = {image.part for image in images if image.kind == faces}
    rows, counts, unsaid = {}, Counter(), []
    for image in images:
        if image.kind != faces and (image.kind or image.part in said):
            left.count(image.name, f"{image.kind or 'other'} images (sfew.faces={faces})")
        elif image.part is None:
            left.skip(image.name, "it is below neither Train nor Val nor Test")
        elif PARTS[image.part] == "test":
            counts["test images"] += 1
        elif image.label is None:
            left.skip(image.name, f"its folder is none of {', '.join(CLASSES)}")
        elif (key := (image.part, image.label, image.name.rpartition("/")[2])) in rows:
            left.skip(image.name, f"the same photograph as '{rows[key]}'", _tree.TWICE)
        else:
            rows[key] = image.name
            counts[f"{PARTS[image.part]} {CLASSES[image.label]}"] += 1
            unsaid += [] if image.kind else [image.name]
    if not rows:
        raise _counts.nothing(
            "sfew",
            root,
            f"*.png in a class folder of {faces} faces below Train or Val",
            len(names),
            OBTAIN,
            names,
        )
    if unlabelled := counts["test images"]:
        left.skip("Test", f"{unlabelled} images without published labels", "without published labels")
    published = {
        f"{part} {label}": count for part, labels in PUBLISHED.items() for label, count in labels.items()
    }
    notes = left.notes("sfew") + _counts.differences("sfew", published, counts)
    if unsaid:
        notes += (
            f"sfew: no folder says whether {len(unsaid):,} images (e.g. '{unsaid[0]}') are aligned faces or"
            f" whole frames; they are taken as {faces}",
        )
    none = np.full(len(rows), MISSING, np.int32)
    return Samples(
        name="sfew",
        references=tuple(rows.values()),
        expression=np.array([label for _, label, _ in rows], np.int32),
        pose=none,
        identity=none,
        expression_names=CLASSES,
        pose_names=(),
        identity_names=(),
        pose_yaw=(),
        pose_mirror=(),
        read=partial(_tree.read, root),
        skipped=tuple(left.skipped),
        published=", ".join(
            f"{sum(labels.values())} {part} ({', '.join(f'{n} {c}' for n, c in labels.items())})"
            for part, labels in PUBLISHED.items()
        ),
        licence=LICENCE,
        obtain=OBTAIN,
        protocol=Protocol(0, 0, 958, 436),
        notes=notes,
        partition=np.array([part for part, _, _ in rows], np.int8),
    )


def _is_image(name: str) -> bool:
    """By its ending; a name that lost it counts, too, and reading it will say."""
    return _tree.is_image(name) or "." not in name.rpartition("/")[2]


def _parse(name: str) -> _File:
    """An archive counts as a folder; the part is that of the outermost folder that says one."""
    words = [word.lower() for word in name.replace(_tree.INSIDE, "/").split("/")[:-1]]
    where = next((k for k, word in enumerate(words) if _PART.match(word)), None)
    below = [] if where is None else words[where:]
    kinds = {"aligned": any("aligned" in word for word in words), "frames": any(map(_FRAMES.search, below))}
    known = {label.lower(): k for k, label in enumerate(CLASSES)}
    return _File(
        name,
        next((k for k, part in enumerate(PARTS) if below and below[0].startswith(part)), None),
        next((kind for kind, holds in kinds.items() if holds), ""),
        next((known[word] for word in reversed(words[-2:]) if word in known), None),
    )


def write_fixture(root: str) -> None:
    """A tiny tree with the set's names and every trap: validation nested deeper, a class as a zip archive,
    whole frames beside the aligned faces, a test part without classes, an unknown class, a film's title with
    a class in it, images without film and time in their names, files that are no images.
    """
    rng, base = np.random.default_rng(0), Path(root)
    for k, label in enumerate(CLASSES):
        for n in range(3):
            _write(base / f"Train/Train_Aligned_Faces/{label}/Sad_Movie_00051924{k}_0000000{n}.png", rng)
            _write(base / f"Train/Train_SFEW_2_0/{label}/Sad_Movie_00051924{k}_0000000{n}.png", rng)
        if label == "Fear":
            path = base / "Val/Val_Aligned_Faces_new/Val_Aligned_Faces/Fear.zip"
            path.parent.mkdir(parents=True, exist_ok=True)
            with zipfile.ZipFile(path, "w") as archive:
                for n in range(2):
                    archive.writestr(f"Fear/Airheads_00000000{k}_0000000{n}.png", _png(rng))
        else:
            for n in range(2):
                _write(
                    base
                    / f"Val/Val_Aligned_Faces_new/Val_Aligned_Faces/{label}"
                    / f"Airheads_00000000{k}_0000000{n}.png",
                    rng,
                )
    _write(base / "Test/Test_Aligned_Faces/Hangover_000000001_00000001.png", rng)
    for odd in ("37.png", "OceansThirteen-010619400_00000087.png", "IAmSam_013827920__00000055.png"):
        _write(base / f"Train/Train_Aligned_Faces/Disgust/{odd}", rng)
    (base / "Train/Train_Aligned_Faces/Disgust/Thumbs.db").write_bytes(b"")
    (base / "Train/Train_Aligned_Faces/Disgust/._37.png").write_bytes(b"")
    _write(base / "Train/Train_Aligned_Faces/Bored/Airheads_000000009_00000001.png", rng)


def _png(rng: np.random.Generator) -> bytes:
    file = io.BytesIO()
    Image.fromarray(rng.integers(40, 220, (181, 143, 3)).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def _write(path: Path, rng: np.random.Generator) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_png(rng))
