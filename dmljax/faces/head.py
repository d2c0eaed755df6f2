"""The embedded head: a person's shape and colours and an action -> a mesh."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from dmljax.faces import fields, parts
from dmljax.faces.camera import Window
from dmljax.faces.expressions import UNITS
from dmljax.faces.looks import Look, draw_look
from dmljax.faces.mesh import Mesh, grid_triangles, join
from dmljax.faces.skull import (
    EYE_X,
    EYE_Y,
    EYE_Z,
    EYEBALL,
    MOUTH_HALF,
    MOUTH_Y,
    bump,
    in_eye,
    resting_head,
    step,
)

# `head` holds the whole head; in `face` the eyes lie in the uppermost third and the mouth in the lowest, from
# every side.
WINDOWS = {"head": Window((0.0, 0.0, 0.0), 2.35), "face": Window((0.0, -0.27, 0.45), 1.36)}


class Person(NamedTuple):
    """Who it is: `shape`, float [I], the identity fields' strengths in standard deviations; and `look`,
    colours and hair.
    """

    shape: np.ndarray
    look: Look


def draw_person(rng: np.random.Generator) -> Person:
    """A person at random."""
    return Person(rng.standard_normal(len(fields.IDENTITY)).clip(-2.2, 2.2), draw_look(rng))


class _Model(NamedTuple):
    """Everything about the head that no person changes."""

    grid: object
    identity: np.ndarray  # [I, V, 3]
    left: np.ndarray  # [V], share of the person's left side
    units: np.ndarray  # [U, V, 3]
    wrinkles: np.ndarray  # [U, V]
    base: np.ndarray  # [V, 3], eyes open
    around_eyes: np.ndarray  # vertices that lie over an eyeball
    lips: tuple[np.ndarray, np.ndarray]  # vertices of the upper and of the lower lip's edge
    middle: int  # the vertex in the middle of the upper lip's edge
    eyes: tuple[int, int]  # vertices at the middle of the left and right slit


@lru_cache(maxsize=1)
def _model() -> _Model:
    grid = resting_head()
    moved, dark = fields.action_units(grid)
    none = np.zeros(len(grid.x), np.float32)
    ahead = grid.front > 0
    nearest = lambda x, y, ok: int(np.argmin(np.where(ok, (grid.x - x) ** 2 + (grid.y - y) ** 2, np.inf)))
    upper = ahead & (grid.below == 0)
    return _Model(
        grid=grid,
        identity=fields.identity_fields(grid),
        left=step(grid.x, -0.10, 0.10).astype(np.float32),
        units=np.stack([moved[u] for u in UNITS]),
        wrinkles=np.stack([dark.get(u, none) for u in UNITS]),
        base=(grid.neutral + fields.resting_lids(grid)).astype(np.float32),
        around_eyes=np.flatnonzero(ahead & (np.abs(in_eye(grid.x)) < 1.7) & (np.abs(grid.y - EYE_Y) < 0.2)),
        lips=_edges(grid),
        middle=nearest(0.0, MOUTH_Y, upper),
        eyes=(nearest(EYE_X, EYE_Y, upper), nearest(-EYE_X, EYE_Y, upper)),
    )


def _edges(grid) -> tuple[np.ndarray, np.ndarray]:
    """Vertices of the upper and of the lower lip's edge, from corner to corner."""
    edge = (grid.y == MOUTH_Y) & (grid.front > 0) & (np.abs(grid.x) < MOUTH_HALF)
    upper, lower = (np.flatnonzero(edge & (grid.below == side)) for side in (0, 1))
    ends = np.flatnonzero((grid.y == MOUTH_Y) & (grid.front > 0) & (grid.below == 0) & ~edge)
    first, last = ends[grid.x[ends] < 0].max(), ends[grid.x[ends] > 0].min()
    return tuple(np.concatenate([[first], lip, [last]]) for lip in (upper, lower))


def _pouch(vertices: np.ndarray, edges: tuple[np.ndarray, np.ndarray]) -> Mesh:
    """The hollow behind the lips, fastened to their edges: however they open, nothing is seen through
    them.
    """
    upper, lower = (vertices[edge] for edge in edges)
    t = np.linspace(-1, 1, len(upper))
    depth = (0.135 * (1 - t**2) + 0.012)[:, None] * [0, 0, 1]
    rows = np.concatenate([upper, upper - depth, lower - depth, lower])
    count = len(rows)
    return Mesh(
        rows.astype(np.float32),
        grid_triangles(4, len(upper)),
        np.full((count, 3), (0.055, 0.012, 0.012), np.float32),
        np.zeros(count, np.float32),
    )


class Bust(NamedTuple):
    """A person's head before it acts: what all of the person's pictures share. Arrays as in `Mesh`; `eyes`:
    two centres.
    """

    person: Person
    vertices: np.ndarray
    outward: np.ndarray
    colour: np.ndarray
    gloss: np.ndarray
    eyes: tuple[np.ndarray, np.ndarray]
    lip: np.ndarray
    rest: Mesh


def sculpt(person: Person) -> Bust:
    """The person's resting head."""
    model = _model()
    moved = np.einsum("i,ivc->vc", person.shape, model.identity)
    look = person.look
    hair = _hair_mask(look, model)
    colour, gloss = _paint(person, model, hair)
    breadth = 1 + 0.045 * person.shape[fields.IDENTITY.index("breadth")]
    ears = [parts.ear(s, look.skin, size=look.ears[0], out=look.ears[1]) for s in (1, -1)]
    ears = [e._replace(vertices=(e.vertices * [breadth, 1, 1]).astype(np.float32)) for e in ears]
    return Bust(
        person,
        model.base + moved,
        _hair_volume(look, model, hair),
        colour,
        gloss,
        eyes=tuple(np.array([s * EYE_X, EYE_Y, EYE_Z]) + moved[v] for s, v in zip((1, -1), model.eyes)),
        lip=moved[model.middle],
        rest=join(*ears, parts.neck(look.skin, look.cloth, breadth)),
    )


def act(bust: Bust, action: np.ndarray, *, gaze: tuple[float, float] = (0.0, -0.05)) -> Mesh:
    """The head in an action.

    Args:
      action: float [2, U], strengths of `expressions.UNITS` on the person's left and right side.
      gaze: where the eyes look relative to the head, (right, up) in radians.
    """
    model = _model()
    left, right = (np.einsum("u,uvc->vc", side, model.units) for side in action.astype(np.float32))
    acted = bust.vertices + right + model.left[:, None] * (left - right)
    vertices = _over_eyeballs(acted, model, bust.eyes) + bust.outward
    sides = action.astype(np.float32) @ model.wrinkles
    dark = np.clip(sides[1] + model.left * (sides[0] - sides[1]), 0, 0.85)[:, None]
    colour = bust.colour * (1 - dark * np.array([0.75, 0.9, 0.95]))
    skin = Mesh(vertices.astype(np.float32), model.grid.triangles, colour.astype(np.float32), bust.gloss)
    drop = 0.30 * float(action[:, UNITS.index(26)].mean())
    look = bust.person.look
    eyes = (parts.eyeball(centre, gaze, look.iris) for centre in bust.eyes)
    return join(skin, _pouch(vertices, model.lips), *eyes, parts.mouth(bust.lip, drop, look.teeth), bust.rest)


def _over_eyeballs(vertices: np.ndarray, model: _Model, centres) -> np.ndarray:
    """Lids slide over the eyeballs: whatever lies near an eye is laid upon its sphere."""
    near = model.around_eyes
    x = model.grid.x[near]
    for side, centre in zip((1, -1), centres):
        mine = near[(x * side) > 0]
        place = vertices[mine] - centre
        flat = np.hypot(place[:, 0], place[:, 1])
        shell = centre[2] + np.sqrt(np.clip((EYEBALL * 1.045) ** 2 - flat**2, 0.0012, None))
        weight = (
            bump(np.abs(model.grid.x[mine]), model.grid.y[mine], (EYE_X, EYE_Y + 0.01), (0.185, 0.115)) ** 0.8
        )
        weight = np.clip(weight * 1.35, 0, 1)
        depth = vertices[mine, 2] * (1 - weight) + shell * weight
        inside = flat < EYEBALL
        vertices[mine, 2] = np.where(inside, np.maximum(depth, shell - 0.002), depth)
    return vertices


def _hair_mask(look: Look, model: _Model) -> np.ndarray:
    """0 skin .. 1 hair, [V]."""
    grid = model.grid
    longitude = np.arccos(np.clip(grid.front, -1, 1))
    temple, high = 0.22 - 0.40 * look.sides, look.hairline
    edge = np.interp(
        longitude,
        [0, 0.55, 0.90, 1.15, 1.30, 1.45, 1.58, 1.86, 2.05, 2.3, np.pi],
        [high, high - 0.03, high - 0.10, 0.40, temple, temple, 0.10, 0.10, -0.22, -0.46, -0.55],
    )
    edge = edge + 0.018 * look.curl * np.sin(longitude * 23) * np.sin(grid.x * 31 + 1)
    return step(grid.y - edge, -0.012, 0.03)


def _hair_volume(look: Look, model: _Model, hair: np.ndarray) -> np.ndarray:
    """How far the hair lifts the surface, [V, 3]."""
    grid = model.grid
    out = model.base - np.array([0, 0.1, -0.05])
    out = out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-6)
    rough = 1 + 0.25 * look.curl * np.sin(37 * grid.x + 3) * np.sin(29 * model.base[:, 2] + 17 * grid.y)
    return out * (hair * look.volume * rough * (0.6 + 0.4 * step(grid.y, 0.2, 0.9)))[:, None]


def _paint(person: Person, model: _Model, hair: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(albedo [V, 3], gloss [V]) of the skin: blush, beard, lips, brows, lashes, nostrils, shade of hollows,
    hair.
    """
    grid, look = model.grid, person.look
    x, y, side = grid.x, grid.y, np.abs(grid.x)
    ahead = step(grid.front, 0.05, 0.3)
    colour = np.broadcast_to(look.skin, (len(x), 3)).copy()

    def mix(towards, share) -> None:
        nonlocal colour
        share = np.clip(share * ahead, 0, 1)[:, None]
        colour = colour * (1 - share) + np.asarray(towards) * share

    red = look.skin * [1.05, 0.72, 0.70]
    mix(red, look.blush * (bump(side, y, (0.36, -0.24), (0.14, 0.12)) + bump(x, y, (0, -0.30), (0.09, 0.08))))
    stubble = (
        step(-y, 0.36, 0.44)
        * (1 - bump(x, y, (0, MOUTH_Y), (0.25, 0.085)) ** 2)
        * (1 - bump(side, y, (0.38, -0.35), (0.16, 0.14)))
    )
    mix(look.hair, look.beard * stubble)
    t = np.clip(side / MOUTH_HALF, 0, 1)
    bow = (1 - t**2) ** 0.7
    upper = (
        0.070
        * bow
        * (1 - 0.22 * np.exp(-((t / 0.16) ** 2)))
        * (1 + 0.12 * person.shape[fields.IDENTITY.index("upper_lip")])
    )
    lower = 0.085 * bow * (1 + 0.12 * person.shape[fields.IDENTITY.index("lower_lip")])
    above = (y >= MOUTH_Y) & (grid.below == 0)
    lips = np.where(
        above, step(upper - (y - MOUTH_Y), -0.006, 0.010), step(lower - (MOUTH_Y - y), -0.006, 0.010)
    )
    mix(look.lips, lips * (side < MOUTH_HALF + 0.01))
    mix(look.lips * 0.25, 0.75 * np.exp(-(((y - MOUTH_Y) / 0.008) ** 2)) * (1 - t**6) * (side < MOUTH_HALF))
    arch = 0.168 + 0.055 * np.sin(np.clip((side - 0.10) / 0.34, 0, 1) * np.pi * 0.80)
    thick = look.brow[0] * (1.15 - 0.75 * step(side, 0.22, 0.46))
    mix(
        look.hair * 0.7,
        look.brow[1]
        * np.exp(-(((y - arch) / thick) ** 4))
        * step(side, 0.095, 0.135)
        * (1 - step(side, 0.42, 0.47)),
    )
    eye = np.clip(1 - np.abs(in_eye(x)) ** 4, 0, 1)
    mix(
        (0.02, 0.012, 0.01),
        0.85
        * eye
        * np.exp(-((np.clip(y, 0, None) / 0.010) ** 2))
        * (grid.eye_below == 0)
        * (np.abs(in_eye(x)) < 1),
    )
    mix(
        look.skin * 0.45,
        0.6 * eye * np.exp(-((np.clip(-y, 0, None) / 0.008) ** 2)) * grid.eye_below * (np.abs(in_eye(x)) < 1),
    )
    mix(look.skin * 0.12, 0.9 * bump(side, y, (0.052, -0.392), (0.028, 0.012)))
    hollow = 0.22 * bump(side, y, (0.14, 0.02), (0.06, 0.08)) + 0.15 * bump(
        side, y, (0.275, 0.09), (0.16, 0.035)
    )
    hollow = hollow + 0.22 * bump(side, y, (0.155, -0.36), (0.02, 0.05))
    hollow = (
        hollow + 0.25 * bump(x, y, (0, -0.66), (0.12, 0.03)) + 0.15 * bump(x, y, (0, -0.43), (0.09, 0.02))
    )
    dark = np.clip(hollow, 0, 0.85)[:, None]
    colour = colour * (1 - dark * np.array([0.75, 0.9, 0.95]))
    under = 1 - 0.4 * step(-(model.base[:, 1] - 0.35 * np.abs(x)), 0.98, 1.1)
    colour = colour * under[:, None]
    strands = 1 + 0.35 * np.sin(61 * x + 9 * np.sin(7 * y)) * np.sin(
        47 * model.base[:, 2] + 5 * np.sin(11 * y)
    )
    colour = colour * (1 - hair[:, None]) + look.hair * strands[:, None] * hair[:, None]
    gloss = 0.07 + 0.10 * bump(x, y, (0, -0.28), (0.07, 0.10)) + 0.12 * lips * ahead + 0.05 * hair
    return colour.astype(np.float32), gloss.astype(np.float32)
