"""The ICT Face Model Light (MIT licence): a morphable head of 26,719 vertices -> a mesh with made-up colours.

It comes as one .npz file (arrays `neutral`, `quads`, `identity`, `expression`, `expression_names`) or as the
published folder of OBJ files (generic_neutral_mesh.obj, identity000.obj, ..., one per expression). It has no
texture, so skin, lips, brows, eyes, teeth and hair are painted by vertex part and by its facial landmarks.
"""

from __future__ import annotations

import zipfile
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dmljax.faces.camera import Window
from dmljax.faces.expressions import UNITS
from dmljax.faces.looks import Look
from dmljax.faces.mesh import Mesh, checked, triangulate
from dmljax.faces.skull import bump, step
from dmljax.types import UserError

# As of the embedded head; the model's unit is about 1 cm.
WINDOWS = {"head": Window((0.0, 1.5, 1.0), 30.0), "face": Window((0.0, -0.1, 6.0), 16.5)}

# First and last vertex of each part, as published with the model.
PARTS = {
    "face": (0, 9408),
    "neck": (9409, 11247),
    "mouth": (11248, 13293),
    "sockets": (13294, 14061),
    "gums": (14062, 17038),
    "teeth": (17039, 21450),
    "left_eye": (21451, 23020),
    "right_eye": (23021, 24590),
}
_OPAQUE = 24591  # from here on: tears, shadows and lashes, which need transparency and are left out

# Brows and lips on the neutral face, read off the published 68 landmarks.
_BROW = ((-5.8, 5.2), (-4.9, 6.0), (-3.8, 6.3), (-2.4, 6.2), (-1.2, 5.9))
_OUTER_LIPS = (
    (-2.5, -3.5),
    (-1.7, -2.8),
    (-0.7, -2.4),
    (0.0, -2.5),
    (0.7, -2.4),
    (1.7, -2.8),
    (2.5, -3.5),
    (1.8, -4.1),
    (1.0, -4.3),
    (0.0, -4.4),
    (-1.0, -4.3),
    (-1.8, -4.1),
)

# How the model's expression shapes make up the action units at full strength; each shape comes as _L and _R.
UNIT_SHAPES = {
    1: {"browInnerUp": 1.0},
    2: {"browOuterUp": 1.0},
    4: {"browDown": 1.6},
    5: {"eyeWide": 1.0},
    6: {"cheekSquint": 1.0, "cheekRaiser": 0.6},
    7: {"eyeSquint": 0.9},
    9: {"noseSneer": 1.0},
    10: {"mouthUpperUp": 0.8},
    12: {"mouthSmile": 1.0},
    15: {"mouthFrown": 1.0},
    16: {"mouthLowerDown": 0.8},
    17: {"mouthShrugLower": 0.8},
    20: {"mouthStretch": 1.0},
    23: {"mouthPress": 1.2},
    25: {"mouthUpperUp": 0.3, "mouthLowerDown": 0.4},
    26: {"jawOpen": 0.75},
}


class Model(NamedTuple):
    """The morphable model.

    Attributes:
      neutral: float32 [V, 3]; triangles: int32 [T, 3], opaque parts alone.
      identity: float32 [100, V, 3], per standard deviation.
      units: float32 [2, U, V, 3], the person's left and right share of each action unit of
        `expressions.UNITS`.
    """

    neutral: np.ndarray
    triangles: np.ndarray
    identity: np.ndarray
    units: np.ndarray


@lru_cache(maxsize=1)
def load(path: str) -> Model:
    """The model from an .npz file, a folder that holds one, or the published folder of OBJ files.

    Raises:
      UserError: it is not there, or not this model; the text says what was expected.
    """
    place = Path(path)
    if place.is_dir():
        archives = sorted(place.glob("*.npz"))
        if len(archives) != 1 and not (place / "generic_neutral_mesh.obj").is_file():
            raise UserError(
                f"ICT face model: '{place}' holds neither one .npz file nor generic_neutral_mesh.obj (there"
                f" are {len(archives)} .npz files)"
            )
        parts = _from_archive(archives[0]) if len(archives) == 1 else _from_objects(place)
    elif place.is_file():
        parts = _from_archive(place)
    else:
        raise UserError(
            f"ICT face model: nothing at '{place}'; give the .npz file or the folder FaceXModel of OBJ files"
        )
    return _model(place, *parts)


def _model(place: Path, neutral, quads, identity, expression, names) -> Model:
    count = len(neutral)
    if (
        count != 26719
        or identity.shape[1:] != (count, 3)
        or expression.shape != (len(names), count, 3)
        or quads.max() >= count
    ):
        raise UserError(
            f"'{place}' is not the ICT Face Model Light: expected 26719 vertices with offsets of that many,"
            f" got neutral {neutral.shape}, identity {identity.shape}, expression {expression.shape},"
            f" {len(names)} expression names"
        )
    shapes = dict(zip(names, expression.astype(np.float32)))

    def side(suffix: str) -> np.ndarray:
        return np.stack(
            [
                sum(
                    share * _share(shapes, name, suffix, neutral, place)
                    for name, share in UNIT_SHAPES[unit].items()
                )
                for unit in UNITS
            ]
        )

    triangles = triangulate(quads)
    triangles = triangles[(triangles < _OPAQUE).all(1)]
    flat = np.zeros(0, np.float32)
    triangles = checked(Mesh(neutral, triangles, flat, flat), f"'{place}'").triangles
    for part, offsets in (("identity", identity), ("expression", expression)):
        if not np.isfinite(offsets).all():
            raise UserError(f"'{place}': offsets of {part} are not finite")
    return Model(
        neutral.astype(np.float32), triangles, identity.astype(np.float32), np.stack([side("_L"), side("_R")])
    )


def _share(shapes: dict, name: str, suffix: str, neutral: np.ndarray, place: Path) -> np.ndarray:
    if name + suffix in shapes:
        return shapes[name + suffix]
    if name not in shapes:
        raise UserError(
            f"'{place}' lacks the expression '{name}' (or '{name}{suffix}'); it has"
            f" {', '.join(sorted(shapes))}"
        )
    half = step(neutral[:, :1], -0.8, 0.8)  # a shape of both sides: blended in the middle
    return (shapes[name] * (half if suffix == "_L" else 1 - half)).astype(np.float32)


def _from_archive(path: Path):
    needed = ("neutral", "quads", "identity", "expression", "expression_names")
    try:
        with open(path, "rb") as file, np.load(file) as content:
            missing = [key for key in needed if key not in content]
            if missing:
                raise UserError(
                    f"'{path}' is not the ICT Face Model Light: it lacks {', '.join(missing)}; it has"
                    f" {', '.join(content.files)}"
                )
            neutral, quads, identity, expression, names = (content[key] for key in needed)
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"'{path}' cannot be read as .npz: {error}") from None
    return neutral, quads, identity, expression, [str(name) for name in names]


def _from_objects(folder: Path):
    neutral, quads = read_obj(folder / "generic_neutral_mesh.obj", faces=True)
    identities = sorted(folder.glob("identity*.obj"))
    others = sorted(
        p for p in folder.glob("*.obj") if p not in identities and p.stem != "generic_neutral_mesh"
    )
    if not identities or not others:
        raise UserError(
            f"ICT face model: '{folder}' holds {len(identities)} identity*.obj and {len(others)} expressions;"
            " both are needed"
        )

    def offsets(path: Path) -> np.ndarray:
        vertices, _ = read_obj(path)
        if vertices.shape != neutral.shape:
            raise UserError(
                f"'{path}' has {len(vertices)} vertices; generic_neutral_mesh.obj has {len(neutral)}"
            )
        return vertices - neutral

    return (
        neutral,
        quads,
        np.stack([offsets(p) for p in identities]),
        np.stack([offsets(p) for p in others]),
        [p.stem for p in others],
    )


def read_obj(path: Path, *, faces: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """(vertices float32 [V, 3], polygons int32 [Q, 4], -1 where they are triangles; empty unless `faces`) of
    a Wavefront file.

    Raises:
      UserError: it cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        vertices = np.array(
            [line.split()[1:4] for line in lines if line.startswith("v ")], np.float32
        ).reshape(-1, 3)
        polygons = [
            [int(corner.split("/")[0]) - 1 for corner in line.split()[1:5]]
            for line in lines
            if faces and line.startswith("f ")
        ]
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise UserError(f"'{path}' cannot be read as OBJ: {error}") from None
    return vertices, np.array([p + [-1] * (4 - len(p)) for p in polygons], np.int32).reshape(-1, 4)


def sculpt(model: Model, shape: np.ndarray, look: Look) -> Mesh:
    """A person's resting head, `shape`, float [100], are identity coefficients, N(0, 1) among people."""
    moved = np.einsum("i,ivc->vc", shape.astype(np.float32), model.identity)
    colour, gloss = paint(model, look)
    return Mesh(model.neutral + moved, model.triangles, colour, gloss)


def act(model: Model, bust: Mesh, action: np.ndarray) -> Mesh:
    """The head in an action, float [2, U]: strengths of `expressions.UNITS` on the person's left and right
    side.
    """
    moved = np.einsum("su,suvc->vc", action.astype(np.float32), model.units)
    side, y, z = np.abs(model.neutral[:, 0]), model.neutral[:, 1], model.neutral[:, 2]
    furrow = 0.7 * float(action[:, UNITS.index(4)].mean()) * bump(side, y, (0.45, 5.6), (0.22, 0.8)) * (z > 8)
    return bust._replace(
        vertices=bust.vertices + moved,
        colour=bust.colour * (1 - np.clip(furrow, 0, 1))[:, None].astype(np.float32),
    )


def paint(model: Model, look: Look) -> tuple[np.ndarray, np.ndarray]:
    """(albedo float32 [V, 3], gloss float32 [V]) by part and, on the face, by place in the neutral head."""
    p = model.neutral
    x, y, z, side = p[:, 0], p[:, 1], p[:, 2], np.abs(p[:, 0])
    colour, gloss = np.broadcast_to(look.skin, p.shape).astype(np.float64).copy(), np.full(len(p), 0.07)

    def mix(towards, share) -> None:
        colour[:] += np.clip(share, 0, 1)[:, None] * (np.asarray(towards) - colour)

    ahead = step(z, 2.0, 6.0)
    mix(
        look.skin * [1.05, 0.72, 0.70],
        look.blush * ahead * (bump(side, y, (4.2, 0.4), (1.7, 1.5)) + bump(x, y, (0, 0.2), (1.2, 1.0))),
    )
    stubble = (
        step(-y, 1.6, 2.6)
        * (1 - step(-y, 8.0, 9.5))
        * step(z, 3.0, 6.0)
        * (1 - bump(x, y, (0, -3.4), (2.9, 1.1)) ** 2)
    )
    stubble = stubble * (1 - 0.95 * bump(side, y, (4.6, -1.6), (2.6, 1.8)))
    mix(look.hair, look.beard * stubble)
    lips = _inside(np.stack([x, y], -1), np.array(_OUTER_LIPS) * [1.02, 1.0]) * step(z, 8.0, 9.0)
    mix(look.lips, lips)
    brow = np.array(_BROW) * [-1, 1]
    distance = _to_line(np.stack([side, y], -1), brow + [0, 0.1])
    mix(look.hair * 0.7, look.brow[1] * np.exp(-((distance / (11.0 * look.brow[0])) ** 4)) * ahead)
    edge = np.interp(
        np.arctan2(side, z - 1.0),
        [0, 0.45, 0.9, 1.2, 1.4, 1.75, 2.0, np.pi],
        [
            11.5 * look.hairline + 3.0,
            11.5 * look.hairline + 2.6,
            8.5,
            6.0 - 4 * look.sides,
            6.0,
            5.5,
            -1.0,
            -4.0,
        ],
    )
    mix(look.hair, step(y - edge, -0.2, 0.5))

    for name in ("mouth", "gums"):
        colour[_part(name)] = (0.30, 0.09, 0.085) if name == "gums" else (0.10, 0.025, 0.025)
    colour[_part("sockets")] = look.skin * 0.5
    colour[_part("teeth")] = np.array([0.72, 0.69, 0.60]) * look.teeth
    for name in ("left_eye", "right_eye"):
        colour[_part(name)], gloss[_part(name)] = _eye(p[_part(name)], look.iris), 0.35
    gloss += 0.12 * lips
    return colour.astype(np.float32), gloss.astype(np.float32)


def _part(name: str) -> slice:
    first, last = PARTS[name]
    return slice(first, last + 1)


def _eye(vertices: np.ndarray, iris: np.ndarray) -> np.ndarray:
    """Colours of an eyeball that looks along +z."""
    around = vertices - (vertices.max(0) + vertices.min(0)) / 2
    angle = np.arctan2(np.hypot(around[:, 0], around[:, 1]), around[:, 2])
    colour = np.array([0.78, 0.75, 0.72]) * (1 - 0.25 * step(angle, 0.7, 1.4))[:, None]
    colour[angle < 0.46] = iris
    colour[(angle >= 0.39) & (angle < 0.48)] = iris * 0.3
    colour[angle < 0.19] = 0.01
    return colour


def _inside(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """1 inside a polygon, 0 outside, [N]: crossings of a ray to the right."""
    inside = np.zeros(len(points), bool)
    for (ax, ay), (bx, by) in zip(polygon, np.roll(polygon, -1, 0)):
        between = (ay > points[:, 1]) != (by > points[:, 1])
        with np.errstate(divide="ignore", invalid="ignore"):
            crossing = (bx - ax) * (points[:, 1] - ay) / (by - ay) + ax
        inside ^= between & (points[:, 0] < crossing)
    return inside.astype(float)


def _to_line(points: np.ndarray, line: np.ndarray) -> np.ndarray:
    """Distance to a polyline, [N]."""
    best = np.full(len(points), np.inf)
    for a, b in zip(line[:-1], line[1:]):
        along = np.clip((points - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
        best = np.minimum(best, np.linalg.norm(points - a - along[:, None] * (b - a), axis=1))
    return best
