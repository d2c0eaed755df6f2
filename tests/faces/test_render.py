import numpy as np

from dmljax.faces.camera import Camera
from dmljax.faces.mesh import Mesh
from dmljax.faces.render import GAMMA, Light, decode, encode, render, shade

DARK = Light(np.zeros((0, 3)) + [0, 0, 1], np.zeros((0, 3)), np.ones(3), np.ones(3))  # even white light


def square(texture=None):
    vertices = np.array([[-1, 1, 0], [1, 1, 0], [1, -1, 0], [-1, -1, 0.0]], np.float32)
    uv = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], np.float32) if texture is not None else None
    colour = np.full((4, 3), [0.2, 0.4, 0.6] if texture is None else 1.0, np.float32)
    return Mesh(
        vertices, np.array([[0, 2, 1], [0, 3, 2]], np.int32), colour, np.zeros(4, np.float32), uv, texture
    )


def test_light_of_a_surface_is_the_sum_of_its_parts():
    normals = np.array([[0, 0, 1.0], [0, 1, 0], [0.6, 0, 0.8]])
    light = Light(
        np.array([[3.0, 0, 4.0]]),
        np.array([[0.5, 0.25, 0.1]]),
        np.array([0.4, 0.4, 0.4]),
        np.array([0.2, 0.2, 0.2]),
        wrap=0.2,
    )
    diffuse, mirror = shade(normals, light)
    facing = (normals @ [0.6, 0, 0.8] + 0.2) / 1.2
    ambient = 0.2 + 0.2 * (0.5 + 0.5 * normals[:, 1])
    np.testing.assert_allclose(
        diffuse, ambient[:, None] + np.clip(facing, 0, None)[:, None] * [0.5, 0.25, 0.1]
    )
    half = np.array([0.6, 0, 1.8]) / np.hypot(0.6, 1.8)
    np.testing.assert_allclose(mirror[:, 0], 0.5 * np.clip(normals @ half, 0, None) ** 24)


def test_edges_average_light_not_grey_levels():
    picture = render(
        square(), Camera(extent=4.0, distance=0, shift=(1 / 16, 0)), DARK, np.zeros(3), 8, samples=2
    )
    inside, half = np.array([0.2, 0.4, 0.6]), np.array([0.1, 0.2, 0.3])
    np.testing.assert_array_equal(picture[4, 4], encode(inside))
    np.testing.assert_array_equal(picture[4, 2], encode(half))  # half a pixel is covered
    np.testing.assert_array_equal(picture[0, 0], [0, 0, 0])
    assert (encode(half) > encode(inside) // 2 + 20).any()  # which is not half the grey level


def test_texture_is_seen_upright():
    texture = np.zeros((2, 2, 3), np.uint8)
    texture[0, 0], texture[0, 1], texture[1, 0] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    picture = render(square(texture), Camera(extent=2.0, distance=0), DARK, np.zeros(3), 16, samples=1)
    assert (
        picture[0, 0].tolist() == [255, 0, 0]
        and picture[0, -1].tolist() == [0, 255, 0]
        and picture[-1, 0].tolist() == [0, 0, 255]
    )


def test_surfaces_seen_from_behind_are_left_out_unless_open():
    turned = square()._replace(triangles=square().triangles[:, ::-1])
    assert render(turned, Camera(extent=2.0), DARK, np.zeros(3), 8).max() == 0
    assert render(turned, Camera(extent=2.0), DARK, np.zeros(3), 8, cull=False).max() > 0


def test_encode_and_decode_are_inverse():
    levels = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(encode(decode(levels)), levels)
    assert encode(np.array([0.5]))[0] == round(255 * 0.5 ** (1 / GAMMA)) and encode(np.array([7.0]))[0] == 255
