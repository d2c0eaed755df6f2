"""The embedded default: rendered faces with exact labels; nothing to download.

Heads in real 3-D with shapes and colours of their own, expressions as action units with a person's own manner, five yaws
with true occlusion, and light, background, blur and noise that change from picture to picture. Labels are independent by
construction: every identity shows every expression in every pose. Results on this set are results on synthetic, rendered
faces and say nothing about photographs.
"""
from __future__ import annotations

from functools import lru_cache, partial

import numpy as np

from dmljax.faces import expressions, head, studio
from dmljax.faces.album import Album
from dmljax.types import Samples, UserError

EXPRESSIONS = expressions.EXPRESSIONS
YAW = (-90.0, -45.0, 0.0, 45.0, 90.0)
_RANGES = {"identities": (1, 100_000), "images": (1, 1000), "size": (16, 512), "difficulty": (0, 1), "seed": (0, 2**31)}


def default_config() -> dict:
    """Fields: `identities`; `images` per identity, expression and pose; `size` of the pictures in pixels; `window`: 'face', eyes and
    mouth in the outer thirds, or the whole 'head'; `difficulty` 0..1 (how weak, incomplete and personal expressions may be, how much
    light and pose vary); `seed` of all that is drawn at random."""
    return {"identities": 24, "images": 1, "size": 64, "window": "face", "difficulty": 0.3, "seed": 0}


def samples(root: str = "", *, identities: int = 24, images: int = 1, size: int = 64, window: str = "face",
            difficulty: float = 0.3, seed: int = 0) -> Samples:
    """identities x 7 expressions x 5 yaws x images pictures, made once and kept in `root` (default: the user's cache).

    Raises:
      UserError: a field out of its range, or an unknown window.
    """
    given = {"identities": identities, "images": images, "size": size, "difficulty": difficulty, "seed": seed}
    for name, value in given.items():
        low, high = _RANGES[name]
        if not low <= value <= high:
            raise UserError(f"synthetic: {name} must be from {low} to {high}, got {value}")
    if window not in head.WINDOWS:
        raise UserError(f"synthetic: window must be one of {', '.join(head.WINDOWS)}, got '{window}'")
    grid = np.stack(np.meshgrid(np.arange(identities), np.arange(len(EXPRESSIONS)), np.arange(len(YAW)), np.arange(images),
                                indexing="ij"), -1).reshape(-1, 4)
    references = tuple("/".join(map(str, row)) for row in grid)
    number = {reference: k for k, reference in enumerate(references)}
    make = partial(picture, images=images, size=size, window=window, difficulty=float(difficulty), seed=seed)
    key = {"images": images, "window": window, "difficulty": float(difficulty), "seed": seed}
    album = Album("synthetic", key, make, len(grid), size, shard=len(EXPRESSIONS) * len(YAW) * images, folder=root)
    column = lambda k: grid[:, k].astype(np.int32)  # noqa: E731
    return Samples(
        name="synthetic",
        references=references,
        identity=column(0),
        expression=column(1),
        pose=column(2),
        expression_names=EXPRESSIONS,
        pose_names=tuple(f"{yaw:g}" for yaw in YAW),
        identity_names=tuple(f"rendered{k:03d}" for k in range(identities)),
        pose_yaw=YAW,
        pose_mirror=tuple(reversed(range(len(YAW)))),
        read=lambda reference: album.read(number[reference]),
        prepare=lambda wanted, **how: album.prepare((number[reference] for reference in wanted), **how),
    )


def picture(number: int, *, images: int, size: int, window: str, difficulty: float, seed: int) -> np.ndarray:
    """Picture `number` of the set, uint8 [size, size, 3]; a pure function of its arguments."""
    rest, which = divmod(number, images)
    rest, where = divmod(rest, len(YAW))
    who, what = divmod(rest, len(EXPRESSIONS))
    bust, manner = _person(seed, who, difficulty)
    rng = np.random.default_rng([seed, 2, who, what, where, which])
    level = rng.uniform(1 - 0.8 * difficulty, 1)
    action = expressions.draw_action(rng, EXPRESSIONS[what], manner, level=level, difficulty=difficulty)
    gaze = (0.10 * rng.standard_normal(), -0.05 + 0.05 * rng.standard_normal())
    conditions = studio.draw_conditions(rng, size, yaw=YAW[where], window=head.WINDOWS[window], difficulty=difficulty)
    return studio.photograph(head.act(bust, action, gaze=gaze), conditions, rng, size)


@lru_cache(maxsize=4)
def _person(seed: int, who: int, difficulty: float):
    rng = np.random.default_rng([seed, 1, who])
    return head.sculpt(head.draw_person(rng)), expressions.draw_manner(rng, difficulty)


def write_fixture(root: str) -> None:
    """Nothing: the set is rendered, not read."""
