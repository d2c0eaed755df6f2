"""`dmljax check`: what it says of a file that keeps its contract, of one that does not, and of mistakes."""

import pytest

from dmljax.contracts.check import Check, check, family_of
from dmljax.types import UserError
from tests.test_cli import dmljax, refused

DESCRIPTOR = """
import numpy as np

def build():
    return lambda grey: np.{kind}(grey.reshape(len(grey), -1)[:, :9])
"""
STRATEGY = """
from dmljax.weightings import Weighting

def build(**weights: float):
    return Weighting(lambda tasks: (), lambda signals, state: (signals.losses * 0, state, {}))
"""


def save(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_every_check_is_told_and_what_failed(tmp_path):
    path = save(tmp_path / "descriptors" / "first.py", DESCRIPTOR.format(kind="float32"))
    done = dmljax("check", str(path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines() == [
        f"{path}: the contract of descriptors",
        "  ok      a row a picture",
        "  ok      a flat picture has finite features",
        "2 passed, 0 failed, 0 do not apply",
    ]
    path = save(tmp_path / "second.py", DESCRIPTOR.format(kind="float64"))
    done = dmljax("check", str(path), "--family=descriptors")
    assert done.returncode == 1 and done.stdout.splitlines()[1:] == [
        "  FAILED  a row a picture",
        "            expected float32, got float64",
        "  ok      a flat picture has finite features",
        "1 passed, 1 failed, 0 do not apply",
    ]
    path = save(tmp_path / "descriptors" / "third.py", DESCRIPTOR.format(kind="floa"))
    done = dmljax("check", str(path))
    lines = done.stdout.splitlines()
    assert done.returncode == 1 and lines[1] == "  FAILED  a row a picture"
    assert "AttributeError: module 'numpy' has no attribute 'floa'" in lines[2]
    assert lines[3].strip() == f"at line 5 of {path}" and lines.count(lines[3]) == 2


def test_checks_are_values(tmp_path, capsys):
    path, seen = save(tmp_path / "own.py", DESCRIPTOR.format(kind="float64")), []
    checks = check(path, "descriptors", report=seen.append)
    assert (
        checks
        == seen
        == [
            Check("a row a picture", "failed", ("expected float32, got float64",)),
            Check("a flat picture has finite features", "passed"),
        ]
    )
    assert capsys.readouterr().out == ""


def test_mistakes(tmp_path):
    assert "give the file" in refused("check")
    assert f"no Python file at '{tmp_path}/lost.py'" in refused("check", f"{tmp_path}/lost.py")
    script = save(
        tmp_path / "script.py", "def mine():\n    build = 1\nprint('it runs', build if False else mine)\n"
    )
    assert f"'{script}' is no plug-in: it has none of ITEMS," in refused("check", str(script))
    broken = save(tmp_path / "weightings" / "broken.py", "import numpy\nnumpy.lost\n")
    assert f"{broken}, line 2: AttributeError: module 'numpy'" in refused("check", str(broken))
    line = refused("check", str(broken), "--family=weighting")
    assert "--family: must be one of datasets" in line and "Did you mean 'weightings'?" in line


@pytest.mark.parametrize(
    ("text", "family"),
    [
        (STRATEGY, "weightings"),
        ("def samples(root): ...", "datasets"),
        (
            "TITLE, ITEMS, members, show = 'One', ('one',), print, print",
            "experiments",
        ),
        ("import flax.linen as nn\ndef build(): return nn.Dense(3)", "backbones"),
        (f"try:\n    import lost\nexcept ImportError:\n    pass\n{STRATEGY}", "weightings"),
        ("if True:\n    def samples(root): ...", "datasets"),
        ("from dmljax.weightings.strategies.equal import *", "weightings"),
    ],
)
def test_the_family_is_told_by_what_the_file_has(tmp_path, text, family):
    assert family_of(save(tmp_path / "own.py", text)) == family
    assert family_of(tmp_path / "detectors" / "own.py") == "detectors"  # its folder comes first


def test_a_family_that_cannot_be_told(tmp_path):
    with pytest.raises(UserError, match="^family: .*own.py' cannot be told; give one of datasets"):
        family_of(save(tmp_path / "own.py", DESCRIPTOR.format(kind="float32")))
