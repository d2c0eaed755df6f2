import numpy as np

from dmljax.faces import glasses
from dmljax.faces.camera import Camera, project, turn
from dmljax.faces.mesh import checked
from dmljax.faces.rasteriser import rasterise
from dmljax.faces.skull import EYE_X, EYE_Y, EYE_Z, EYEBALL

EYES = tuple(np.array([side * EYE_X, EYE_Y, EYE_Z]) for side in (1, -1))


def many(dark):
    return [glasses.draw_glasses(np.random.default_rng(k), dark=dark) for k in range(50)]


def covered(mesh, yaw):
    """bool [100, 100]: the pixels that the glasses cover, 2 units from edge to edge about the eyes'
    height.
    """
    camera = Camera(yaw, extent=2.0, distance=0)
    screen, depth = project(turn(mesh.vertices, camera), camera, 100)
    found = np.zeros(100 * 100, bool)
    found[rasterise(screen, depth, mesh.triangles, (100, 100)).pixel] = True
    return found.reshape(100, 100)


def at(place):
    """(row, column) of a frontal place."""
    return round(50 - 50 * place[1]), round(50 + 50 * place[0])


def test_the_mesh_is_sound_and_lies_before_the_eyes():
    for worn in many(True) + many(False):
        mesh = glasses.put_on(worn, EYES)
        assert len(checked(mesh, "glasses").triangles) == len(mesh.triangles)
        near = np.abs(np.abs(mesh.vertices[:, 0]) - EYE_X) < 0.1
        front = mesh.vertices[near & (mesh.vertices[:, 2] > 0.6)]
        assert len(front) and front[:, 2].min() > EYE_Z + EYEBALL


def test_dark_glass_covers_the_pupils_and_clear_lenses_do_not():
    for dark in (True, False):
        for worn in many(dark):
            seen = covered(glasses.put_on(worn, EYES), 0.0)
            assert [bool(seen[at(eye)]) for eye in EYES] == [dark, dark]


def test_they_are_seen_from_every_side():
    for yaw in (-90.0, -45.0, 0.0, 45.0, 90.0, 180.0):
        assert covered(glasses.put_on(many(True)[0], EYES), yaw).sum() > 50, yaw


def test_they_are_symmetric_on_a_symmetric_head():
    seen = covered(glasses.put_on(many(True)[3], EYES), 0.0)
    assert (seen != seen[:, ::-1]).mean() < 0.02
    worn = many(True)[3]
    width = seen[at(EYES[0])[0]].sum() / 50
    assert width > 4 * worn.half_width * 0.95
