"""The embedded default: rendered faces with exact labels; nothing to download.

Heads in real 3-D with shapes and colours of their own, expressions as action units with a person's own
manner, any poses with true occlusion, and light, background, blur and noise that change from picture to
picture. On demand glasses, sunglasses, beards and grey film. Labels are independent by construction: every
identity shows every expression in every pose. Results on this set are results on synthetic, rendered faces
and say nothing about photographs.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from dmljax.datasets import _pictures
from dmljax.datasets._pictures import Options, picture
from dmljax.faces import expressions, head, studio
from dmljax.faces.album import Album, is_album
from dmljax.types import MISSING, ROOT, Samples, UserError, nearest

RENDERED = True  # its faces are nobody's
EXPRESSIONS = expressions.EXPRESSIONS
_RANGES = {
    "identities": (1, 100_000),
    "images": (1, 1000),
    "size": (16, 512),
    "difficulty": (0, 1),
    "glasses": (0, 1),
    "sunglasses": (0, 1),
    "beards": (0, 1),
    "seed": (0, 2**31),
}
YAWS = (-90, -45, 0, 45, 90)  # degrees, of the poses unless told otherwise
_STEEPEST = 60.0  # degrees of pitch; beyond it nothing of the face is left


def samples(
    root: str = "",
    *,
    identities: int = 100,
    images: int = 1,
    size: int = 224,
    window: str = "face",
    difficulty: float = 0.3,
    expressions: str = "",
    poses: str = "",
    glasses: float = 0.0,
    sunglasses: float = 0.0,
    beards: float = 0.0,
    film: str = "colour",
    seed: int = 0,
) -> Samples:
    """identities x expressions x poses x images pictures, made once and kept.

    Args:
      root: folder where they are kept; empty: the user's cache.
      identities: how many people, 1 to 100,000.
      images: of each identity, expression and pose, 1 to 1000.
      size: side of the pictures in pixels, 16 to 512.
      window: 'face', eyes and mouth in the outer thirds, or the whole 'head'.
      difficulty: 0 to 1, how weak, incomplete and personal expressions may be, how much light and pose vary.
      expressions: those shown, comma-separated; empty: all seven.
      poses: yaws in degrees, each with a pitch if it has one, as in '-45,0,45,0/30'; positive: the nose
        points to the right of the image, the chin is up; empty: -90,-45,0,45,90.
      glasses: share of people who wear glasses, 0 to 1.
      sunglasses: share of pictures with sunglasses, 0 to 1.
      beards: share of people with full beards, 0 to 1.
      film: 'colour', or 'grey', snapshots by flash with a hard contrast.
      seed: of all that is drawn at random, from 0.

    Raises:
      UserError: a field out of its range, or an unknown window, film, expression or pose.
    """
    options = options_of(
        images=images,
        size=size,
        window=window,
        difficulty=difficulty,
        expressions=expressions,
        poses=poses,
        glasses=glasses,
        sunglasses=sunglasses,
        beards=beards,
        film=film,
        seed=seed,
    )
    _check(identities, options)
    grid = np.stack(
        np.meshgrid(
            np.arange(identities),
            np.arange(len(options.expressions)),
            np.arange(len(options.poses)),
            np.arange(options.images),
            indexing="ij",
        ),
        -1,
    ).reshape(-1, 4)
    _check_folder(root)
    references = tuple("/".join(map(str, row)) for row in grid)
    number = {reference: k for k, reference in enumerate(references)}
    each = len(grid) // identities
    album = Album(
        "synthetic",
        options._asdict(),
        partial(picture, options=options),
        len(grid),
        options.size,
        shard=each,
        folder=root,
    )
    column = lambda k: grid[:, k].astype(np.int32)
    return Samples(
        name="synthetic",
        references=references,
        identity=column(0),
        expression=column(1),
        pose=column(2),
        expression_names=options.expressions,
        pose_names=tuple(f"{yaw:g}/{pitch:g}" if pitch else f"{yaw:g}" for yaw, pitch in options.poses),
        identity_names=tuple(f"rendered{k:03d}" for k in range(identities)),
        pose_yaw=tuple(float("nan") if pitch else yaw for yaw, pitch in options.poses),
        pose_mirror=tuple(
            options.poses.index((-yaw, pitch)) if (-yaw, pitch) in options.poses else MISSING
            for yaw, pitch in options.poses
        ),
        read=lambda reference: album.read(number[reference]),
        prepare=lambda wanted, **how: album.prepare((number[reference] for reference in wanted), **how),
    )


def options_of(*, difficulty: float, expressions: str, poses: str, **fields) -> Options:
    """The options of the pictures by the fields of `samples`.

    Raises:
      UserError: an unknown expression or pose.
    """
    return Options(
        difficulty=float(difficulty), expressions=_expressions(expressions), poses=_poses(poses), **fields
    )


def _check(identities: int, options: Options) -> None:
    given = {"identities": identities, **options._asdict()}
    for name, (low, high) in _RANGES.items():
        if not low <= given[name] <= high:
            raise UserError(f"synthetic: {name} must be from {low} to {high}, got {given[name]}")
    for name, known in (("window", tuple(head.WINDOWS)), ("film", studio.FILMS)):
        if given[name] not in known:
            raise UserError(f"synthetic: {name} must be one of {', '.join(known)}, got '{given[name]}'")


def _expressions(text: str) -> tuple[str, ...]:
    """The expressions of a field in the order of `EXPRESSIONS`, so that classes do not depend on how they are
    written.
    """
    names = {name.strip() for name in text.split(",") if name.strip()} or set(EXPRESSIONS)
    unknown = sorted(names - set(EXPRESSIONS))
    if unknown:
        name = unknown[0]
        raise UserError(
            f"synthetic: expressions has '{name}'; there are"
            f" {', '.join(EXPRESSIONS)}.{nearest(name, EXPRESSIONS)}"
        )
    return tuple(name for name in EXPRESSIONS if name in names)


def _poses(text: str) -> tuple[tuple[float, float], ...]:
    """The (yaw, pitch) of each pose class, in the order in which they are written."""
    if not text.strip():
        return tuple((float(yaw), 0.0) for yaw in YAWS)
    found = []
    for word in text.split(","):
        yaw, _, pitch = word.strip().partition("/")
        try:
            pose = float(yaw), float(pitch or 0)
        except ValueError:
            raise UserError(
                f"synthetic: poses has '{word.strip()}'; expected a yaw in degrees, or yaw/pitch, as in"
                " '-45,0,45,0/30'"
            ) from None
        if not (-90 <= pose[0] <= 90 and -_STEEPEST <= pose[1] <= _STEEPEST):
            raise UserError(
                f"synthetic: a pose must have a yaw from -90 to 90 and a pitch from -{_STEEPEST:g} to"
                f" {_STEEPEST:g}, got '{word.strip()}'"
            )
        found.append(pose)
    if len(set(found)) < len(found):
        raise UserError(f"synthetic: poses names one twice: '{text}'")
    return tuple(found)


def angles(
    references,
    *,
    difficulty: float = 0.3,
    expressions: str = "",
    poses: str = "",
    seed: int = 0,
    **others,
) -> np.ndarray:
    """Yaw, pitch and roll of the pictures in degrees, float32 [R, 3].

    Args:
      references: of the set.
      difficulty, expressions, poses, seed, others: as of `samples`, the rest of which does not matter here.
    """
    del others
    shown, places = _expressions(expressions), _poses(poses)
    found = np.empty((len(references), 3), np.float32)
    for k, reference in enumerate(references):
        who, what, where, which = map(int, reference.split("/"))
        cell = who, shown[what], where, which
        found[k] = _pictures.angles(*cell, pose=places[where], difficulty=float(difficulty), seed=seed)
    return found


def _check_folder(root: str) -> None:
    """Refuses a folder of somebody's own images, which are not read: who names one expects them to be."""
    there = Path(root).iterdir() if root and Path(root).is_dir() else ()
    other = [path.name for path in there if not (path.name.startswith(".") or is_album(path))]
    if other:
        raise UserError(
            f"synthetic draws its faces and reads none; '{root}', where it would keep them, holds"
            f" '{sorted(other)[0]}'. For images of your own choose dataset.name=folder, or leave this empty",
            parameter=ROOT,
        )


def write_fixture(root: str) -> None:
    """Nothing: the set is rendered, not read."""
