"""KDEF, Multi-PIE, SFEW and RaFD on trees with their real names and every known trap: what is kept, what is
skipped and why.
"""

import os

import numpy as np
import pytest

from dmljax.data.images import read_all
from dmljax.datasets import kdef, multipie, rafd, sfew
from dmljax.types import UserError


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
    assert [int((samples.partition == side).sum()) for side in (0, 1)] == [21, 14]
    assert labels(samples, "Fear.zip/Fear/Airheads_000000002_00000001.png") == ("Fear", None, None)
    # the film is no class
    assert labels(samples, "Angry/Sad_Movie_000519240_00000000.png") == ("Angry", None, None)
    assert (samples.pose == -1).all() and (samples.identity == -1).all() and samples.identity_names == ()
    told = {s.reference: s.reason for s in samples.skipped}
    assert told["Test"] == "1 images without published labels"
    assert "none of Angry" in told["Train/Train_Aligned_Faces/Bored/Airheads_000000009_00000001.png"]
    frames = sfew.samples(str(tmp_path), faces="frames")
    assert len(frames) == 21 and not any("Aligned" in name for name in frames.references)
    _, pixels = read_all(samples, 16, progress=False)
    assert len(pixels) == 35


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


@pytest.mark.parametrize("plugin", [kdef, multipie, sfew, rafd])
def test_a_wrong_folder_says_what_was_looked_for_and_found(plugin, tmp_path):
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "beach.gif").write_bytes(b"")
    told = r"no file named .* \(1 other files, e\.g\. 'holiday/beach\.gif'\); set dataset\.root .*"
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
    assert len(samples) == 33 and "zip archive" in reasons(samples)["Fear.zip"]
    assert np.isin(samples.expression[samples.partition == 1], [2]).sum() == 0
