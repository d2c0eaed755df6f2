"""Links and names in folders and archives: followed, kept inside, listed; one walk for all loaders."""

import shutil
import tarfile
import zipfile

import pytest

from dmljax.datasets import bu3dfe, cmu_faces, kdef, multipie, rafd, sfew
from dmljax.types import UserError


def reasons(samples):
    return {skipped.reference.rsplit("/", 1)[-1]: skipped.reason for skipped in samples.skipped}


@pytest.mark.parametrize("plugin", [kdef, multipie, sfew, rafd, cmu_faces, bu3dfe])
def test_every_walk_follows_links_and_can_be_told_to_stay_inside(plugin, tmp_path):
    """Folders, files and archives elsewhere, a link within the set, and a loop of two links."""
    plugin.write_fixture(str(tmp_path / "store"))
    here, name = tmp_path / "set", plugin.__name__.rpartition(".")[2]
    here.mkdir()
    (here / "linked").symlink_to(tmp_path / "store")
    whole = plugin.samples(str(tmp_path / "store"))
    (tmp_path / "store" / "back").symlink_to(here)
    samples = plugin.samples(str(here))
    assert len(samples) == len(whole) and "leads back" in reasons(samples)["back"]
    with pytest.raises(UserError, match=f"{name}: no file named"):
        plugin.samples(str(here), links="inside")
    shutil.copytree(tmp_path / "store", here / "own", ignore=shutil.ignore_patterns("back"))
    (here / "again").symlink_to(here / "own")
    inside = plugin.samples(str(here), links="inside")
    assert len(inside) == len(whole) and not any("linked/" in name for name in inside.references)
    told = {s.reference: s.reason for s in inside.skipped}
    assert told["linked"] == f"a link that leads outside the set's folder ({name}.links=inside)"
    with pytest.raises(UserError, match=f"{name}: links must be one of follow, inside, got 'none'"):
        plugin.samples(str(here), links="none")


def test_a_single_file_or_archive_or_texture_elsewhere_is_left_out(tmp_path):
    sfew.write_fixture(str(tmp_path / "sfew"))
    archive = next((tmp_path / "sfew").rglob("Fear.zip"))
    archive.rename(tmp_path / "Fear.zip")
    archive.symlink_to(tmp_path / "Fear.zip")
    assert len(sfew.samples(str(tmp_path / "sfew"))) == 38
    inside = sfew.samples(str(tmp_path / "sfew"), links="inside")
    assert len(inside) == 36 and "leads outside" in reasons(inside)["Fear.zip"]
    bu3dfe.write_fixture(str(tmp_path / "bu3dfe"))
    texture = tmp_path / "bu3dfe" / "F0001" / "F0001_AN01WH_F3D.bmp"
    texture.rename(tmp_path / texture.name)
    texture.symlink_to(tmp_path / texture.name)
    root = str(tmp_path / "bu3dfe")
    assert len(bu3dfe.samples(root, links="inside")) == len(bu3dfe.samples(root)) - 9
    told = reasons(bu3dfe.samples(root, links="inside"))
    assert told["F0001_AN01WH_F3D.wrl"] == "its texture is left out"


def test_backslashes_between_folders_of_archives(tmp_path):
    """As some programs of Windows pack; a tar archive may hold links besides, which are listed."""
    sfew.write_fixture(str(tmp_path / "sfew"))
    picture = next((tmp_path / "sfew").rglob("37.png")).read_bytes()
    with zipfile.ZipFile(tmp_path / "sfew/Train/Train_Aligned_Faces/Sad.zip", "w") as archive:
        archive.writestr("Deep\\Sad\\1_0001_0002.png", picture)
    samples = sfew.samples(str(tmp_path / "sfew"))
    (deep,) = (k for k, n in enumerate(samples.references) if n.endswith("Sad.zip/Deep/Sad/1_0001_0002.png"))
    assert samples.expression_names[samples.expression[deep]] == "Sad"
    assert samples.read(samples.references[deep]) == picture
    cmu_faces.write_fixture(str(tmp_path / "cmu"))
    with tarfile.open(tmp_path / "cmu.tar", "w") as archive:
        for path in sorted((tmp_path / "cmu").rglob("*.pgm")):
            archive.add(path, str(path.relative_to(tmp_path / "cmu")).replace("/", "\\"))
        link = tarfile.TarInfo("faces/link.pgm")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(link)
    samples = cmu_faces.samples(str(tmp_path / "cmu.tar"))
    whole = cmu_faces.samples(str(tmp_path / "cmu"))
    assert samples.references == whole.references
    assert samples.read(samples.references[0]) == whole.read(whole.references[0])
    assert "a link, pipe or device" in reasons(samples)["link.pgm"]
