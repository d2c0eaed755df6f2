import numpy as np
import pytest

from dmljax.faces import fields, head
from dmljax.faces.camera import Camera, project, turn
from dmljax.faces.expressions import EXPRESSIONS, UNITS, draw_action, draw_manner
from dmljax.faces.mesh import checked
from dmljax.faces.rasteriser import rasterise
from dmljax.faces.skull import EYE_X, EYEBALL, MOUTH_HALF, MOUTH_Y, resting_head


@pytest.fixture(scope="module")
def average():
    person = head.draw_person(np.random.default_rng(5))
    return head.sculpt(person._replace(shape=np.zeros(len(fields.IDENTITY))))


def action(**strengths):
    found = np.zeros((2, len(UNITS)))
    for unit, strength in strengths.items():
        found[:, UNITS.index(int(unit[2:]))] = strength
    return found


def place(mesh, x, y, below=0.0):
    grid = resting_head()
    distance = np.where((grid.below == below) & (grid.front > 0), np.hypot(grid.x - x, grid.y - y), np.inf)
    return mesh.vertices[int(np.argmin(distance))]


def test_the_mesh_is_sound_and_symmetric_at_rest(average):
    mesh = head.act(average, action())
    assert len(checked(mesh, "head").triangles) > 0.99 * len(mesh.triangles)
    grid = resting_head()
    left = np.flatnonzero((grid.x > 0.05) & (grid.front > 0.3))[::37]
    for vertex in left:
        x, y, z = mesh.vertices[vertex]
        assert np.linalg.norm(mesh.vertices - [-x, y, z], axis=1).min() < 0.02


@pytest.mark.parametrize(
    ("unit", "at", "axis", "sign"),
    [
        ("au1", (0.13, 0.2), 1, 1),
        ("au2", (0.38, 0.19), 1, 1),
        ("au4", (0.15, 0.18), 1, -1),
        ("au12", (MOUTH_HALF, MOUTH_Y), 1, 1),
        ("au12", (MOUTH_HALF, MOUTH_Y), 0, 1),
        ("au15", (MOUTH_HALF, MOUTH_Y), 1, -1),
        ("au20", (MOUTH_HALF, MOUTH_Y), 0, 1),
        ("au9", (0.10, -0.25), 1, 1),
        ("au17", (0.0, -0.78), 1, 1),
    ],
)
def test_units_move_the_skin_where_anatomy_says(average, unit, at, axis, sign):
    moved = place(head.act(average, action(**{unit: 1.0})), *at) - place(head.act(average, action()), *at)
    assert sign * moved[axis] > 0.02


def test_the_jaw_opens_the_mouth_and_the_lids_open_the_eyes(average):
    def gaps(act):
        mesh, grid = head.act(average, act), resting_head()
        mouth = place(mesh, 0.0, MOUTH_Y, 0.0)[1] - place(mesh, 0.0, MOUTH_Y, 1.0)[1]
        near = (np.abs(grid.x - EYE_X) < 0.012) & (grid.y == 0) & (grid.front > 0)
        lids = np.ptp(mesh.vertices[: len(grid.x)][near, 1])
        return mouth, lids

    rest, jaw, wide, tight = (
        gaps(action()),
        gaps(action(au26=1.0)),
        gaps(action(au5=1.0)),
        gaps(action(au7=1.0)),
    )
    assert rest[0] == pytest.approx(0, abs=1e-6) and jaw[0] > 0.15
    assert tight[1] < rest[1] - 0.02 < rest[1] < wide[1] - 0.03


def test_one_side_moves_alone(average):
    one_sided = action(au12=1.0)
    one_sided[1] = 0  # the person's right side rests
    mesh, rest = head.act(average, one_sided), head.act(average, action())
    assert place(mesh, MOUTH_HALF, MOUTH_Y)[1] - place(rest, MOUTH_HALF, MOUTH_Y)[1] > 0.05
    np.testing.assert_allclose(
        place(mesh, -MOUTH_HALF, MOUTH_Y), place(rest, -MOUTH_HALF, MOUTH_Y), atol=1e-3
    )


def visible(mesh, chosen, yaw):
    """Pixels on which one of the vertices `chosen` belongs to what is seen."""
    camera = Camera(yaw, extent=head.WINDOWS["head"].extent)
    screen, depth = project(turn(mesh.vertices, camera), camera, 160)
    shown = rasterise(screen, depth, mesh.triangles, (160, 160))
    return int(np.isin(mesh.triangles[shown.triangle], chosen).any(1).sum())


def test_the_far_eye_and_the_far_corner_of_the_mouth_vanish_in_profile(average):
    mesh = head.act(average, action())
    middle = (mesh.vertices.max(0) + mesh.vertices.min(0)) / 2
    assert abs(middle[0]) < 0.02
    around = np.flatnonzero(np.linalg.norm(mesh.vertices - average.eyes[0], axis=1) < EYEBALL * 1.001)
    other = np.flatnonzero(np.linalg.norm(mesh.vertices - average.eyes[1], axis=1) < EYEBALL * 1.001)
    for yaw, near, far in ((90, other, around), (-90, around, other)):
        assert visible(mesh, near, yaw) > 0 and visible(mesh, far, yaw) == 0
    assert visible(mesh, around, 0) > 10 and visible(mesh, other, 0) > 10
    corners = [
        np.flatnonzero(np.linalg.norm(mesh.vertices - place(mesh, s * MOUTH_HALF, MOUTH_Y), axis=1) < 0.02)
        for s in (1, -1)
    ]
    assert visible(mesh, corners[0], 90) == 0 and visible(mesh, corners[1], 90) > 0


def test_no_background_shows_through_an_open_mouth(average):
    """Inside the head's outline every pixel shows a surface, from any side, in any expression."""
    manner = draw_manner(np.random.default_rng(0), 0.0)
    for expression in EXPRESSIONS:
        mesh = head.act(
            average, draw_action(np.random.default_rng(0), expression, manner, level=1, difficulty=0.0)
        )
        for yaw in (-45, 0, 45):
            camera = Camera(yaw, extent=head.WINDOWS["head"].extent)
            screen, depth = project(turn(mesh.vertices, camera), camera, 120)
            covered = np.zeros(120 * 120, bool)
            covered[rasterise(screen, depth, mesh.triangles, (120, 120)).pixel] = True
            rows = covered.reshape(120, 120)
            face = rows[40:95]
            for row in face:
                inside = np.flatnonzero(row)
                assert row[inside[0] : inside[-1] + 1].mean() > 0.97, (expression, yaw)


def test_people_differ_and_one_person_stays_the_same():
    drawn = [head.draw_person(np.random.default_rng(k)) for k in (1, 1, 2)]
    a, again, b = (head.act(head.sculpt(person), action()).vertices for person in drawn)
    assert np.array_equal(a, again) and np.abs(a - b).max() > 0.03
