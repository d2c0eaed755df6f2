"""Plots are drawn without a change to the process that draws them."""

import subprocess
import sys

import numpy as np
from PIL import Image

from dmljax.report import plots

ALONE = """
import sys
import matplotlib
matplotlib.rcParams["backend"] = "svg"  # the caller's own
before = dict(matplotlib.rcParams)
from dmljax.report import plots
import numpy as np, pathlib
plots.confusion(np.eye(2), ["a", "b"], pathlib.Path(sys.argv[1]), title="t")
assert "matplotlib.pyplot" not in sys.modules
assert dict(matplotlib.rcParams) == before
"""


def test_the_backend_and_the_settings_are_left_alone(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(tmp_path / "c.png")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "c.png").stat().st_size > 1000


def test_a_confusion_shades_the_share_of_the_row(tmp_path):
    plots.confusion(np.array([[9, 0], [0, 1]]), ["a", "b"], tmp_path / "c.png", title="t")
    with Image.open(tmp_path / "c.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    dark = (pixels == (8, 48, 107)).all(1).mean()  # the end of the scale: both rows are right to 100 %
    assert 0.1 < dark < 0.5


def test_a_map_of_one_point():
    assert not plots.tsne(np.full((60, 8), 2.5, np.float32)).any()
    assert np.isfinite(plots.tsne(np.r_[np.ones((59, 8)), np.zeros((1, 8))].astype(np.float32))).all()
