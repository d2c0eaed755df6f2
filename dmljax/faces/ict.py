"""The ICT Face Model Light (MIT licence): a morphable head of 26,719 vertices -> a mesh with made-up colours.

It comes as one .npz file (arrays `neutral`, `quads`, `identity`, `expression`, `expression_names`) or as the
published folder of OBJ files (generic_neutral_mesh.obj, identity000.obj, ..., one per expression). It has no
texture; `ict_skin` paints it.
"""

from __future__ import annotations

import zipfile
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dmljax.faces.camera import Window
from dmljax.faces.expressions import UNITS
from dmljax.faces.ict_skin import paint
from dmljax.faces.looks import Look
from dmljax.faces.mesh import Mesh, checked, triangulate
from dmljax.faces.skull import bump, step
from dmljax.types import UserError

# As of the embedded head; the model's unit is about 1 cm.
WINDOWS = {"head": Window((0.0, 1.5, 1.0), 30.0), "face": Window((0.0, -0.1, 6.0), 16.5)}

_OPAQUE = 24591  # from here on: tears, shadows and lashes, which need transparency and are left out

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
    colour, gloss = paint(model.neutral, look)
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
