"""SFEW 2.0: faces from films, seven expressions; no labels of pose or identity.

Dhall, Murthy, Goecke, Joshi, Gedeon: "Video and image based emotion recognition challenges in the wild:
EmotiW 2015". On disk: the parts `Train`, `Val`, `Test`, in them folders or zip archives a class,
`Airheads_000519240_00000005.png` (film, time, number), as aligned faces of 143 x 181 pixels and as whole
frames. How deep they are nested varies between copies. The film's title is no identity.
"""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from dmljax.datasets import _tree
from dmljax.types import MISSING, Protocol, Samples, Skipped, UserError

CLASSES = ("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")
PARTS = ("train", "val", "test")
KINDS = ("aligned", "frames")
# published counts
VALIDATION = {"Angry": 77, "Disgust": 23, "Fear": 47, "Happy": 73, "Neutral": 86, "Sad": 73, "Surprise": 57}
LICENCE = "non-commercial research, by agreement with its authors; pictures may not be passed on"
OBTAIN = "SFEW is given by its authors on request: cs.anu.edu.au/few"

_NAME = re.compile(r".+_\d+_\d+\.(png|jpg|jpeg|tif)", re.IGNORECASE)


def samples(root: str, *, faces: str = "aligned") -> Samples:
    """Train and validation parts; the labels of the test part were never published: it is counted, left out.

    Pose and identity are missing. The validation part is the official test side (`split.kind=given`), as in
    the literature.

    Args:
      root: the folder with Train, Val and Test.
      faces: the 'aligned' faces, or the whole 'frames'.

    Raises:
      UserError: nothing of the set is there, or an unknown kind of faces.
    """
    if faces not in KINDS:
        raise UserError(f"sfew: faces must be one of {', '.join(KINDS)}, got '{faces}'")
    names, skipped = _tree.files(root, "sfew", "the folder with Train, Val and Test")
    rows, others, unlabelled = [], [], 0
    for name in names:
        *folders, file = re.split(r"/", name.replace(_tree.INSIDE, "/"))
        if _NAME.fullmatch(file) is None:
            others.append(name)
            continue
        words = [folder.lower() for folder in folders]
        part = next(
            (k for k, part in enumerate(PARTS) if any(re.match(rf"{part}(\b|_)", word) for word in words)),
            None,
        )
        kind = "aligned" if any("aligned" in word for word in words) else "frames"
        label = next((k for k, label in enumerate(CLASSES) if words and words[-1] == label.lower()), None)
        if label is None and len(words) > 1:  # an archive may hold a folder of its own
            label = next((k for k, label in enumerate(CLASSES) if words[-2] == label.lower()), None)
        if kind != faces:
            continue
        if part is None:
            skipped.append(Skipped(name, "it is below neither Train nor Val nor Test"))
        elif PARTS[part] == "test":
            unlabelled += 1
        elif label is None:
            skipped.append(Skipped(name, f"its folder is none of {', '.join(CLASSES)}"))
        else:
            rows.append((name, label, part))
    if not rows:
        raise _tree.nothing(
            "sfew",
            root,
            f"<film>_<time>_<number>.png in a class folder of {faces} faces",
            len(others),
            OBTAIN,
            others,
        )
    if unlabelled:
        reason = f"{unlabelled} images without published labels"
        skipped.append(Skipped("Test", reason, "without published labels"))
    none = np.full(len(rows), MISSING, np.int32)
    return Samples(
        name="sfew",
        references=tuple(row[0] for row in rows),
        expression=np.array([row[1] for row in rows], np.int32),
        pose=none,
        identity=none,
        expression_names=CLASSES,
        pose_names=(),
        identity_names=(),
        pose_yaw=(),
        pose_mirror=(),
        read=lambda name: _tree.read(root, name),
        skipped=tuple(skipped),
        published=(
            f"958 train, {sum(VALIDATION.values())} validation"
            f" ({', '.join(f'{n} {c}' for c, n in VALIDATION.items())}), 372 test images"
        ),
        licence=LICENCE,
        obtain=OBTAIN,
        protocol=Protocol(0, 0, 958, 436),
        partition=np.array([row[2] for row in rows], np.int8),
    )


def write_fixture(root: str) -> None:
    """A tiny tree with the set's names and every trap: validation nested deeper, a class as a zip archive,
    whole frames beside the aligned faces, a test part without classes, an unknown class, a film's title with
    a class in it.
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
    _write(base / "Train/Train_Aligned_Faces/Bored/Airheads_000000009_00000001.png", rng)


def _png(rng: np.random.Generator) -> bytes:
    file = io.BytesIO()
    Image.fromarray(rng.integers(40, 220, (181, 143, 3)).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def _write(path: Path, rng: np.random.Generator) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_png(rng))
