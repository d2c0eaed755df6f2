import numpy as np
import pytest
from PIL import Image

from dmljax.preparation import sheet
from dmljax.types import Samples, UserError

COLOURS = {"a": (200, 30, 30), "b": (30, 200, 30), "c": (30, 30, 200)}


def samples():
    """Two people, two expressions, two poses; the second person lacks the second expression from the
    front.
    """
    rows = [("a", 0, 0, 0), ("b", 0, 1, 0), ("c", 1, 0, 0), ("a", 0, 0, 1), ("b", 1, 1, 1)]
    column = lambda k: np.array([row[k] for row in rows], np.int32)
    return Samples(
        "toy",
        tuple(f"{row[0]}{k}" for k, row in enumerate(rows)),
        expression=column(2),
        pose=column(3),
        identity=column(1),
        expression_names=("calm", "a rather long expression"),
        pose_names=("0", "45"),
        identity_names=("ann", "bob"),
        pose_yaw=(0.0, 45.0),
        pose_mirror=(-1, -1),
        read=lambda name: np.full((20, 20, 3), COLOURS[name[0]], np.uint8),
    )


def test_cells_show_their_samples_and_gaps_stay_empty(tmp_path):
    path = sheet.draw(samples(), tmp_path / "deep" / "sheet.png", people=2, side=32)
    pixels = np.asarray(Image.open(path).convert("RGB")).reshape(-1, 3)
    shown = {name: int((pixels == colour).all(1).sum()) for name, colour in COLOURS.items()}
    # People x expressions from the front: a, b / c, gap; the first person's expressions x poses: a, a / b,
    # gap.
    assert shown == {"a": 3 * 32 * 32, "b": 2 * 32 * 32, "c": 32 * 32}


def test_a_sheet_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "sheet.png", tmp_path / "sheet.unknown"):
        with pytest.raises(UserError, match="contact sheet cannot be written"):
            sheet.draw(samples(), path)
