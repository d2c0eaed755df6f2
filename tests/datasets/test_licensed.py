"""KDEF, Multi-PIE, SFEW and RaFD on trees with their real names and every known trap: what is kept, what is
skipped and why.
"""

import os
import shutil
import zipfile

import numpy as np
import pytest

from dmljax.data.reading import read_all
from dmljax.datasets import _counts, _tree, kdef, multipie, rafd, sfew
from dmljax.types import Unreadable, UserError


def labels(samples, reference):
    k = next(k for k, name in enumerate(samples.references) if name.endswith(reference))
    name = lambda names, code: names[code] if code >= 0 else None
    return (
        name(samples.expression_names, samples.expression[k]),
        name(samples.pose_names, samples.pose[k]),
        name(samples.identity_names, samples.identity[k]),
    )


def reasons(samples):
    return {skipped.reference.rsplit("/", 1)[-1]: skipped.reason for skipped in samples.skipped}


def test_kdef(tmp_path):
    kdef.write_fixture(str(tmp_path))
    samples = kdef.samples(str(tmp_path))
    assert len(samples) == 2 * 4 * 7 * 5 and samples.identity_names == ("F01", "F31", "M02", "M31")
    assert labels(samples, "AF01AFFL.JPG") == ("afraid", "full left", "F01") and labels(
        samples, "BM31SUHR.JPG"
    ) == ("surprised", "half right", "M31")
    assert labels(samples, "AF31V.JPG") == ("sad", "half left", "F31") and labels(samples, "AM31H.JPG") == (
        "surprised",
        "half right",
        "M31",
    )
    assert labels(samples, "AF01NES.JPG")[1] == "straight"
    assert not any("AKDEF/A" in name for name in samples.references)
    assert set(reasons(samples)) == {"AM02XXS.JPG"}
    kept, _ = read_all(samples, 16, keep=False, progress=False)
    assert len(kept) == len(samples) - 2
    assert "placeholder" in reasons(kept)["BF01NEFL.JPG"] and "decoded" in reasons(kept)["BM02SUFR.JPG"]
    assert len(kdef.samples(str(tmp_path), sessions="B")) == 140
    with pytest.raises(UserError, match="both, A or B"):
        kdef.samples(str(tmp_path), sessions="C")


def test_kdef_seen_twice_counts_once(tmp_path):
    kdef.write_fixture(str(tmp_path))
    inner = tmp_path / "KDEF_and_AKDEF" / "KDEF_and_AKDEF" / "KDEF"
    (inner.parent.parent / "KDEF").symlink_to(inner)
    assert len(kdef.samples(str(tmp_path))) == 280 and "the same photograph" in " ".join(
        reasons(kdef.samples(str(tmp_path))).values()
    )


def test_multipie(tmp_path):
    multipie.write_fixture(str(tmp_path))
    samples = multipie.samples(str(tmp_path))
    assert samples.identity_names == ("001", "002", "005", "346") and samples.pose_yaw == (
        -30,
        -15,
        0,
        15,
        30,
    )
    assert labels(samples, "001_04_02_051_07.png") == ("neutral", "0", "001")  # neutral again in session 4
    assert (
        labels(samples, "346_04_03_130_07.png") == ("scream", "-30", "346")
        and labels(samples, "002_02_03_041_07.png")[0] == "squint"
    )
    assert labels(samples, "005_03_03_050_07.png") == ("disgust", "15", "005")
    told = reasons(samples)
    assert told == {
        "001_01_01_999_07.png": "unknown camera '999'",
        "001_01_03_051_07.png": "session 01 has no recording 03",
        "notes.png": "its name is not <person>_<session>_<recording>_<camera>_<shot>.png",
    }
    # above; another flash
    assert not any("_081_" in name or "_00.png" in name for name in samples.references)
    assert len(multipie.samples(str(tmp_path), shots="00,07")) == len(samples) + 1
    everything = multipie.samples(str(tmp_path), views="all", shots="all")
    assert len(everything.pose_names) == 13 and len(everything) == len(samples) + 1
    kept, _ = read_all(samples, 16, keep=False, progress=False)
    assert len(kept) == len(samples) - 1 and "decoded" in reasons(kept)["001_01_01_051_07.png"]
    for options in ({"shots": "7"}, {"shots": "21"}, {"views": "frontal"}):
        with pytest.raises(UserError, match=next(iter(options))):
            multipie.samples(str(tmp_path), **options)


def test_sfew(tmp_path):
    sfew.write_fixture(str(tmp_path))
    samples = sfew.samples(str(tmp_path))
    assert [int((samples.partition == side).sum()) for side in (0, 1)] == [24, 14]
    assert labels(samples, "Fear.zip/Fear/Airheads_000000002_00000001.png") == ("Fear", None, None)
    # the film is no class
    assert labels(samples, "Angry/Sad_Movie_000519240_00000000.png") == ("Angry", None, None)
    assert (samples.pose == -1).all() and (samples.identity == -1).all() and samples.identity_names == ()
    told = {s.reference: s.reason for s in samples.skipped}
    assert told["Test"] == "1 images without published labels"
    assert "none of Angry" in told["Train/Train_Aligned_Faces/Bored/Airheads_000000009_00000001.png"]
    for odd in ("37.png", "OceansThirteen-010619400_00000087.png", "IAmSam_013827920__00000055.png"):
        assert labels(samples, f"Disgust/{odd}") == ("Disgust", None, None)
    assert "macOS" in told["Train/Train_Aligned_Faces/Disgust/._37.png"]
    left, differ = samples.notes
    assert "21 frames images (sfew.faces=aligned)" in left and "1 files that are no images" in left
    assert "train Disgust 6 (66 published)" in differ and "test images 1 (372 published)" in differ
    frames = sfew.samples(str(tmp_path), faces="frames")
    assert len(frames) == 21 and not any("Aligned" in name for name in frames.references)
    _, pixels = read_all(samples, 16, progress=False)
    assert len(pixels) == 38


def test_rafd(tmp_path):
    rafd.write_fixture(str(tmp_path))
    samples = rafd.samples(str(tmp_path))
    assert len(samples) == 3 * 5 * 8 * 3 and samples.identity_names == ("01", "07", "73")
    name = "Rafd180_73_Moroccan_male_contemptuous_left.jpg"
    assert (
        labels(samples, name) == ("contemptuous", "90", "73")
        and labels(rafd.samples(str(tmp_path), turned=True), name)[1] == "-90"
    )
    assert labels(samples, "Rafd090_07_Caucasian_kid_sad_left.jpg")[1] == "0"  # gaze is no pose
    assert set(reasons(samples)) == {
        "Rafd090_01_Caucasian_female_bored_left.jpg",
        "Rafd100_01_Caucasian_female_happy_left.jpg",
        "holiday.jpg",
    }
    assert len(rafd.samples(str(tmp_path), gaze="frontal")) == 120
    kept, _ = read_all(samples, 16, keep=False, progress=False)
    assert len(kept) == len(samples) - 1


def test_sfew_whose_folders_do_not_say_what_they_hold(tmp_path):
    """Copies that lost the folder of the aligned faces; an image that lies there twice; a name cut short."""
    sfew.write_fixture(str(tmp_path / "whole"))
    for part, deep in (("Train", "Train_Aligned_Faces"), ("Val", "Val_Aligned_Faces_new/Val_Aligned_Faces")):
        shutil.copytree(tmp_path / "whole" / part / deep, tmp_path / "cut" / part)
    with zipfile.ZipFile(tmp_path / "cut/Train/Angry.zip", "w") as archive:
        for path in (tmp_path / "cut/Train/Angry").iterdir():
            archive.write(path, f"Angry\\{path.name}")  # as some programs pack
    nameless = tmp_path / "cut/Train/Sad/Sad_Movie_000519245_00000000"
    nameless.with_suffix(".png").rename(nameless)
    samples = sfew.samples(str(tmp_path / "cut"))
    assert len(samples) == 38 and sum("the same photograph" in s.reason for s in samples.skipped) == 3
    assert any("no folder says whether 38 images" in note for note in samples.notes)
    assert len(read_all(samples, 16, keep=False, progress=False)[0]) == 38
    assert len(sfew.samples(str(tmp_path / "cut"), faces="frames")) == 38


def test_what_is_not_taken_is_counted_and_compared_with_what_was_published(tmp_path):
    kdef.write_fixture(str(tmp_path / "kdef"))
    left, differ = kdef.samples(str(tmp_path / "kdef"), sessions="A").notes
    assert "1 averaged faces (AKDEF)" in left and "140 images of session B (kdef.sessions=A)" in left
    assert "1 files that are no images" in left and "Thumbs.db" in left
    assert differ.startswith("WARNING: kdef") and "people 4 (70 published)" in differ
    assert "happy 20 (350 published)" in differ
    multipie.write_fixture(str(tmp_path / "multipie"))
    left, differ = multipie.samples(str(tmp_path / "multipie")).notes
    assert "1 images from above" in left and "1 images with other flashes (multipie.shots=07)" in left
    assert "people 4 (337 published), people of session 01 2 (249 published)" in differ
    rafd.write_fixture(str(tmp_path / "rafd"))
    copied = tmp_path / "rafd" / "again" / "Rafd045_01_Caucasian_female_happy_left.jpg"
    copied.parent.mkdir()
    shutil.copy(tmp_path / "rafd" / copied.name, copied)
    samples = rafd.samples(str(tmp_path / "rafd"), gaze="left")
    assert len(samples) == 120 and sum("the same photograph" in s.reason for s in samples.skipped) == 1
    assert "240 images with another gaze (rafd.gaze=left)" in samples.notes[0]
    assert "happy 15 (335 published)" in samples.notes[1]


def test_a_whole_set_is_told_nothing():
    published = {"people": 2, "happy": 5}
    assert _counts.differences("kdef", published, {"people": 2, "happy": 5}) == ()
    assert _counts.differences("kdef", published, {"people": 2}) == (
        "WARNING: kdef: counts differ from the published ones: happy 0 (5 published)",
    )


@pytest.mark.parametrize("plugin", [kdef, multipie, sfew, rafd])
def test_a_wrong_folder_says_what_was_looked_for_and_found(plugin, tmp_path):
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "beach.gif").write_bytes(b"")
    told = r"no file named .* \(1 other files, e\.g\. 'holiday/beach\.gif'\); give the set's folder.*"
    with pytest.raises(UserError, match=told + plugin.OBTAIN[-8:]):
        plugin.samples(str(tmp_path))


def test_links_that_loop_and_names_that_cannot_be_printed(tmp_path):
    kdef.write_fixture(str(tmp_path))
    (tmp_path / "KDEF_and_AKDEF" / "again").symlink_to(tmp_path)
    with open(os.fsencode(tmp_path) + b"/AF01AFS\xff.JPG", "wb"):
        pass
    samples = kdef.samples(str(tmp_path))
    told = reasons(samples)
    assert (
        len(samples) == 280
        and "a link that leads back" in told["again"]
        and "cannot be printed" in told["AF01AFS\\udcff.JPG"]
    )


def test_a_broken_archive_is_told(tmp_path):
    sfew.write_fixture(str(tmp_path))
    archive = next(tmp_path.rglob("Fear.zip"))
    archive.write_bytes(archive.read_bytes()[:100])
    samples = sfew.samples(str(tmp_path))
    assert len(samples) == 36 and "zip archive" in reasons(samples)["Fear.zip"]
    assert np.isin(samples.expression[samples.partition == 1], [2]).sum() == 0


def packed(path, members, **packing):
    with zipfile.ZipFile(path, "w", **packing) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def patched(path, name, local, central, value):
    """Changes two bytes of a member's headers, at these offsets in the local and the central one."""
    content = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", local), (b"PK\x01\x02", central)):
        place = next(
            k
            for k in range(len(content))
            if content[k : k + 4] == mark and name.encode() in content[k : k + 60]
        )
        content[place + offset : place + offset + 2] = value.to_bytes(2, "little")
    path.write_bytes(content)


def test_archives_with_members_that_cannot_be_read(tmp_path):
    """A password, a method unknown to Python, one bad checksum: told, and all others are taken."""
    sfew.write_fixture(str(tmp_path))
    picture = next(tmp_path.rglob("37.png")).read_bytes()
    path = tmp_path / "Train/Train_Aligned_Faces/Sad.zip"
    packed(path, {f"Sad/{k}_0001_0002.png": picture for k in range(10)})
    patched(path, "Sad/3_0001", 6, 8, 1)  # encrypted
    patched(path, "Sad/4_0001", 8, 10, 9)  # Deflate64
    patched(path, "Sad/5_0001", 14, 16, 7)  # its checksum
    samples = sfew.samples(str(tmp_path))
    told = reasons(samples)
    assert len(samples) == 38 + 8
    assert "password" in told["3_0001_0002.png"] and "deflate64" in told["4_0001_0002.png"]
    kept, _ = read_all(samples, 16, progress=False)
    assert len(kept) == 38 + 7 and "is damaged in its zip archive" in reasons(kept)["5_0001_0002.png"]


def test_what_is_no_file_is_listed_and_not_waited_for(tmp_path):
    kdef.write_fixture(str(tmp_path))
    os.mkfifo(tmp_path / "AF01AFS.JPG")
    (tmp_path / "AF01ANS.JPG").symlink_to(tmp_path / "gone.JPG")
    (tmp_path / "AF01DIS.JPG").symlink_to(tmp_path / "AF01DIS.JPG")
    told = reasons(kdef.samples(str(tmp_path)))
    assert "pipe" in told["AF01AFS.JPG"] and told["AF01ANS.JPG"] == "a link to nothing"
    assert "link" in told["AF01DIS.JPG"]


@pytest.mark.parametrize(
    "packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_a_damaged_archive_is_read_or_listed(tmp_path, packing):
    """Bytes changed and cut at random: what can be read is, all else is Unreadable."""
    rng, path = np.random.default_rng(0), tmp_path / "a.zip"
    packed(path, {f"Sad/{k}.png": rng.bytes(60) for k in range(4)}, compression=packing)
    whole = path.read_bytes()
    for _ in range(150):
        content = bytearray(whole[: rng.integers(len(whole))] if rng.random() < 0.2 else whole)
        for _ in range(rng.integers(1, 5)):
            if len(content):
                content[rng.integers(len(content))] = rng.integers(256)
        path.write_bytes(bytes(content))
        _tree._archive.cache_clear()
        for name in _tree.files(str(tmp_path), "sfew", "a folder")[0]:
            try:
                assert isinstance(_tree.read(str(tmp_path), name), bytes)
            except Unreadable as error:
                assert "damaged in its zip archive" in str(error)
