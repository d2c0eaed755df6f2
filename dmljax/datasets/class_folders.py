"""One's own images in a folder a class: FOLDER/<class>/*.jpg, or FOLDER/train/<class>/*.jpg with other parts.

As torchvision's ImageFolder has them; RAF-DB, FER2013 and AffectNet are often passed on so. Parts are named
`train` (or `training`), `test` (`testing`) and `val` (`valid`, `validation`). With a test and a validation
part the one tests and the other chooses the best checkpoint; of a single one beside `train`, it tests.
Folders of classes may be zip archives. Who is on an image is not known; `dataset.labels` can add it.
"""

from __future__ import annotations

import os
import re
from functools import partial
from pathlib import Path

import numpy as np

from dmljax import tables
from dmljax.datasets import _counts, _poses, _tree
from dmljax.types import EXPRESSION, MISSING, POSE, Samples, UserError

HOLD = (EXPRESSION, POSE)
TRAIN, TEST, VALIDATION = 0, 1, 2  # see `Samples.partition`
_PARTS = {
    re.compile("train(?:ing)?", re.IGNORECASE): TRAIN,
    re.compile("test(?:ing)?", re.IGNORECASE): TEST,
    re.compile("val(?:id(?:ation)?)?", re.IGNORECASE): VALIDATION,
}
_EXPECTED = "a folder with a folder of images for each class, or with train and test that have these"


def samples(root: str, *, classes: str = "expression", mirrors: str = "", links: str = "follow") -> Samples:
    """The samples of class folders; the folders' names are the classes, digits too.

    Args:
      root: the folder of the classes or of the parts.
      classes: what the folders tell apart, the 'expression' or the 'pose'. A pose whose name is a number is a
        yaw in degrees.
      mirrors: poses that a horizontal flip swaps, where they are words: 'left:right,frontal'.
      links: 'follow' links of images and folders wherever they lead, or leave out what leads outside the
        folder ('inside').

    Raises:
      UserError: no such folder, no image in a class folder, or one class only.
    """
    if classes not in HOLD:
        raise UserError(f"class_folders: classes must be one of {', '.join(HOLD)}, got '{classes}'")
    names, skipped = _tree.files(root, "class_folders", _EXPECTED, links=links)
    left = _counts.Left(skipped)
    images = []
    for name in names:
        images += [name] if _tree.is_image(name) else []
        if not _tree.is_image(name):
            left.no_image(name)
    above = _above(images)
    in_parts = any(_part(_folders(name)[above:]) is not None for name in images)
    rows: list[tuple[str, int, str]] = []
    depth = above + in_parts  # how many folders lie above those of the classes
    for name in images:
        folders = _folders(name)
        part = _part(folders[above:]) if in_parts else TRAIN
        if part is None:
            left.skip(name, "it is below neither train nor test nor validation")
        elif len(folders) <= depth:
            left.count(name, "images in no class folder")
        else:
            rows.append((name, part, folders[depth]))
    if not rows:
        said = f"It is {_EXPECTED}."
        raise _counts.nothing("class_folders", root, "<class>/*.jpg", len(names), said, names)
    spelled, several = tables.spellings([folder for _, _, folder in rows])
    name_of = {folder: spelled.get(folder, folder) for _, _, folder in rows}  # a class may be called none
    found = tuple(sorted(set(name_of.values()), key=_poses.by_number_and_name))
    if len(found) < 2:
        raise UserError(
            f"class_folders: '{root}' has one class only, '{found[0]}', and nothing can be told apart;"
            f" expected {_EXPECTED}"
        )
    for folder in _empty(root, {"/".join(name.split("/")[: depth + 1]) for name, _, _ in rows}):
        left.skip(folder, "a class folder without an image")
    codes = np.array([found.index(name_of[folder]) for _, _, folder in rows], np.int32)
    nothing, expressions = np.full(len(rows), MISSING, np.int32), classes == EXPRESSION
    poses = () if expressions else found
    partition = _partition(np.array([part for _, part, _ in rows], np.int8))
    return Samples(
        name="class_folders",
        references=tuple(name for name, _, _ in rows),
        expression=codes if expressions else nothing,
        pose=nothing if expressions else codes,
        identity=nothing,
        expression_names=found if expressions else (),
        pose_names=poses,
        identity_names=(),
        pose_yaw=tuple(tables.number(name) for name in poses),
        pose_mirror=_poses.mirror(poses, mirrors, "class_folders"),
        read=partial(_tree.read, root),
        skipped=tuple(left.skipped),
        notes=(
            *left.notes("class_folders"),
            *(f"class_folders: taken as one class: {', '.join(map(repr, one))}" for one in several),
            *_unlearnt(codes, partition, found),
        ),
        partition=partition,
        place=str(Path(root).resolve()),
    )


def _folders(name: str) -> list[str]:
    """The folders of an image, from above; an archive counts as one."""
    return [folder.removesuffix(".zip") for folder in name.split("/")[:-1]]


def _part(folders: list[str]) -> int | None:
    """The part that a folder is named by."""
    known = (number for pattern, number in _PARTS.items() if folders and pattern.fullmatch(folders[0]))
    return next(known, None)


def _above(images: list[str]) -> int:
    """How many folders lie above those of the classes or parts: each holds one folder and nothing else."""
    folders, above = [_folders(name) for name in images], 0
    while (
        folders
        and all(len(each) > above + 1 for each in folders)
        and len({each[above] for each in folders}) == 1
        and _part(folders[0][above:]) is None
    ):
        above += 1
    return above


def _empty(root: str, full: set[str]) -> list[str]:
    """Folders beside those of the classes in which there is no image."""
    found = []
    for place in sorted({path.rpartition("/")[0] for path in full}):
        if os.path.isdir(os.path.join(root, place)):
            with os.scandir(os.path.join(root, place)) as entries:
                inside = sorted(e.name for e in entries if e.is_dir() and not e.name.startswith((".", "__")))
            found += [path for name in inside if (path := f"{place}/{name}".lstrip("/")) not in full]
    return found


def _partition(parts: np.ndarray) -> np.ndarray | None:
    """The official split, if there are images to train on and to test on."""
    if (parts == TEST).any():
        return parts if (parts == TRAIN).any() else None
    if (parts == TRAIN).any() and (parts == VALIDATION).any():
        return np.where(parts == VALIDATION, TEST, parts).astype(np.int8)
    return None


def _unlearnt(codes: np.ndarray, partition: np.ndarray | None, names: tuple[str, ...]) -> list[str]:
    """What to tell of classes that are in no training image."""
    if partition is None:
        return []
    absent = [name for k, name in enumerate(names) if not (codes[partition == TRAIN] == k).any()]
    return [f"class_folders: no training image of the class {', '.join(absent)}"] if absent else []


def write_fixture(root: str) -> None:
    """A tiny tree (binary PPM) with parts, classes that are digits, a stray file and a file that is none."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 4), ("val", 2), ("test", 2)):
        for name in ("1", "2", "7"):
            folder = Path(root) / part / name
            folder.mkdir(parents=True, exist_ok=True)
            for k in range(count):
                pixels = rng.integers(40, 220, (36, 30, 3)).astype(np.uint8)
                (folder / f"{part}_{k}.ppm").write_bytes(b"P6\n30 36\n255\n" + pixels.tobytes())
    (Path(root) / "train" / "stray.ppm").write_bytes(b"P6\n1 1\n255\n\0\0\0")
    (Path(root) / "train" / "1" / "notes.txt").write_text("no image", encoding="utf-8")
