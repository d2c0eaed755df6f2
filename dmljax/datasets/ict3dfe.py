"""ICT-3DFE: BU-3DFE's design on rendered heads of the ICT Face Model Light, an open stand-in.

100 identities drawn from the model x 6 expressions x 4 levels x 9 yaws = 21,600 pictures, 70 identities to
train and 30 to test. The model comes from the repository ICT-VGL/ICT-FaceKit, as its folder FaceXModel or as
one .npz file; it has no texture, so colours are made up. Results on this set are results on rendered faces.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from dmljax.faces import expressions, ict, looks, studio
from dmljax.faces.album import Album
from dmljax.types import ROOT, Samples, UserError

RENDERED = True  # its faces are nobody's
EXPRESSIONS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")
YAW = (-90.0, -60.0, -45.0, -30.0, 0.0, 30.0, 45.0, 60.0, 90.0)
LEVELS = (0.4, 0.6, 0.8, 1.0)
TRAIN = 0.7  # share of the identities


def samples(
    root: str,
    *,
    identities: int = 100,
    size: int = 224,
    window: str = "face",
    difficulty: float = 0.3,
    seed: int = 0,
    cache: str = "",
) -> Samples:
    """The set, rendered from a face model.

    Args:
      root: the model, its .npz file, a folder with it, or the folder of OBJ files.
      identities: how many people, 2 to 100,000.
      size: side of the pictures in pixels, 16 to 1024.
      window: 'face', eyes and mouth in the outer thirds, or the whole 'head'.
      difficulty: 0 to 1, how weak, incomplete and personal expressions may be, how much light and pose vary.
      seed: of all that is drawn at random.
      cache: folder where the pictures are kept; empty: the user's cache.

    Raises:
      UserError: the model is not there or broken, or a field is out of its range.
    """
    for name, value, low, high in (
        ("identities", identities, 2, 100_000),
        ("size", size, 16, 1024),
        ("difficulty", difficulty, 0, 1),
    ):
        if not low <= value <= high:
            raise UserError(f"ict3dfe: {name} must be from {low} to {high}, got {value}")
    if window not in ict.WINDOWS:
        raise UserError(f"ict3dfe: window must be one of {', '.join(ict.WINDOWS)}, got '{window}'")
    if not root:
        raise UserError(
            "ict3dfe: give the ICT Face Model Light: its .npz file or its folder of OBJ files",
            parameter=ROOT,
        )
    place = Path(root).resolve()
    try:
        ict.load(str(place))
    except UserError as error:
        raise UserError(f"ict3dfe: {error}", parameter=ROOT) from None
    grid = np.stack(
        np.meshgrid(
            *(np.arange(n) for n in (identities, len(EXPRESSIONS), len(LEVELS), len(YAW))), indexing="ij"
        ),
        -1,
    ).reshape(-1, 4)
    references = tuple(
        f"{who:03d}/{EXPRESSIONS[what]}/{level + 1}/{YAW[where]:g}" for who, what, level, where in grid
    )
    number = {reference: k for k, reference in enumerate(references)}
    make = partial(
        picture, root=str(place), size=size, window=window, difficulty=float(difficulty), seed=seed
    )
    key = {"window": window, "difficulty": float(difficulty), "seed": seed, "model": _mark(place)}
    album = Album(
        "ict3dfe", key, make, len(grid), size, shard=len(EXPRESSIONS) * len(LEVELS) * len(YAW), folder=cache
    )
    column = lambda k: grid[:, k].astype(np.int32)
    return Samples(
        name="ict3dfe",
        references=references,
        identity=column(0),
        expression=column(1),
        pose=column(3),
        expression_names=EXPRESSIONS,
        pose_names=tuple(f"{yaw:g}" for yaw in YAW),
        identity_names=tuple(f"ict{k:03d}" for k in range(identities)),
        pose_yaw=YAW,
        pose_mirror=tuple(reversed(range(len(YAW)))),
        read=lambda reference: album.read(number[reference]),
        prepare=lambda wanted, **how: album.prepare((number[reference] for reference in wanted), **how),
        published="rendered; BU-3DFE's design has 100 identities, 21,600 images",
        partition=(column(0) >= round(TRAIN * identities)).astype(np.int8),
    )


def _mark(place: Path) -> str:
    """What tells one state of the model's files from another."""
    files = [place] if place.is_file() else sorted(p for p in place.iterdir() if p.suffix in (".npz", ".obj"))
    return hashlib.sha256(
        "".join(f"{p.name}{p.stat().st_size}{p.stat().st_mtime_ns}" for p in files).encode()
    ).hexdigest()[:16]


def picture(number: int, *, root: str, size: int, window: str, difficulty: float, seed: int) -> np.ndarray:
    """Picture `number` of the set, uint8 [size, size, 3]; a pure function of its arguments and the model."""
    rest, where = divmod(number, len(YAW))
    rest, level = divmod(rest, len(LEVELS))
    who, what = divmod(rest, len(EXPRESSIONS))
    model = ict.load(root)
    bust, manner = _person(seed, who, difficulty, root)
    # One performance per scan, photographed from nine sides, as in BU-3DFE.
    performance = np.random.default_rng([seed, 2, who, what, level])
    action = expressions.draw_action(
        performance, EXPRESSIONS[what], manner, level=LEVELS[level], difficulty=difficulty
    )
    rng = _photographer(seed, who, what, level, where)
    conditions = studio.draw_conditions(
        rng, size, yaw=YAW[where], window=ict.WINDOWS[window], difficulty=difficulty
    )
    return studio.photograph(ict.act(model, bust, action), conditions, rng, size)


def _photographer(seed: int, who: int, what: int, level: int, where: int) -> np.random.Generator:
    return np.random.default_rng([seed, 3, who, what, level, where])


def angles(references, *, difficulty: float = 0.3, seed: int = 0, **others) -> np.ndarray:
    """Yaw, pitch and roll of the pictures in degrees, float32 [R, 3].

    Args:
      references: of the set.
      difficulty, seed, others: as of `samples`, the rest of which does not matter here.
    """
    del others
    found = np.empty((len(references), 3), np.float32)
    for k, reference in enumerate(references):
        who, what, level, yaw = reference.split("/")
        cell = int(who), EXPRESSIONS.index(what), int(level) - 1, YAW.index(float(yaw))
        rng = _photographer(seed, *cell)
        found[k] = studio.draw_angles(rng, yaw=YAW[cell[-1]], difficulty=float(difficulty))
    return found


@lru_cache(maxsize=4)
def _person(seed: int, who: int, difficulty: float, root: str):
    rng = np.random.default_rng([seed, 1, who])
    bust = ict.sculpt(ict.load(root), rng.standard_normal(100), looks.draw_look(rng))
    return bust, expressions.draw_manner(rng, difficulty)


def write_fixture(root: str) -> None:
    """A model of the right size with few identities: a rough ball for a head, in the layout of the .npz
    file.
    """
    rng = np.random.default_rng(0)
    count = 26719
    turn, height = rng.uniform(0, 2 * np.pi, count), np.linspace(-1, 1, count)
    ring = np.sqrt(1 - height**2)
    neutral = np.stack([8 * ring * np.cos(turn), 12 * height, 8 * ring * np.sin(turn)], -1).astype(np.float32)
    start = np.arange(0, 24000, 4)
    quads = np.stack([start, start + 1, start + 2, np.where(start % 8, start + 3, -1)], -1).astype(np.int32)
    names = sorted(
        {name + side for unit in ict.UNIT_SHAPES.values() for name in unit for side in ("_L", "_R")}
    )
    offsets = lambda k: 0.01 * rng.standard_normal((k, count, 3)).astype(np.float16)
    np.savez(
        Path(root) / "model.npz",
        neutral=neutral,
        quads=quads,
        identity=offsets(100),
        expression=offsets(len(names)),
        expression_names=np.array(names),
    )
