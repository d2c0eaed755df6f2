import csv

import numpy as np
import pytest
from dmljax.configs import base
from PIL import Image

from dmljax import boxes
from dmljax.datasets import folder
from dmljax.detectors import mtcnn
from dmljax.preparation import crop, locate
from dmljax.preparation import prepare as preparation
from dmljax.preparation.box_tables import EDGES
from dmljax.types import UserError
from tests.test_cli import dmljax, refused


def box(x, y, side, height=None):
    """A box around a centre."""
    height = height or side
    return [x - side / 2, y - height / 2, x + side / 2, y + height / 2]


def test_what_lies_far_from_the_others_takes_the_median_box():
    found = np.array(
        [
            *(box(x, 40, 20) for x in (46, 47, 48, 49, 50, 51, 52, 53, 54)),  # median 50
            box(70, 40, 20),
            # deviations of x: eight of 0, then 1 1 2 2 3 3 4 4 20; the median is 1
            *(box(50, 40, 20) for _ in range(3)),
            box(50, 44.9, 20),
            box(50, 45.1, 20),  # y and side do not vary: a twentieth of the side, 1 pixel
            box(50, 40, 24.9),
            box(50, 40, 14.9),
            [np.nan] * 4,
        ]
    )
    boxes = locate.settle(found, spread=5.0)
    assert np.flatnonzero(boxes.doubtful).tolist() == [9, 14, 16] and np.flatnonzero(
        boxes.missed
    ).tolist() == [17]
    trusted = np.delete(found, [9, 14, 16, 17], 0)
    for k in (9, 14, 16, 17):
        # the middle two of 14
        assert boxes.edges[k] == pytest.approx((np.sort(trusted, 0)[6] + np.sort(trusted, 0)[7]) / 2)
    assert boxes.edges[15] == pytest.approx(found[15])
    assert locate.settle(found, spread=25.0).doubtful.sum() == 0


def test_spread_zero_trusts_all_that_was_found():
    found = np.array([box(50, 40, 20), box(500, 40, 2), [np.nan] * 4])
    boxes = locate.settle(found, spread=0)
    assert not boxes.doubtful.any() and boxes.missed.tolist() == [False, False, True]
    assert boxes.edges[2] == pytest.approx((found[0] + found[1]) / 2)


@pytest.mark.parametrize(
    ("found", "spread", "told"),
    [
        (np.full((3, 4), np.nan), 5.0, "in none of 3 images"),
        (np.zeros((0, 4)), 5.0, "in none of 0 images"),
        (np.ones((1, 4)), -1, "spread must be"),
        (np.ones((1, 4)), float("nan"), "spread must be"),
    ],
)
def test_mistakes(found, spread, told):
    with pytest.raises(UserError, match=told):
        locate.settle(found, spread=spread)


def test_boxes_agree_by_overlap():
    assert boxes.overlap((0, 0, 4, 4), (2, 0, 6, 4)) == pytest.approx(8 / 24)
    assert boxes.overlap((0, 0, 4, 4), (5, 5, 6, 6)) == 0
    # two searches saw the smaller
    three = np.array([(0, 0, 40, 40), (2, 0, 42, 40), (3, 1, 43, 41), (100, 100, 190, 190)], float)
    assert boxes.agreed(three).tolist() == [2, 0, 42, 40]
    assert boxes.agreed(three[[0, 3]]).tolist() == [100, 100, 190, 190]  # of lone ones the largest
    assert mtcnn.from_the_brows((10, 20, 50, 80)) == (10, 29, 50, 80)  # 0.15 of 60


def test_several_finds_of_one_face_are_one():
    first, inside, beside, apart = (0, 0, 40, 40), (10, 10, 20, 20), (25, 0, 65, 40), (100, 0, 120, 20)
    assert boxes.distinct([first, inside, apart]) == [first, apart]
    assert boxes.distinct([inside, first]) == [inside]  # the earlier one stays
    assert boxes.distinct([first, beside]) == [first]  # 15 of 40 columns are common, more than 0.3
    assert boxes.distinct([first, (29, 0, 69, 40)]) == [first, (29, 0, 69, 40)]
    assert boxes.distinct([]) == []


def rows(path):
    return list(csv.DictReader(path.read_text().splitlines()))


@pytest.fixture
def source(tmp_path):
    """A set with the detector's answers in a table: every image but the first, one of them far off."""
    folder.write_fixture(str(tmp_path / "set"))
    names = folder.samples(str(tmp_path / "set")).references
    with open(tmp_path / "given.csv", "w", newline="") as file:
        csv.writer(file).writerows(
            [
                ("path", *EDGES),
                *((name, 8, 10, 20, 24) for name in names[1:-1]),
                (names[-1], 0, 0, 3, 3),
            ]
        )
    return tmp_path


def flags(source):
    return (
        "prepare",
        "--config=manifest",
        f"--source={source / 'set'}",
        "--config.crop.rule=boxes",
        f"--config.crop.table={source / 'given.csv'}",
        "--noprogress",
    )


def test_at_the_command_line(source):
    done = dmljax(*flags(source), f"--boxes={source / 'out' / 'boxes.csv'}")
    assert done.returncode == 0, done.stderr
    assert "no face found: 1 of" in done.stdout and "too far from the others: 1 of" in done.stdout
    lines = rows(source / "out" / "boxes.csv")
    names = folder.samples(str(source / "set")).references
    assert [line["path"] for line in lines] == list(names)
    assert [line["found_by"] for line in lines] == ["median", *["boxes"] * (len(names) - 2), "median"]
    assert {tuple(line[edge] for edge in EDGES) for line in lines} == {("8.0", "10.0", "20.0", "24.0")}
    read = crop.apply(
        folder.samples(str(source / "set")), rule="boxes", table=str(source / "out" / "boxes.csv"), margin=0.0
    )
    assert len(read) == len(names) and {tuple(edges) for edges in read.boxes} == {
        crop.square((8, 10, 20, 24), 0.0, 30, 36)
    }
    assert not (source / "out" / "boxes.csv.part").exists()
    sheet = np.asarray(Image.open(source / "out" / "boxes.png").convert("RGB")).reshape(-1, 3)
    drawn = {tuple(pixel) for pixel in np.unique(sheet, axis=0)}
    assert {(90, 200, 90), (235, 70, 60)} <= drawn  # found, and replaced


def test_a_stopped_search_goes_on(tmp_path):
    found = locate.Searched(tmp_path / "x" / "boxes.csv.part", ["set", 480])
    found["a"], found["b"] = (1.0, 2.0, 3.0, 4.0, 30, 36), (*(np.nan,) * 4, 30, 36)
    with open(tmp_path / "x" / "boxes.csv.part", "a") as file:
        file.write('["c", 1.0, 2.')  # killed while it wrote
    again = locate.Searched(tmp_path / "x" / "boxes.csv.part", ["set", 480])
    assert again["a"] == (1, 2, 3, 4, 30, 36) and np.isnan(again["b"][:4]).all() and set(again) == {"a", "b"}
    again["c"] = (5.0, 6.0, 7.0, 8.0, 30, 36)
    assert locate.Searched(tmp_path / "x" / "boxes.csv.part", ["set", 480])["c"] == (5, 6, 7, 8, 30, 36)
    assert not locate.Searched(tmp_path / "x" / "boxes.csv.part", ["set", 640])  # another search
    with pytest.raises(UserError, match="cannot be written"):
        locate.Searched("/proc/nowhere/boxes.csv.part", [])["a"] = (1.0,) * 6


def test_what_was_found_before_is_not_searched_again(source):
    samples = folder.samples(str(source / "set"))
    kept = {samples.references[0]: (1.0, 2.0, 9.0, 10.0, 30, 36)}
    asked = []
    looked = samples.replace(read=lambda name: asked.append(name) or samples.read(name))
    faces, sizes = crop.find(looked, "boxes", table=str(source / "given.csv"), progress=False, kept=kept)
    assert (
        faces[0].tolist() == [1, 2, 9, 10]
        and sizes[0].tolist() == [30, 36]
        and faces[1].tolist() == [8, 10, 20, 24]
    )
    assert asked == list(samples.references[1:]) and set(kept) == set(samples.references)


def test_mistakes_at_the_command_line(source):
    boxes = f"--boxes={source / 'y.csv'}"
    for more, told in (
        (("--out=x", boxes), "give one of them"),
        ((boxes, "--config.crop.rule=set"), "looks for no faces"),
        ((boxes, "--config.crop.rule=mtcn"), "Did you mean 'mtcnn'"),
        (("--boxes=/proc/y.csv",), "cannot be written"),
        ((f"--boxes={source}",), "is a folder"),
        ((boxes, "--spread=-1"), "spread"),
    ):
        assert told in refused(*flags(source), *more)
    assert not list(source.rglob("*.part"))


def test_unreadable_images_have_no_line(source):
    samples = folder.samples(str(source / "set"))
    (source / "set" / samples.references[1]).write_bytes(b"no image")
    faces, sizes = crop.find(samples, "boxes", table=str(source / "given.csv"), progress=False)
    assert sizes[1].tolist() == [0, 0] and np.isnan(faces[1]).all() and sizes[2].tolist() == [30, 36]
    readable = samples.take(np.delete(np.arange(len(samples)), 1))
    config = base.get_config()
    config.dataset.name, config.dataset.root = "folder", str(source / "set")
    config.crop.rule, config.crop.table = "boxes", str(source / "given.csv")
    preparation.locate(config, str(source / "boxes.csv"), progress=False)
    assert [line["path"] for line in rows(source / "boxes.csv")] == list(readable.references)
