"""The embedded default: drawn faces with exact labels; nothing to download.

A face is a plain drawing made of soft-edged shapes: identity sets proportions and colours, expression moves brows,
lids and mouth with an intensity of its own in every image, yaw carries the features across the head and hides the far
eye. Labels are independent by construction: every identity shows every expression in every pose. Results on this set
are results on synthetic drawings and say nothing about photographs.
"""
from __future__ import annotations

import numpy as np

from dmljax.types import Samples, UserError

EXPRESSIONS = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
YAW = (-90.0, -45.0, 0.0, 45.0, 90.0)

# Per expression: mouth corners up, mouth opening, inner brows up, outer brows up, lids open, nose wrinkle, mouth width.
_ACTIONS = {
    "anger": (-0.35, 0.0, -1.0, 0.25, -0.35, 0.3, -0.2),
    "disgust": (-0.7, 0.15, -0.6, -0.2, -0.6, 1.0, -0.1),
    "fear": (-0.4, 0.5, 0.9, 0.1, 0.7, 0.0, 0.35),
    "happiness": (1.0, 0.3, 0.1, 0.1, -0.3, 0.15, 0.4),
    "neutral": (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    "sadness": (-0.9, 0.0, 0.8, -0.5, -0.45, 0.0, -0.1),
    "surprise": (0.0, 1.0, 0.8, 0.9, 0.8, 0.0, -0.3),
}


def default_config() -> dict:
    """Fields: `identities`, `images` per identity, expression and pose, drawing `size` in pixels, `noise` (standard
    deviation of the grey levels), `difficulty` 0..1 (how weak expressions may be and how much identities differ), `seed` of all drawings."""
    return {"identities": 24, "images": 1, "size": 64, "noise": 6.0, "difficulty": 0.5, "seed": 0}


def samples(root: str = "", *, identities: int = 24, images: int = 1, size: int = 64, noise: float = 6.0,
            difficulty: float = 0.5, seed: int = 0) -> Samples:
    """identities x 7 expressions x 5 yaws x images drawings; `root` is not used.

    Raises:
      UserError: a field out of its range.
    """
    for name, value, low, high in (("identities", identities, 1, 100_000), ("images", images, 1, 1000),
                                   ("size", size, 16, 512), ("noise", noise, 0, 255), ("difficulty", difficulty, 0, 1)):
        if not low <= value <= high:
            raise UserError(f"synthetic: {name} must be from {low} to {high}, got {value}")
    grid = np.stack(np.meshgrid(np.arange(identities), np.arange(len(EXPRESSIONS)), np.arange(len(YAW)), np.arange(images),
                                indexing="ij"), -1).reshape(-1, 4)

    def read(reference: str) -> np.ndarray:
        who, what, where, which = (int(part) for part in reference.split("/"))
        return draw(who, what, where, which, size=size, noise=noise, difficulty=difficulty, seed=seed)

    column = lambda k: grid[:, k].astype(np.int32)  # noqa: E731
    return Samples(
        name="synthetic",
        references=tuple("/".join(map(str, row)) for row in grid),
        identity=column(0),
        expression=column(1),
        pose=column(2),
        expression_names=EXPRESSIONS,
        pose_names=tuple(f"{yaw:g}" for yaw in YAW),
        identity_names=tuple(f"drawn{k:03d}" for k in range(identities)),
        pose_yaw=YAW,
        pose_mirror=tuple(reversed(range(len(YAW)))),
        read=read,
    )


class _Canvas:
    """An RGB image on which soft-edged shapes are painted; coordinates -1..1, y downwards."""

    def __init__(self, size: int, background: np.ndarray):
        axis = (np.arange(size) + 0.5) / size * 2 - 1
        self.y, self.x = np.meshgrid(axis, axis, indexing="ij")
        self.soft = 1.5 * 2 / size
        self.image = np.broadcast_to(background, (size, size, 3)).astype(np.float64).copy()

    def _paint(self, inside: np.ndarray, colour, opacity: float) -> None:
        cover = np.clip(0.5 - inside / self.soft, 0, 1)[..., None] * opacity
        self.image += cover * (np.asarray(colour) - self.image)

    def ellipse(self, x, y, rx, ry, colour, opacity=1.0) -> None:
        rx, ry = max(rx, 1e-3), max(ry, 1e-3)
        radius = np.hypot((self.x - x) / rx, (self.y - y) / ry)
        self._paint((radius - 1) * min(rx, ry), colour, opacity)

    def curve(self, x0, y0, x1, y1, bend, thickness, colour, opacity=1.0) -> None:
        """A parabola from (x0, y0) to (x1, y1), its middle lowered by `bend`."""
        if abs(x1 - x0) < 1e-3:
            return
        t = np.clip((self.x - x0) / (x1 - x0), 0, 1)
        line_x, line_y = x0 + t * (x1 - x0), y0 + t * (y1 - y0) + bend * 4 * t * (1 - t)
        self._paint(np.hypot(self.x - line_x, self.y - line_y) - thickness, colour, opacity)


def draw(who: int, what: int, where: int, which: int, *, size: int, noise: float, difficulty: float, seed: int) -> np.ndarray:
    """One drawing, uint8 [size, size, 3]: person `who`, expression `what`, yaw class `where`, repetition `which`."""
    person = np.random.default_rng([seed, 1, who])
    image = np.random.default_rng([seed, 2, who, what, where, which])
    spread = 0.5 + difficulty
    shape = 1 + 0.12 * spread * person.standard_normal(8).clip(-2, 2)
    habit = 0.25 * difficulty * person.standard_normal(7)  # a resting face and a manner of one's own
    manner = 1 + 0.35 * difficulty * person.standard_normal(7)
    skin = np.array([205, 165, 140]) * person.uniform(0.55, 1.15) + 12 * person.standard_normal(3)
    hair = np.array([90, 65, 45]) * person.uniform(0.2, 2.0)
    lips = skin * [0.85, 0.6, 0.6]
    intensity = image.uniform(1 - 0.75 * difficulty, 1)
    action = np.array(_ACTIONS[EXPRESSIONS[what]]) * intensity * manner + habit + 0.06 * difficulty * image.standard_normal(7)
    yaw = np.deg2rad(YAW[where] + 5 * image.standard_normal())

    canvas = _Canvas(size, 128 + 50 * image.standard_normal(3))
    cx, cy = 0.06 * image.standard_normal(2)
    canvas.image *= image.uniform(0.8, 1.2)
    _head(canvas, cx, cy, yaw, shape, action, skin, hair, lips)
    light = 1 + 0.25 * image.uniform(-1, 1) * canvas.x + 0.15 * image.standard_normal()
    pixels = canvas.image * light[..., None] + noise * image.standard_normal(canvas.image.shape)
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def _head(canvas, cx, cy, yaw, shape, action, skin, hair, lips) -> None:
    corner, opening, inner, outer, lids, wrinkle, wide = action
    width, height = 0.62 * shape[0], 0.8 * shape[1]
    canvas.ellipse(cx - 0.10 * np.sin(yaw), cy - 0.12, width * 1.12, height * 1.02, hair)
    canvas.ellipse(cx, cy, width * (0.92 + 0.08 * np.cos(yaw)), height, skin)
    canvas.ellipse(cx, cy - height * 0.92, width * 0.8, height * 0.28 * shape[7], hair)

    def place(longitude: float, y: float):
        """A point of the head's surface -> (x, y, foreshortening); not positive where it is turned away."""
        angle = yaw + longitude
        return cx + width * 0.92 * np.sin(angle), cy + y, np.cos(angle)

    eye_y, brow_y, mouth_y = -0.2 * shape[2], -0.38 * shape[2] - 0.02 * shape[3], 0.42 * shape[4]
    for side in (-1, 1):
        x, y, near = place(side * 0.5 * shape[5], eye_y)
        if near > 0.05:
            rx, ry = 0.15 * near, 0.075 * max(0.15, 1 + 0.85 * lids)
            canvas.ellipse(x, y, rx, ry, (240, 240, 235))
            canvas.ellipse(x + 0.03 * np.sin(yaw), y, 0.055 * min(1, near + 0.3), min(0.06, ry), (45, 35, 30))
            inner_x = place(side * 0.22 * shape[5], 0)[0]
            outer_x = place(side * 0.85 * shape[5], 0)[0]
            canvas.curve(inner_x, cy + brow_y - 0.13 * inner, outer_x, cy + brow_y - 0.13 * outer, -0.03,
                         0.03 * shape[6], hair * 0.8)
    tip_x, tip_y, _ = place(0.0, 0.1)
    tip_x += 0.16 * np.sin(yaw)
    canvas.curve(place(0.0, 0)[0], cy - 0.1, tip_x + 1e-2, tip_y + 0.05, 0.0, 0.035, skin * 0.8)
    canvas.ellipse(tip_x, tip_y + 0.05, 0.09 * shape[6], 0.045, skin * 0.78)
    if wrinkle > 0.05:
        for side in (-1, 1):
            x, y, near = place(side * 0.25, 0.02)
            if near > 0.05:
                canvas.curve(x - 0.06 * near, y - 0.05, x + 0.06 * near, y + 0.02, 0.02, 0.018, skin * 0.6, min(1, wrinkle))
    half = 0.36 * (1 + 0.35 * wide)
    left, right = place(-half, 0), place(half, 0)
    lift = -0.13 * corner
    middle = mouth_y - lift * 0.4
    if opening > 0.1 and right[0] - left[0] > 0.02:
        canvas.ellipse((left[0] + right[0]) / 2, cy + middle, (right[0] - left[0]) * 0.36, 0.15 * opening, (60, 20, 25))
    canvas.curve(left[0], cy + middle + lift, right[0], cy + middle + lift, -lift - 0.13 * opening, 0.028, lips)
    canvas.curve(left[0], cy + middle + lift, right[0], cy + middle + lift, -lift + 0.13 * opening, 0.032, lips * 0.9)


def write_fixture(root: str) -> None:
    """Nothing: the set is drawn, not read."""
