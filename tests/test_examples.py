"""Every example runs as it stands, and its notebook says the same."""

import os
import subprocess
import sys
from pathlib import Path

import jupytext
import pytest

FOLDER = Path(__file__).parent.parent / "examples"
SCRIPTS = sorted(FOLDER.glob("*.py"))


LONG = ("first_run", "many_devices", "own_images", "own_strategy")


@pytest.mark.parametrize(
    "script",
    [pytest.param(s, marks=[pytest.mark.slow] if s.stem in LONG else []) for s in SCRIPTS],
    ids=lambda path: path.stem,
)
def test_an_example_runs_and_leaves_nothing_where_it_was_started(script, tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "here").mkdir()
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path / "here",
        env=os.environ | {"XLA_FLAGS": "", "TMPDIR": str(tmp_path / "kept")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    assert done.stdout.strip() and not list((tmp_path / "here").iterdir())


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_the_notebook_is_made_from_the_script(script):
    """If not: jupytext --update --to ipynb examples/*.py"""
    cells = lambda path: [(cell.cell_type, cell.source) for cell in jupytext.read(path).cells]
    assert cells(script.with_suffix(".ipynb")) == cells(script)


def test_every_example_is_a_tutorial():
    pages = {path.stem for path in (FOLDER.parent / "docs" / "tutorials").glob("*.md")}
    assert pages == {script.stem for script in SCRIPTS}
