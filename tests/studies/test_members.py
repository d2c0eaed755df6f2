import json

import pytest
from dmljax.configs import quick

from dmljax.studies import members
from dmljax.types import UserError


def labels(planned):
    return list(dict.fromkeys(member.label for member in planned))


def test_litmus_runs_are_always_among_them(tmp_path):
    planned = members.plan(quick.get_config(), ["dwa", "equal"], (3, 4), (0, 1), tmp_path)
    assert (
        labels(planned) == ["equal", "rlw", "single_expression", "single_pose", "dwa"]
        and len(planned) == 5 * 2 * 2
    )
    single = next(m for m in planned if m.label == "single_pose" and m.seed == 4 and m.fold == 1)
    assert single.arguments == (
        "--config.weighting.name=single",
        "--config.weighting.single.task=pose",
        "--config.seed=4",
        "--config.split.fold=1",
    )
    assert single.folder == tmp_path / "single_pose" / "seed_4_fold_1" and not single.finished
    config = quick.get_config()
    config.model.pose_head = False
    assert "single_pose" not in labels(members.plan(config, [], (0,), (0,), tmp_path))


@pytest.mark.parametrize(
    ("strategies", "seeds", "folds", "told"),
    [
        (["upgard"], (0,), (0,), "Did you mean 'upgrad'"),
        (["dwa"], (), (0,), "--seeds must be different"),
        (["dwa"], (1, 1), (0,), "--seeds must be different"),
        (["dwa"], (0,), (5,), "--folds must be different whole numbers from 0 to 4"),
    ],
)
def test_mistakes(tmp_path, strategies, seeds, folds, told):
    with pytest.raises(UserError, match=told):
        members.plan(quick.get_config(), strategies, seeds, folds, tmp_path)


def test_a_folder_of_another_comparison_is_refused(tmp_path):
    planned = members.plan(quick.get_config(), ["dwa"], (0,), (0,), tmp_path)
    members.record(tmp_path, ["--config=quick", "--config.train.duration=5 steps"], planned)
    # a duration may change
    members.record(tmp_path, ["--config=quick", "--config.train.duration=9 steps"], planned)
    with pytest.raises(UserError, match="holds a comparison with --config=quick, not --config=cmu_faces"):
        members.record(tmp_path, ["--config=cmu_faces"], planned)
    assert len(json.loads((tmp_path / "comparison.json").read_text())["members"]) == 5


def test_a_configuration_of_the_package_counts_by_its_name(tmp_path):
    """Not by where it is installed; one's own file counts by its path."""
    planned = members.plan(quick.get_config(), ["dwa"], (0,), (0,), tmp_path)
    members.record(tmp_path, [f"--config={quick.__file__}:paper", "--config.seed=1"], planned)
    assert json.loads((tmp_path / "comparison.json").read_text())["config"] == [
        "--config=quick:paper",
        "--config.seed=1",
    ]
    with pytest.raises(UserError, match="not --config=/elsewhere/quick.py"):
        members.record(tmp_path, ["--config=/elsewhere/quick.py:paper", "--config.seed=1"], planned)
