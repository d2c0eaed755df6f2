"""Displacement fields of the embedded head: shapes of identity, and action units (FACS)."""

from __future__ import annotations

import numpy as np

from dmljax.faces.skull import EYE_X, LID_REST, MOUTH_HALF, MOUTH_Y, Grid, bump, in_eye, step

# Standard deviations of the identity's shapes, in units of the field's own size.
IDENTITY = (
    "breadth",
    "length",
    "jaw_breadth",
    "jaw_length",
    "chin",
    "forehead",
    "cheekbones",
    "cheeks",
    "brow_ridge",
    "brow_height",
    "eye_spacing",
    "eye_height",
    "eye_depth",
    "lid_opening",
    "eye_slant",
    "nose_length",
    "nose_breadth",
    "nose_height",
    "nose_bridge",
    "nose_tip",
    "mouth_breadth",
    "mouth_height",
    "upper_lip",
    "lower_lip",
    "mouth_corners",
    "philtrum",
)


def _field(grid: Grid, *parts) -> np.ndarray:
    """Sum of (axis, values) on the front of the head, float32 [V, 3]."""
    found = np.zeros((len(grid.x), 3))
    ahead = step(grid.front, 0.0, 0.35)
    for axis, values in parts:
        found[:, axis] += values * ahead
    return found.astype(np.float32)


def opening(grid: Grid, upper: float, lower: float) -> np.ndarray:
    """Height change that opens both eyes' slits by `upper` and `lower` in their middles; fades out over the
    lids, [V].
    """
    t = np.clip(np.abs(in_eye(grid.x)), 0, 1)
    skew = 1 + 0.15 * in_eye(grid.x).clip(-1, 1)
    almond = (1 - t**2.2) ** 0.8 * skew
    up = upper * almond * np.exp(-np.clip(grid.y, 0, None) / 0.075) * (1 - grid.eye_below)
    down = lower * almond * np.exp(np.clip(grid.y, None, 0) / 0.075) * grid.eye_below
    return up - down


def jaw_weight(grid: Grid) -> np.ndarray:
    """How far a vertex follows the jaw: 0 above the mouth, 1 below it, 0.5 at its corners, fading towards the
    ears; [V].
    """
    t = np.abs(grid.x) / MOUTH_HALF
    half = 0.5 * np.sqrt(np.clip(1 - t**2, 0, None))
    above, under = 0.5 - half, 0.5 + half
    reach = 0.10 + 0.25 * step(t, 0.7, 2.2)
    upper = above * np.exp(-((np.clip(grid.y - MOUTH_Y, 0, None) / reach) ** 1.5))
    lower = 1 - (1 - under) * np.exp(-((np.clip(MOUTH_Y - grid.y, 0, None) / reach) ** 1.5))
    on_slit = np.where(grid.below > 0, lower, upper)
    return on_slit * step(grid.front, -0.25, 0.55)


def identity_fields(grid: Grid) -> np.ndarray:
    """Displacement per standard deviation of each shape of `IDENTITY`, float32 [I, V, 3]."""
    x, y, side, sign = grid.x, grid.y, np.abs(grid.x), np.sign(grid.x)
    p = grid.neutral
    low = step(-y, 0.25, 0.95)
    eye = bump(side, y, (EYE_X, 0), (0.20, 0.14))
    nose = np.exp(-((x / 0.15) ** 2)) * step(-y, -0.05, 0.15) * (1 - step(-y, 0.40, 0.48))
    whole = lambda axis, values: (axis, values, True)
    table = {
        "breadth": [whole(0, 0.045 * p[:, 0])],
        "length": [whole(1, 0.045 * p[:, 1])],
        "jaw_breadth": [whole(0, 0.13 * p[:, 0] * low)],
        "jaw_length": [whole(1, -0.055 * step(-y, 0.55, 1.0) * step(grid.front, -0.4, 0.6))],
        "chin": [(2, 0.045 * bump(x, y, (0, -0.88), (0.20, 0.14)))],
        "forehead": [(2, 0.04 * bump(x, y, (0, 0.5), (0.45, 0.25)))],
        "cheekbones": [
            (2, 0.025 * bump(side, y, (0.40, -0.16), (0.16, 0.12))),
            (0, sign * 0.03 * bump(side, y, (0.50, -0.15), (0.20, 0.16))),
        ],
        "cheeks": [
            (2, 0.035 * bump(side, y, (0.36, -0.48), (0.15, 0.20))),
            (0, sign * 0.04 * bump(side, y, (0.50, -0.45), (0.20, 0.22))),
        ],
        "brow_ridge": [(2, 0.022 * bump(side, y, (0.22, 0.15), (0.20, 0.08)))],
        "brow_height": [(1, 0.028 * bump(side, y, (0.27, 0.19), (0.24, 0.09)))],
        "eye_spacing": [(0, sign * 0.022 * eye)],
        "eye_height": [(1, 0.022 * eye)],
        "eye_depth": [(2, -0.022 * eye)],
        "lid_opening": [(1, opening(grid, 0.009, 0.005))],
        "eye_slant": [(1, 0.016 * in_eye(x) * eye)],
        "nose_length": [
            (1, -0.035 * step(-y, -0.05, 0.33) * np.exp(-((x / 0.20) ** 2)) * (1 - step(-y, 0.36, 0.47)))
        ],
        "nose_breadth": [(0, 0.20 * x * np.exp(-((x / 0.19) ** 4)) * bump(0, y, (0, -0.32), (1, 0.14)))],
        "nose_height": [(2, 0.035 * nose)],
        "nose_bridge": [(2, 0.035 * bump(x, y, (0, -0.10), (0.07, 0.10)))],
        "nose_tip": [
            (1, 0.028 * bump(x, y, (0, -0.32), (0.10, 0.09))),
            (2, 0.02 * bump(x, y, (0, -0.30), (0.07, 0.06))),
        ],
        "mouth_breadth": [(0, 0.10 * x * bump(0, y, (0, MOUTH_Y), (1, 0.16)) * np.exp(-((x / 0.34) ** 4)))],
        "mouth_height": [(1, 0.028 * bump(x, y, (0, MOUTH_Y), (0.36, 0.15)))],
        "upper_lip": [
            (2, 0.018 * bump(x, y, (0, MOUTH_Y + 0.04), (0.17, 0.045))),
            (1, 0.012 * bump(x, y, (0, MOUTH_Y + 0.07), (0.2, 0.05))),
        ],
        "lower_lip": [
            (2, 0.020 * bump(x, y, (0, MOUTH_Y - 0.05), (0.16, 0.05))),
            (1, -0.012 * bump(x, y, (0, MOUTH_Y - 0.09), (0.18, 0.05))),
        ],
        "mouth_corners": [(1, 0.013 * bump(side, y, (MOUTH_HALF, MOUTH_Y), (0.10, 0.10)))],
        "philtrum": [(2, 0.014 * bump(x, y, (0, -0.46), (0.12, 0.06)))],
    }
    fields = []
    for name in IDENTITY:
        field = _field(grid, *(part[:2] for part in table[name] if len(part) == 2))
        for axis, values, _ in (part for part in table[name] if len(part) == 3):
            field[:, axis] += values
        fields.append(field)
    return np.stack(fields)


def action_units(grid: Grid) -> tuple[dict[int, np.ndarray], dict[int, np.ndarray]]:
    """({number: displacement at full strength float32 [V, 3]}, {number: how much darker its wrinkles are,
    0..1, [V]}).

    Numbers are those of the Facial Action Coding System (Ekman & Friesen). Both sides of the face move;
    `Head` splits them.
    """
    x, y, side, sign = grid.x, grid.y, np.abs(grid.x), np.sign(grid.x)
    corner = bump(side, y, (MOUTH_HALF, MOUTH_Y), (0.12, 0.13))
    jaw, below = jaw_weight(grid), grid.below
    upper_lip = bump(x, y, (0, MOUTH_Y + 0.02), (0.20, 0.09)) * (1 - below)
    lower_lip = bump(x, y, (0, MOUTH_Y - 0.02), (0.19, 0.10)) * below
    fold = (
        np.exp(-(((side - 0.155 - 0.30 * (-0.33 - y)) / 0.030) ** 2))
        * step(-y, 0.28, 0.36)
        * (1 - step(-y, 0.56, 0.66))
    )
    forehead = 0.5 + 0.5 * np.cos((y - 0.36) * 2 * np.pi / 0.075)
    lines = lambda at, radius: forehead * bump(side, y, at, radius)
    # The jaw turns about an axis through the ears.
    jaw_pivot = np.array([0.0, -0.08, -0.05])
    arm = grid.neutral - jaw_pivot
    drop = np.stack([0 * x, -arm[:, 2] * jaw, arm[:, 1] * jaw], -1)
    lips = bump(x, y, (0, MOUTH_Y), (0.25, 0.10))
    units = {
        1: [
            (1, 0.105 * bump(side, y, (0.13, 0.20), (0.12, 0.14))),
            (1, 0.02 * bump(side, y, (0.20, 0.08), (0.08, 0.06))),
        ],
        2: [(1, 0.105 * bump(side, y, (0.38, 0.19), (0.15, 0.14)))],
        4: [
            (1, -0.085 * bump(side, y, (0.15, 0.18), (0.17, 0.11))),
            (0, -sign * 0.045 * bump(side, y, (0.13, 0.18), (0.09, 0.10))),
            (2, 0.025 * bump(side, y, (0.12, 0.13), (0.10, 0.06))),
        ],
        5: [(1, opening(grid, 0.038, 0.010)), (1, 0.012 * bump(side, y, (EYE_X, 0.12), (0.14, 0.06)))],
        6: [
            (1, 0.045 * bump(side, y, (0.36, -0.20), (0.17, 0.13))),
            (2, 0.035 * bump(side, y, (0.37, -0.16), (0.14, 0.10))),
            (1, opening(grid, -0.006, -0.016)),
        ],
        7: [(1, opening(grid, -0.016, -0.016))],
        9: [
            (1, 0.045 * bump(side, y, (0.10, -0.25), (0.09, 0.12))),
            (1, -0.035 * bump(side, y, (0.12, 0.14), (0.12, 0.09))),
            (2, 0.020 * bump(side, y, (0.10, -0.08), (0.06, 0.08))),
            (1, 0.045 * bump(side, y, (0.08, -0.47), (0.15, 0.07)) * (1 - below)),
            (1, opening(grid, -0.012, -0.008)),
            (0, sign * 0.018 * bump(side, y, (0.11, -0.33), (0.05, 0.05))),
        ],
        10: [(1, 0.050 * upper_lip)],
        12: [
            (0, sign * 0.085 * corner),
            (1, 0.115 * corner),
            (2, -0.045 * corner),
            (2, 0.030 * bump(side, y, (0.37, -0.30), (0.12, 0.12))),
            (0, sign * 0.03 * bump(side, y, (0.40, -0.35), (0.12, 0.12))),
            (1, 0.015 * bump(side, y, (0.36, -0.28), (0.14, 0.12))),
        ],
        15: [
            (1, -0.105 * corner),
            (0, sign * 0.015 * corner),
            (1, -0.02 * bump(side, y, (0.30, -0.68), (0.12, 0.10))),
        ],
        16: [(1, -0.060 * lower_lip), (2, 0.015 * lower_lip)],
        17: [
            (1, 0.045 * bump(x, y, (0, -0.78), (0.20, 0.14))),
            (2, 0.03 * bump(x, y, (0, -0.84), (0.12, 0.08))),
            (1, 0.02 * lower_lip),
            (1, 0.02 * upper_lip),
        ],
        20: [(0, sign * 0.095 * corner), (1, -0.035 * corner), (2, -0.03 * corner)],
        23: [(1, -0.45 * (y - MOUTH_Y) * lips), (0, -0.14 * x * lips), (2, -0.028 * lips)],
        25: [(1, 0.022 * upper_lip - 0.030 * lower_lip)],
    }
    moved = {number: _field(grid, *parts) for number, parts in units.items()}
    moved[26] = (0.30 * drop).astype(np.float32)
    wrinkles = {
        1: 0.40 * lines((0.0, 0.40), (0.26, 0.12)),
        2: 0.30 * lines((0.40, 0.38), (0.15, 0.10)),
        4: (
            0.75 * np.exp(-(((side - 0.042) / 0.017) ** 2)) * bump(0, y, (0, 0.16), (1, 0.075))
            + 0.3 * bump(side, y, (0.20, 0.09), (0.12, 0.04))
        ),
        6: (
            0.35 * bump(side, y, (0.28, -0.115), (0.13, 0.022))
            + 0.3 * bump(side, y, (0.47, 0.0), (0.05, 0.06)) * (0.5 + 0.5 * np.cos(y * 160))
        ),
        9: (
            0.60 * (0.5 + 0.5 * np.cos(y * 150)) * bump(x, y, (0, 0.03), (0.085, 0.09))
            + 0.45 * fold * (y > -0.45)
        ),
        10: 0.40 * fold,
        12: 0.55 * fold + 0.3 * bump(side, y, (MOUTH_HALF + 0.045, MOUTH_Y), (0.02, 0.05)),
        15: 0.45 * bump(side, y, (MOUTH_HALF + 0.02, MOUTH_Y - 0.06), (0.022, 0.06)),
        17: 0.35 * bump(x, y, (0, -0.72), (0.13, 0.03)),
    }
    return moved, {
        number: (dark * step(grid.front, 0, 0.35)).astype(np.float32) for number, dark in wrinkles.items()
    }


def resting_lids(grid: Grid) -> np.ndarray:
    """What opens the eyes at rest, float32 [V, 3]; the grid itself has them shut."""
    return _field(grid, (1, opening(grid, *LID_REST)))
