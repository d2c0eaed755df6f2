import os
import unicodedata

import numpy as np
import pytest

from dmljax.datasets import folder
from dmljax.types import Skipped, UserError


def write(tmp_path, text, images=("a.ppm", "b.ppm", "c.ppm")):
    for name in images:
        (tmp_path / name).write_bytes(b"P6\n1 1\n255\nabc")
    (tmp_path / "manifest.csv").write_text(text)
    return folder.samples(str(tmp_path))


def test_labels_missing_labels_and_the_order_of_yaws(tmp_path):
    samples = write(
        tmp_path,
        "path,expression,pose,identity\na.ppm,joy,30,\nb.ppm,,-30,bob\nc.ppm,anger,,bob\nlost.ppm,joy,0,x\n",
    )
    assert samples.expression_names == ("anger", "joy") and samples.pose_names == ("-30", "30")
    assert (
        samples.expression.tolist() == [1, -1, 0]
        and samples.pose.tolist() == [1, 0, -1]
        and samples.identity.tolist() == [-1, 0, 0]
    )
    assert samples.pose_mirror == (1, 0) and samples.skipped == (Skipped("lost.ppm", "no such file"),)


def test_the_given_class_order_and_split(tmp_path):
    (tmp_path / "a.ppm").write_bytes(b"")
    (tmp_path / "b.ppm").write_bytes(b"")
    (tmp_path / "manifest.csv").write_text(
        "\ufeffpath,expression,split\na.ppm,joy,train\nb.ppm,anger,test\n", encoding="utf-8"
    )
    samples = folder.samples(str(tmp_path), expressions="joy, anger, fear")
    assert samples.expression.tolist() == [0, 1] and np.array_equal(samples.partition, [0, 1])


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (
            "path,identity\na.ppm,0\n",
            "neither expression nor pose nor angles, .* Its header has path, identity",
        ),
        ("", "lacks the column path; its header has nothing"),
        ("path,expression\n../a.ppm,joy\n", "outside the manifest's folder"),
        ("path,expression\na.ppm,joy\na.ppm,sad\n", "line 3: 'a.ppm' stands already in line 2"),
        ("path,expression\nx.ppm,joy\n", "none of the 1 lines"),
        ("path,expression\n,joy\n", "line 2 has no path"),
        ("path,expression,split\na.ppm,joy,dev\n", "train, test or validation, got 'dev'"),
    ],
)
def test_a_bad_manifest_is_one_clear_line(tmp_path, text, word):
    with pytest.raises(UserError, match=word):
        write(tmp_path, text)


def test_an_unknown_label_names_line_and_what_is_allowed(tmp_path):
    write(tmp_path, "path,expression\na.ppm,joy\nb.ppm,glee\n")
    with pytest.raises(UserError, match="line 3: unknown expression 'glee'; the allowed ones are joy, anger"):
        folder.samples(str(tmp_path), expressions="joy,anger")


def names(codes, classes):
    return [classes[k] if k >= 0 else None for k in codes]


def test_words_for_no_value_are_missing_labels_and_told(tmp_path):
    """As pandas and Excel write them: no class, and above all no person of that name."""
    words = ("nan", "None", "N/A", "", "NaN", "#N/A", "<NA>")
    images = [f"{k}.ppm" for k in range(len(words) + 1)]
    lines = [f"{name},{word},{word},{word}" for name, word in zip(images, words)]
    text = "path,expression,pose,identity\n" + "\n".join([*lines, f"{images[-1]},joy,0,ann"]) + "\n"
    samples = write(tmp_path, text, images)
    for codes, classes in (
        (samples.expression, samples.expression_names),
        (samples.pose, samples.pose_names),
        (samples.identity, samples.identity_names),
    ):
        assert codes.tolist() == [-1] * len(words) + [0] and len(classes) == 1
    assert "folder: taken as no identity: 1 x 'nan', 1 x 'None', 1 x 'N/A'" in " ".join(samples.notes)


def test_spellings_of_one_pose_and_of_one_name(tmp_path):
    images = [f"{k}.ppm" for k in range(6)]
    composed, decomposed = (unicodedata.normalize(form, "zoë") for form in ("NFC", "NFD"))
    poses, faces = ("-45", "-45.0", " -45", "45", "+45", "0"), ("joy", "Joy", "joy", "JOY", "fear", "fear")
    people = (composed, decomposed, composed, "bob", "Bob", "bob")
    lines = [",".join(row) for row in zip(images, faces, poses, people)]
    samples = write(tmp_path, "path,expression,pose,identity\n" + "\n".join(lines) + "\n", images)
    assert samples.pose_names == ("-45", "0", "45") and samples.pose.tolist() == [0, 0, 0, 2, 2, 1]
    assert samples.pose_mirror == (2, 1, 0) and samples.pose_yaw == (-45, 0, 45)
    assert samples.expression_names == ("fear", "joy") and samples.expression.tolist() == [1, 1, 1, 1, 0, 0]
    assert samples.identity_names == ("bob", composed) and samples.identity.tolist() == [1, 1, 1, 0, 0, 0]
    told = " ".join(samples.notes)
    assert (
        "taken as one expression: 'JOY', 'Joy', 'joy'" in told and "taken as one pose: '-45', '-45.0'" in told
    )
    assert "taken as one identity: 'Bob', 'bob'" in told
    allowed = folder.samples(str(tmp_path), expressions="Joy,fear", poses="0.0,45,-45")
    assert allowed.expression_names == ("Joy", "fear") and allowed.expression.tolist() == [0, 0, 0, 0, 1, 1]
    assert allowed.pose.tolist() == [2, 2, 2, 1, 1, 0]


def test_one_spelling_stays_as_it_is(tmp_path):
    samples = write(tmp_path, "path,expression,pose,identity\na.ppm,Joy,-45.0,Ann\nb.ppm,Joy,45.0,01\n")
    assert samples.pose_names == ("-45.0", "45.0") and samples.expression_names == ("Joy",)
    assert samples.identity_names == ("01", "Ann")
    assert samples.notes == ("folder: no line names 1 other images there (e.g. 'c.ppm')",)


def test_words_have_the_mirror_images_that_the_field_names(tmp_path):
    text = "path,expression,pose\na.ppm,joy,left\nb.ppm,joy,Frontal\nc.ppm,joy,right\n"
    assert write(tmp_path, text).pose_mirror == (-1, -1, -1)
    samples = folder.samples(str(tmp_path), mirrors="right:left, frontal")
    assert samples.pose_names == ("Frontal", "left", "right") and samples.pose_mirror == (0, 2, 1)
    for wrong, told in (("left:up", "'up', which is no pose"), ("left:right,left", "'right' in two pairs")):
        with pytest.raises(UserError, match=told):
            folder.samples(str(tmp_path), mirrors=wrong)


@pytest.mark.parametrize(
    "text",
    [
        "path,expression,pose\na.ppm,joy,0\n,,\n,,\n\n",  # Excel's empty rows
        "path;expression;pose\na.ppm;joy;0\n",  # Excel's list separator of other countries
        "Path, Expression,POSE,,\na.ppm,joy,0,,\n",
        "path,expression,pose\na.ppm,joy\n",  # a row that is cut short
    ],
)
def test_what_spreadsheets_write(tmp_path, text):
    samples = write(tmp_path, text)
    assert samples.references == ("a.ppm",) and samples.expression_names == ("joy",)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("path,expression\na,b.ppm,joy\n", "line 2 has 3 cells, and the header has 2"),
        ("path,pose,expression,pose\na.ppm,0,joy,1\n", "has the column pose twice"),
        ("path,expression\n/etc/a.ppm,joy\n", "outside the manifest's folder"),
        ("path,expression\nx/../../a.ppm,joy\n", "outside the manifest's folder"),
        ("path,expression\n..\\\\a.ppm,joy\n", "outside the manifest's folder"),
        ("path,expression\nx\0.ppm,joy\n", "none of the 1 lines .* cannot be printed"),
    ],
)
def test_more_bad_manifests(tmp_path, text, word):
    with pytest.raises(UserError, match=word):
        write(tmp_path, text.replace("\\\\", "\\"))


def test_what_is_no_file_is_listed_with_what_it_is(tmp_path):
    os.mkfifo(tmp_path / "pipe.ppm")
    (tmp_path / "dir.ppm").mkdir()
    (tmp_path / "dangling.ppm").symlink_to("nowhere")
    (tmp_path / "loop.ppm").symlink_to("loop.ppm")
    listed = (
        "pipe.ppm",
        "dir.ppm",
        "dangling.ppm",
        "loop.ppm",
        "A.PPM",
        "x\0.ppm",
        "sub/a.ppm",
        "a.ppm/b.ppm",
    )
    samples = write(tmp_path, "path,expression\na.ppm,joy\n" + "".join(f"{name},joy\n" for name in listed))
    told = {skipped.reference: skipped.reason for skipped in samples.skipped}
    assert told.pop("loop.ppm").startswith("a link")
    assert told == {
        "pipe.ppm": "is a pipe, socket or device",
        "dir.ppm": "is a folder",
        "dangling.ppm": "a link to nothing",
        "A.PPM": "no such file (there is 'a.ppm')",
        "x\\x00.ppm": "its path has characters that cannot be printed",
        "sub/a.ppm": "no such file",
        "a.ppm/b.ppm": "no such file",
    }


def test_names_in_another_unicode_form_or_with_backslashes_are_found(tmp_path):
    (tmp_path / "faces").mkdir()
    composed, decomposed = (unicodedata.normalize(form, "faces/zoë.ppm") for form in ("NFC", "NFD"))
    text = f"path,expression\n{composed},joy\nfaces\\b.ppm,joy\n"
    samples = write(tmp_path, text, (decomposed, "faces/b.ppm"))
    assert [samples.read(name)[:2] for name in samples.references] == [b"P6", b"P6"]
    with pytest.raises(UserError, match="stands already in line 2"):
        write(tmp_path, f"path,expression\n{composed},joy\n{decomposed},joy\n", (decomposed,))


def test_whatever_stands_in_a_manifest_is_read_or_told(tmp_path):
    """Bytes changed, cut, doubled and taken from elsewhere: samples, or one line of ours."""
    folder.write_fixture(str(tmp_path))
    manifest, rng = tmp_path / "manifest.csv", np.random.default_rng(0)
    whole = manifest.read_bytes()[:400]
    odd = (
        b"\0",
        b'"',
        b"\r",
        b"\n",
        b",",
        b"..",
        b"/",
        b"\\",
        b"\xff",
        b"nan",
        b"=",
        b"\xe2\x80\xae",
        b"'" * 9,
    )
    read = 0
    for _ in range(300):
        content = bytearray(whole)
        for _ in range(rng.integers(1, 6)):
            start, length = rng.integers(len(content) + 1), rng.integers(0, 12)
            content[start : start + length * rng.integers(2)] = odd[rng.integers(len(odd))]
        manifest.write_bytes(bytes(content))
        try:
            samples = folder.samples(str(tmp_path))
        except UserError as error:
            assert "folder: " in str(error)
            continue
        read += 1
        for codes, classes in (
            (samples.pose, samples.pose_names),
            (samples.identity, samples.identity_names),
        ):
            assert -1 <= codes.min() and codes.max() < len(classes) and len(set(classes)) == len(classes)
        assert all(samples.read(name)[:2] == b"P6" for name in samples.references)
    assert read > 50


def test_links_are_followed_and_kept_inside_by_a_field(tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "set").mkdir()
    for name in ("a.ppm", "b.ppm"):
        (tmp_path / "store" / name).write_bytes(b"P6\n1 1\n255\nabc")
    (tmp_path / "set" / "a.ppm").symlink_to(tmp_path / "store" / "a.ppm")
    (tmp_path / "set" / "linked").symlink_to(tmp_path / "store")
    samples = write(tmp_path / "set", "path,expression\na.ppm,joy\nlinked/b.ppm,joy\nc.ppm,joy\n", ("c.ppm",))
    assert len(samples) == 3 and samples.read("linked/b.ppm")[:2] == b"P6"
    inside = folder.samples(str(tmp_path / "set"), links="inside")
    assert inside.references == ("c.ppm",) and all("leads outside" in s.reason for s in inside.skipped)
    with pytest.raises(UserError, match="links must be one of follow, inside"):
        folder.samples(str(tmp_path / "set"), links="none")


def test_angles_in_degrees_and_what_is_missing(tmp_path):
    samples = write(
        tmp_path,
        "path;expression;roll;yaw\na.ppm;joy;-3,5;180\nb.ppm;joy;nan;-12.25\nc.ppm;joy;;N/A\n",
    )
    nan = np.nan
    assert samples.angles.dtype == np.float32 and samples.angles_names == ("yaw", "roll")
    expected = [[180, nan, -3.5], [-12.25, nan, nan], [nan, nan, nan]]
    assert np.array_equal(samples.angles, expected, equal_nan=True)
    few = samples.take([1, 2])
    assert np.array_equal(few.angles, expected[1:], equal_nan=True) and few.angles_names == ("yaw",)
    assert np.array_equal(few.labels["angles"], few.angles, equal_nan=True)


def test_angles_alone_are_a_set_and_none_are_none(tmp_path):
    samples = write(tmp_path, "path,pitch\na.ppm,4\nb.ppm,\n")
    assert samples.angles_names == ("pitch",) and samples.expression_names == samples.pose_names == ()
    samples = write(tmp_path, "path,expression,yaw\na.ppm,joy,\nb.ppm,joy,none\n")
    assert samples.angles is None and samples.angles_names == () and "angles" not in samples.labels


@pytest.mark.parametrize("cell", ["181", "-180.5", "left", "inf", "12 degrees", "1e3"])
def test_what_is_no_angle_names_line_and_column(tmp_path, cell):
    told = f"line 3: pitch must be degrees from -180 to 180, or empty where it is not known; got '{cell}'"
    with pytest.raises(UserError, match=told):
        write(tmp_path, f"path,expression,pitch\na.ppm,joy,180\nb.ppm,joy,{cell}\n")
