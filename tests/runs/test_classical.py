"""Support vector machines on descriptors, from the command line to the tables."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from dmljax.configs import quick

from dmljax.runs import classical
from dmljax.types import UserError

ROOT = Path(__file__).parent.parent


def small(**fields):
    config = quick.get_config()
    with config.unlocked():
        config.dataset.synthetic.identities = 6
        config.data.image_size = 24
        config.split.folds = 3
        config.update_from_flattened_dict(fields)
    return config


def test_all_folds_leave_what_a_network_leaves(tmp_path, capsys):
    heard = []
    found = classical.fit_folds(
        small(**{"split.fold": -1}), tmp_path / "lbp", "lbp", progress=False, say=heard.append
    )
    assert len(heard) == 3 and capsys.readouterr().out == ""
    folders = [one.folder for one in (*found.folds, found)]
    assert [f.parent.name for f in folders] == ["fold_0", "fold_1", "fold_2", "lbp"]
    whole = json.loads((folders[-1] / "metrics.json").read_text())
    assert whole == json.loads(json.dumps(found.score)) and len(found.predictions) == 210
    assert np.sum(whole["confusion"]["expression"]) == 6 * 7 * 5 and whole["people"] == 6
    assert whole["scores"]["pose accuracy"] > 0.6  # chance: 0.2
    assert len((folders[-1] / "predictions.csv").read_text().splitlines()) == 211
    tested = [set(json.loads((f.parent / "split.json").read_text())["test"]) for f in folders[:-1]]
    assert len(set.union(*tested)) == 210 == sum(map(len, tested))


def test_the_machine_finds_what_can_be_told_and_ignores_missing_labels(rng):
    centres = np.eye(3)
    labels = np.repeat([0, 1, 2], 20)
    features = centres[labels] + 0.1 * rng.normal(size=(60, 3))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    people = np.tile(np.arange(5), 12)
    known = labels[:45].copy()
    known[::7] = -1
    decided, cost = classical._machine(features @ features.T, known, people[:45], 4)
    assert decided.shape == (15, 4) and cost in classical.COSTS
    assert (decided[:, 3] == -np.inf).all()  # a class without a sample is never said
    assert (decided[np.arange(15), labels[45:]] == decided.max(1)).mean() > 0.6


def test_mistakes_at_the_command_line_are_told(tmp_path):
    def run(*arguments):
        return subprocess.run(
            [
                sys.executable,
                "-m",
                "dmljax.launch.classical",
                *arguments,
                f"--run={tmp_path / 'x'}",
                "--noprogress",
            ],
            capture_output=True,
            text=True,
            cwd=ROOT,
        )

    done = run("lpb", "--config=quick")
    assert (
        done.returncode == 2
        and "no 'lpb' among the descriptors; there are lbp, lgbp. Did you mean 'lbp'?" in done.stderr
    )
    assert "Traceback" not in done.stderr
    classical.fit(small(), tmp_path / "y", "lbp", progress=False)
    with pytest.raises(UserError, match="holds a run of another configuration"):
        classical.fit(small(seed=1), tmp_path / "y", "lbp", progress=False)
