"""BU-3DFE: 100 people's textured 3-D scans, six expressions in four levels; its views are rendered.

Yin, Wei, Sun, Wang, Rosato: "A 3D facial expression database for facial behavior research", 2006; licensed by
Binghamton University to researchers on request. On disk:
`<person>/<person>_<expression><level><group>_F3D.wrl`, the cropped mesh, and its texture `..._F3D.bmp`. There
are no multi-view pictures, so the nine yaws of the published protocols are rendered.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from PIL import Image

from dmljax.datasets import _counts, _tree
from dmljax.faces import studio, vrml
from dmljax.faces.album import Album
from dmljax.faces.camera import Camera
from dmljax.faces.render import Light
from dmljax.types import Protocol, Samples, UserError

CODES = {
    "AN": "anger",
    "DI": "disgust",
    "FE": "fear",
    "HA": "happiness",
    "SA": "sadness",
    "SU": "surprise",
    "NE": "neutral",
}
YAW = (-90.0, -60.0, -45.0, -30.0, 0.0, 30.0, 45.0, 60.0, 90.0)
VIEWS = {"nine": YAW, "five": (-45.0, -30.0, 0.0, 30.0, 45.0)}
OBTAIN = "BU-3DFE is licensed by Binghamton University on request"
EXTENT = 270.0  # side of the picture in the scans' unit, about 1 mm

# after expression and level: the ethnic group, which is no label here
_NAME = re.compile(r"([FM]\d{4})_(AN|DI|FE|HA|NE|SA|SU)(\d\d)[A-Z]*_F3D\.wrl", re.IGNORECASE)
_OTHERS = re.compile(r".*_(F3D\.(bnd|bmp)|RAW\.(wrl|pse|bmp)|F2D\.bmp)", re.IGNORECASE)


def samples(
    root: str,
    *,
    views: str = "nine",
    neutral: bool = False,
    size: int = 224,
    cache: str = "",
    links: str = "follow",
) -> Samples:
    """The scans below `root`, each seen from every yaw; defective ones are skipped and listed when rendered.

    Args:
      root: the folder with F0001, F0002, ...
      views: 'nine' yaws, or the 'five' from -45 to 45 degrees.
      neutral: whether neutral scans count as a seventh expression.
      size: side of the pictures in pixels, 16 to 1024.
      cache: folder where the pictures are kept; empty: the user's cache.
      links: 'follow' links wherever they lead, or leave out what leads outside the set's folder ('inside').

    Raises:
      UserError: no scan is there, or a field has an unknown value.
    """
    if views not in VIEWS:
        raise UserError(f"bu3dfe: views must be one of {', '.join(VIEWS)}, got '{views}'")
    if not 16 <= size <= 1024:
        raise UserError(f"bu3dfe: size must be from 16 to 1024, got {size}")
    found, skipped = _tree.files(root, "bu3dfe", "the folder with F0001, F0002, ...", links=links)
    away = {file.reference.lower() for file in skipped}
    left, rows = _counts.Left(skipped), {}
    for name in found:
        match = _NAME.fullmatch(name.rpartition("/")[2])
        if match is None:
            _set_aside(left, name)
        elif _tree.INSIDE in name:
            left.skip(name, "scans are not read from archives; unpack it")
        elif f"{name[:-3]}bmp".lower() in away:
            left.skip(name, "its texture is left out")
        elif (key := tuple(part.upper() for part in match.groups())) in rows:
            left.skip(name, f"the same scan as '{rows[key]}'", _tree.TWICE)
        elif key[1] == "NE" and not neutral:
            left.count(name, "neutral scans (bu3dfe.neutral=False)")
        else:
            rows[key] = name
    if not rows:
        raise _counts.nothing(
            "bu3dfe", root, "<person>_<expression><level><group>_F3D.wrl", len(found), OBTAIN + ".", found
        )
    place = Path(root).resolve()
    scans = [(name, person, CODES[code]) for (person, code, _), name in rows.items()]
    names = tuple(e for e in CODES.values() if e != "neutral" or neutral)
    people = tuple(sorted({person for _, person, _ in scans}))
    yaws = VIEWS[views]
    references = tuple(f"{scan.removesuffix('_F3D.wrl')}@{yaw:g}" for scan, _, _ in scans for yaw in yaws)
    number = {reference: k for k, reference in enumerate(references)}
    files = tuple(str(place / scan) for scan, _, _ in scans)
    album = Album(
        "bu3dfe",
        {"views": views, "scans": _mark(files)},
        partial(picture, files=files, yaws=yaws, size=size),
        len(references),
        size,
        shard=len(yaws),
        folder=cache,
    )
    each = lambda values: np.repeat(np.array(values, np.int32), len(yaws))
    return Samples(
        name="bu3dfe",
        references=references,
        expression=each([names.index(expression) for _, _, expression in scans]),
        pose=np.tile(np.arange(len(yaws), dtype=np.int32), len(scans)),
        identity=each([people.index(person) for _, person, _ in scans]),
        expression_names=names,
        pose_names=tuple(f"{yaw:g}" for yaw in yaws),
        identity_names=people,
        pose_yaw=yaws,
        pose_mirror=tuple(reversed(range(len(yaws)))),
        read=lambda reference: album.read(number[reference]),
        prepare=lambda wanted, **how: album.prepare((number[reference] for reference in wanted), **how),
        skipped=tuple(left.skipped),
        notes=left.notes("bu3dfe") + _differences(scans, names, people),
        published="2,500 scans of 100 people, 100 of them neutral",
        licence="research, by a licence of Binghamton University; scans may not be passed on",
        obtain=OBTAIN,
        protocol=Protocol(70, 30, 14112, 6264),
    )


def _set_aside(left: _counts.Left, name: str) -> None:
    """Counts or lists a file that is no scan's mesh."""
    if _OTHERS.fullmatch(name):
        left.count(name, "other files of the set (textures, landmarks, raw scans)")
    elif name.lower().endswith((".wrl", ".bmp")):
        left.skip(name, "its name is not <person>_<expression><level><group>_F3D.wrl")
    else:
        left.no_image(name)


def _differences(scans, names: tuple[str, ...], people: tuple[str, ...]) -> tuple[str, ...]:
    published = {"people": 100} | {name: 100 if name == "neutral" else 400 for name in names}
    counts = Counter(expression for _, _, expression in scans) | Counter({"people": len(people)})
    return _counts.differences("bu3dfe", published, counts)


def _mark(files: tuple[str, ...]) -> str:
    """What tells one state of the scans from another."""
    stats = [f"{name}{Path(name).stat().st_size}{Path(name).stat().st_mtime_ns}" for name in files]
    return hashlib.sha256("".join(stats).encode()).hexdigest()[:16]


def picture(number: int, *, files: tuple[str, ...], yaws: tuple[float, ...], size: int) -> np.ndarray:
    """View `number`, uint8 [size, size, 3].

    Raises:
      ValueError: the scan is defective.
    """
    scan, view = divmod(number, len(yaws))
    conditions = studio.Conditions(
        Camera(yaws[view], extent=EXTENT, distance=4.0),
        _LIGHT,
        np.zeros(3),
        exposure=1.0,
        blur=0.0,
        noise=0.0,
    )
    return studio.photograph(_centred(files[scan]), conditions, np.random.default_rng(0), size, cull=False)


# The textures hold the light of the studio; only a little is added, so that the shape still shows.
_LIGHT = Light(np.array([[0.0, 0.4, 1.0]]), np.full((1, 3), 0.35), np.full(3, 0.75), np.full(3, 0.65))


@lru_cache(maxsize=2)
def _centred(file: str):
    """The scan with the middle of its bounding box at the origin: meshes of one person are not aligned with
    each other.
    """
    path = Path(file)
    mesh = vrml.read(path, path.with_suffix(".bmp"))
    middle = (mesh.vertices.max(0) + mesh.vertices.min(0)) / 2
    return mesh._replace(vertices=mesh.vertices - middle)


def write_fixture(root: str) -> None:
    """A tiny tree with the real names: 2 people x 2 expressions x 2 levels, a broken scan, one without
    texture, an odd name.
    """
    for person, tilt in (("F0001", 0.2), ("M0002", -0.3)):
        folder = Path(root) / person
        folder.mkdir(parents=True, exist_ok=True)
        for code in ("AN", "HA"):
            for level in ("01", "04"):
                _write_scan(folder / f"{person}_{code}{level}WH_F3D.wrl", tilt + 0.1 * int(level))
    broken = Path(root) / "F0001/F0001_SU04WH_F3D.wrl"
    _write_scan(broken, 0.0)
    text = broken.read_text(encoding="utf-8").replace("coordIndex [ 0,", "coordIndex [ 9999,", 1)
    broken.write_text(text, encoding="utf-8")
    _write_scan(Path(root) / "M0002/M0002_SU04WH_F3D.wrl", 0.0)
    (Path(root) / "M0002/M0002_SU04WH_F3D.bmp").unlink()
    _write_scan(Path(root) / "F0001/F0001_XX01WH_F3D.wrl", 0.0)


def _write_scan(path: Path, bulge: float) -> None:
    """A bulging 9 x 9 grid with a coloured texture."""
    axis = np.linspace(-1, 1, 9)
    y, x = np.meshgrid(-axis, axis, indexing="ij")
    points = np.stack([80 * x, 100 * y, 60 * (1 + bulge) * (1 - x**2) * (1 - 0.5 * y**2)], -1).reshape(-1, 3)
    uv = np.stack([(x + 1) / 2, (y + 1) / 2], -1).reshape(-1, 2)
    at = np.arange(81).reshape(9, 9)
    quads = np.stack([at[:-1, :-1], at[1:, :-1], at[1:, 1:], at[:-1, 1:]], -1).reshape(-1, 4)
    index = ", ".join(f"{a}, {b}, {c}, {d}, -1" for a, b, c, d in quads)
    lines = lambda rows: ",\n".join(" ".join(f"{value:.4f}" for value in row) for row in rows)
    path.write_text(
        '#VRML V2.0 utf8\nShape {\n appearance Appearance { texture ImageTexture { url "'
        + path.with_suffix(".bmp").name
        + '" } }\n geometry IndexedFaceSet {\n  coord Coordinate { point [ '
        + lines(points)
        + " ] } # mm\n  coordIndex [ "
        + index
        + " ]\n  texCoord TextureCoordinate { point [ "
        + lines(uv)
        + " ] }\n  texCoordIndex [ "
        + index
        + " ]\n }\n}\n",
        encoding="utf-8",
    )
    ramp = np.linspace(60, 230, 32).astype(np.uint8)
    colours = np.stack(
        [np.tile(ramp, (32, 1)), np.tile(ramp[:, None], (1, 32)), np.full((32, 32), 120, np.uint8)], -1
    )
    Image.fromarray(colours).save(path.with_suffix(".bmp"))
