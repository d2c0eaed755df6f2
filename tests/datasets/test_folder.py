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
        ("path,pose\na.ppm,0\n", "lacks the column expression"),
        ("", "lacks the column path, expression"),
        ("path,expression\n../a.ppm,joy\n", "outside the manifest's folder"),
        ("path,expression\na.ppm,joy\na.ppm,sad\n", "line 3: 'a.ppm' stands already in line 2"),
        ("path,expression\nx.ppm,joy\n", "none of the 1 lines"),
        ("path,expression\n,joy\n", "line 2 has no path"),
        ("path,expression,split\na.ppm,joy,dev\n", "train or test, got 'dev'"),
    ],
)
def test_a_bad_manifest_is_one_clear_line(tmp_path, text, word):
    with pytest.raises(UserError, match=word):
        write(tmp_path, text)


def test_an_unknown_label_names_line_and_what_is_allowed(tmp_path):
    write(tmp_path, "path,expression\na.ppm,joy\nb.ppm,glee\n")
    with pytest.raises(UserError, match="line 3: unknown expression 'glee'; the allowed ones are joy, anger"):
        folder.samples(str(tmp_path), expressions="joy,anger")
