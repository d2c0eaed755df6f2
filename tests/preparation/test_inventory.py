"""What was left out: counted by kind and pose, written and read back."""

import numpy as np

from dmljax.datasets import folder
from dmljax.preparation import inventory
from dmljax.types import Skipped, Unreadable

LOST = (
    Skipped("a", "the same photograph as 'b (2)'", "the same photograph as another"),
    Skipped("b", "the same photograph as 'c'", "the same photograph as another"),
    Skipped("c", "no such file"),
    Skipped("d, e", 'no face found by haar (pose "45")', "no face found", "45"),
    Skipped("f", "no face found by haar (pose unknown)", "no face found"),
)


def test_the_report_counts_by_kind_and_pose(tmp_path):
    folder.write_fixture(str(tmp_path))
    samples = folder.samples(str(tmp_path)).replace(skipped=LOST)
    lines = inventory.report(samples).splitlines()
    for line in (
        "| the same photograph as another | 2 |",
        "| no such file | 1 |",
        "| no face found | 2 |",
        "| 45 | 1 |",
        "| unknown | 1 |",
    ):
        assert lines.count(line) == 1


def test_what_is_written_is_read_back(tmp_path):
    inventory.write_skipped(LOST, tmp_path / "skipped.csv")
    assert inventory.read_skipped(tmp_path / "skipped.csv") == LOST


def test_an_unreadable_image_brings_its_kind():
    assert Skipped.after("a", Unreadable("is black (3.0 of 255)", "is black")).kind == "is black"
    assert Skipped.after("a", ValueError("scan 7 has no points")) == (
        "a",
        "scan 7 has no points",
        "cannot be read",
        "",
    )


def test_the_report_says_which_angles_are_known(tmp_path):
    folder.write_fixture(str(tmp_path))
    samples = folder.samples(str(tmp_path))
    assert "Angles" not in inventory.report(samples)
    angles = np.full((len(samples), 3), np.nan, np.float32)
    angles[:5, 0] = (-30, 10, 2.25, 60, 5)
    lines = inventory.report(samples.replace(angles=angles)).splitlines()
    assert "| yaw | 5 | -30.0 | 5.0 | 60.0 |" in lines and "| roll | 0 | - | - | - |" in lines
