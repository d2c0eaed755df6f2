import numpy as np
import pytest

from dmljax.datasets import ict3dfe
from dmljax.faces import ict, looks
from dmljax.faces.expressions import UNITS
from dmljax.types import UserError


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ict")
    ict3dfe.write_fixture(str(folder))
    return folder / "model.npz"


@pytest.fixture(scope="module")
def content(archive):
    with np.load(archive) as file:
        return dict(file)


@pytest.fixture(scope="module")
def model(archive):
    return ict.load(str(archive))


def test_opaque_parts_alone_become_triangles(model, content):
    kept = content["quads"]
    expected = sum(1 if quad[3] < 0 else 2 for quad in kept)
    assert len(model.triangles) <= expected and model.triangles.max() < 24591


def test_a_face_is_the_neutral_one_plus_its_coefficients(model, content):
    shape = np.random.default_rng(1).standard_normal(100)
    mesh = ict.sculpt(model, shape, looks.draw_look(np.random.default_rng(2)))
    expected = content["neutral"].astype(np.float64)
    for z, offset in zip(shape, content["identity"]):
        expected = expected + z * offset
    np.testing.assert_allclose(mesh.vertices, expected, atol=1e-4)
    assert mesh.colour.min() >= 0 and mesh.colour.max() <= 1.3 and np.isfinite(mesh.gloss).all()


def test_units_are_sums_of_the_models_shapes_side_by_side(model, content):
    mesh = ict.sculpt(model, np.zeros(100), looks.draw_look(np.random.default_rng(2)))
    action = np.zeros((2, len(UNITS)))
    action[0, UNITS.index(6)] = 0.5  # the person's left cheek alone
    names = [str(name) for name in content["expression_names"]]
    shape = lambda name: content["expression"][names.index(name)].astype(np.float64)
    expected = mesh.vertices + 0.5 * (1.0 * shape("cheekSquint_L") + 0.6 * shape("cheekRaiser_L"))
    np.testing.assert_allclose(ict.act(model, mesh, action).vertices, expected, atol=1e-4)


def test_a_shape_of_both_sides_is_blended_in_the_middle(content, tmp_path):
    names = [str(name) for name in content["expression_names"]]
    keep = [k for k, name in enumerate(names) if not name.startswith("jawOpen")]
    both = content["expression"][names.index("jawOpen_L")]
    np.savez(
        tmp_path / "m.npz",
        **{
            **content,
            "expression": np.concatenate([content["expression"][keep], both[None]]),
            "expression_names": np.array([names[k] for k in keep] + ["jawOpen"]),
        },
    )
    model = ict.load(str(tmp_path / "m.npz"))
    unit = model.units[:, UNITS.index(26)]
    np.testing.assert_allclose(unit[0] + unit[1], 0.75 * both.astype(np.float32), atol=1e-5)
    left = content["neutral"][:, 0] > 0.9
    assert np.abs(unit[1][left]).max() == 0 and np.abs(unit[0][left]).max() > 0


def write_obj(path, vertices, quads=()):
    lines = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in vertices.tolist()]
    lines += [
        "f " + " ".join(f"{corner + 1}/{corner + 1}" for corner in quad if corner >= 0) for quad in quads
    ]
    path.write_text("\n".join(["# a comment", *lines]) + "\n")


@pytest.mark.slow
def test_the_published_folder_gives_what_the_archive_gives(content, tmp_path):
    neutral = content["neutral"]
    write_obj(tmp_path / "generic_neutral_mesh.obj", neutral, content["quads"])
    for k in range(2):
        write_obj(tmp_path / f"identity{k:03d}.obj", neutral + content["identity"][k])
    for name, offset in zip(content["expression_names"], content["expression"]):
        write_obj(tmp_path / f"{name}.obj", neutral + offset)
    few = {**content, "identity": content["identity"][:2]}
    (tmp_path / "archive").mkdir()
    np.savez(tmp_path / "archive" / "m.npz", **few)
    folder = ict.load(str(tmp_path))
    archive = ict.load(str(tmp_path / "archive"))
    np.testing.assert_array_equal(folder.triangles, archive.triangles)
    for part in ("neutral", "identity", "units"):
        np.testing.assert_allclose(getattr(folder, part), getattr(archive, part), atol=2e-5)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c: {k: v for k, v in c.items() if k != "quads"}, "lacks quads"),
        (lambda c: c | {"neutral": c["neutral"][:100]}, "expected 26719 vertices"),
        (
            lambda c: c | {"expression_names": c["expression_names"][:3], "expression": c["expression"][:3]},
            "lacks the expression",
        ),
        (lambda c: c | {"quads": c["quads"] + 26719}, "expected 26719 vertices"),
        (
            lambda c: c | {"neutral": np.where(np.arange(26719)[:, None] == 7, np.nan, c["neutral"])},
            "1 vertices have coordinates that are not finite",
        ),
        (lambda c: c | {"neutral": c["neutral"] * 0}, "triangles have no area"),
        (
            lambda c: c | {"identity": np.full_like(c["identity"], np.inf)},
            "offsets of identity are not finite",
        ),
    ],
)
def test_another_archive_is_refused(content, tmp_path, change, told):
    np.savez(tmp_path / "m.npz", **change(content))
    with pytest.raises(UserError, match=told):
        ict.load(str(tmp_path / "m.npz"))


def test_what_is_no_model_is_refused(tmp_path, archive):
    for name, told in (("nowhere", "nothing at"), (".", "holds neither")):
        with pytest.raises(UserError, match=told):
            ict.load(str(tmp_path / name))
    (tmp_path / "cut.npz").write_bytes(archive.read_bytes()[:5000])
    with pytest.raises(UserError, match="cannot be read as .npz"):
        ict.load(str(tmp_path / "cut.npz"))
    np.save(tmp_path / "array.npz.npy", np.zeros(3))
    with pytest.raises(UserError, match="cannot be read as .npz"):
        ict.load(str(tmp_path / "array.npz.npy"))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "generic_neutral_mesh.obj").write_text("v 1 2\nv 3\n")
    with pytest.raises(UserError, match="cannot be read as OBJ"):
        ict.load(str(tmp_path / "folder"))
