import numpy as np
import pytest
from PIL import Image

from dmljax.faces import vrml

# A square of two triangles whose texture coordinates are numbered otherwise than its vertices.
SQUARE = """#VRML V2.0 utf8
Shape { geometry IndexedFaceSet {
  coord Coordinate { point [ -1 -1 0, 1 -1 0, 1 1 0.5, # a comment, 9 9 9
     -1 1 0 ] }
  texCoord TextureCoordinate { point [ 0 1, 1 1, 1 0, 0 0 ] }
  coordIndex [ 0, 1, 2, -1, 0, 2, 3 -1 ]
  texCoordIndex [ 3, 2, 1, -1, 3, 1, 0, -1 ]
} }
"""


@pytest.fixture
def scan(tmp_path):
    texture = np.arange(4 * 4 * 3, dtype=np.uint8).reshape(4, 4, 3)
    Image.fromarray(texture).save(tmp_path / "s.bmp")

    def write(text=SQUARE):
        (tmp_path / "s.wrl").write_text(text)
        return vrml.read(tmp_path / "s.wrl", tmp_path / "s.bmp")

    return write


def test_corners_keep_their_own_texture_coordinates(scan):
    mesh = scan()
    assert len(mesh.triangles) == 2 and len(mesh.vertices) == 4 and mesh.texture.shape == (4, 4, 3)
    expected = {(-1, -1, 0.0): (0, 0), (1, -1, 0.0): (1, 0), (1, 1, 0.5): (1, 1), (-1, 1, 0.0): (0, 1)}
    for vertex, uv in zip(mesh.vertices.tolist(), mesh.uv.tolist()):
        assert expected[tuple(vertex)] == tuple(uv)
    np.testing.assert_array_equal(mesh.vertices[mesh.triangles[0]], [[-1, -1, 0], [1, -1, 0], [1, 1, 0.5]])


def test_a_seam_makes_two_vertices_of_one(scan):
    mesh = scan(SQUARE.replace("[ 3, 2, 1, -1, 3, 1, 0, -1 ]", "[ 3, 2, 1, -1, 2, 1, 0, -1 ]"))
    assert len(mesh.vertices) == 5


def test_polygons_become_fans_and_texture_indices_may_be_left_out(scan):
    text = SQUARE.replace("[ 0, 1, 2, -1, 0, 2, 3 -1 ]", "[ 0 1 2 3 ]").replace(
        "  texCoordIndex [ 3, 2, 1, -1, 3, 1, 0, -1 ]\n", ""
    )
    mesh = scan(text)
    assert len(mesh.triangles) == 2
    np.testing.assert_array_equal(mesh.vertices[mesh.triangles[1]], [[-1, -1, 0], [1, 1, 0.5], [-1, 1, 0]])


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("coord Coordinate { point [", "coord Koordinate { point [", "has no Coordinate block"),
        ("texCoord TextureCoordinate", "texCoord Nothing", "has no TextureCoordinate block"),
        ("  coordIndex [", "  cordIndex [", "has no coordIndex block"),
        ("0, 2, 3 -1 ]", "0, 2, 4 -1 ]", "a triangle names vertex 4; there are 4"),
        ("3, 1, 0, -1 ]", "7, 1, 0, -1 ]", "a triangle names texture point 7; there are 4"),
        ("3, 1, 0, -1 ]", "3, 1, -1 ]", "8 entries in coordIndex but 7 in texCoordIndex"),
        ("-1 1 0 ] }", "-1 1 ] }", "do not come in groups of 3"),
        ("1 1 0.5", "1 one 0.5", "holds something that is no number"),
        ("[ 0, 1, 2, -1, 0, 2, 3 -1 ]", "[ 0, 1, -1, 2, 3, -1, 0 -1 ]", "8 entries|no triangles"),
        ("1 1 0.5", "1 1 nan", "not finite"),
    ],
)
def test_broken_scans_say_what_is_wrong(scan, old, new, told):
    assert old in SQUARE
    with pytest.raises(ValueError, match=told):
        scan(SQUARE.replace(old, new))


def test_a_flat_scan_has_no_area(scan):
    with pytest.raises(ValueError, match="no area"):
        scan(
            SQUARE.replace("-1 -1 0, 1 -1 0, 1 1 0.5,", "0 0 0, 0 0 0, 0 0 0,").replace(
                "     -1 1 0 ] }", "0 0 1 ] }"
            )
        )


def test_missing_files_and_a_broken_texture(scan, tmp_path):
    scan()
    with pytest.raises(ValueError, match="t.wrl is missing"):
        vrml.read(tmp_path / "t.wrl", tmp_path / "s.bmp")
    with pytest.raises(ValueError, match="t.bmp is missing"):
        vrml.read(tmp_path / "s.wrl", tmp_path / "t.bmp")
    (tmp_path / "t.bmp").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="t.bmp cannot be read"):
        vrml.read(tmp_path / "s.wrl", tmp_path / "t.bmp")
