"""Members are data: what each changes in the study's configuration; whether a finished run still fits."""

import json

import pytest

from dmljax import config as configuration
from dmljax.contracts.finished import finish
from dmljax.studies import members
from dmljax.types import UserError


def labels(planned):
    return list(dict.fromkeys(member.label for member in planned))


def test_equal_random_and_single_task_weights_are_always_among_them(tmp_path):
    base = configuration.get_config()
    planned = members.of_strategies(base, ["dwa", "equal"], (3, 4), (0, 1), tmp_path)
    assert (
        labels(planned) == ["equal", "rlw", "single_expression", "single_pose", "dwa"]
        and len(planned) == 5 * 2 * 2
    )
    single = next(m for m in planned if m.label == "single_pose" and m.seed == 4 and m.fold == 1)
    assert single.changes == {"weighting.name": "single", "weighting.single.task": "pose"}
    assert single.folder == tmp_path / "single_pose" / "seed_4_fold_1" and not single.finished
    assert single.config_file == tmp_path / "single_pose" / "seed_4_fold_1.json"
    made = members.resolved(base, single)
    assert (made.seed, made.split.fold, made.weighting.name, made.weighting.single.task) == (
        4,
        1,
        "single",
        "pose",
    )
    assert single.single == "pose" and {m.single for m in planned} == {None, "expression", "pose"}
    assert (base.seed, base.weighting.name) == (0, "dwa")  # the study's own is left as it is
    without_pose = configuration.get_config("quick", {"model.pose_head": False})
    assert "single_pose" not in labels(members.of_strategies(without_pose, [], (0,), (0,), tmp_path))


def test_strategies_in_wrappers(tmp_path):
    base = configuration.get_config()
    planned = members.of_strategies(
        base, ["mgda+normalise=unit+ema=0.9", "dwa+shuffle"], (0,), (0,), tmp_path
    )
    made = {member.label: members.resolved(base, member).weighting for member in planned}
    both, shuffled = made["mgda+normalise=unit+ema=0.9"], made["dwa+shuffle"]
    assert (both.name, both.wrap.normalise, both.wrap.ema, both.wrap.shuffle) == ("mgda", "unit", 0.9, False)
    assert (shuffled.name, shuffled.wrap.shuffle) == ("dwa", True)
    already = configuration.get_config("quick", {"weighting.wrap.shuffle": True})
    assert members.of_strategies(already, ["dwa+shuffle"], (0,), (0,), tmp_path)


@pytest.mark.parametrize(
    ("strategies", "seeds", "folds", "told"),
    [
        (["dwa", "famo", "dwa"], (0,), (0,), "strategies: 'dwa' is named twice"),
        (["upgard"], (0,), (0,), "Did you mean 'upgrad'"),
        (
            ["dwa+shufle"],
            (0,),
            (0,),
            "strategies: 'dwa.shufle': 'shufle' is no wrapper; .*Did you mean 'shuffle'",
        ),
        (["dwa+"], (0,), (0,), "strategies: 'dwa.': a '.' without a wrapper behind it; there are"),
        ([""], (0,), (0,), "strategies: '': no '' among the weightings"),
        (["dwa+ema=0.5+ema=0.9"], (0,), (0,), "'ema=0.9' names its wrapper a second time"),
        (["dwa+ema=0.5", "dwa+ema=.50"], (0,), (0,), "'dwa.ema=0.5' and 'dwa.ema=.50' are the same run"),
        (["dwa", "dwa+shuffle=false"], (0,), (0,), "'dwa' and 'dwa.shuffle=false' are the same run"),
        (["dwa+ema"], (0,), (0,), "'dwa.ema': ema needs a value, ema=..."),
        (["dwa+ema=5"], (0,), (0,), "strategies: 'dwa.ema=5': weighting.wrap.ema"),
        (["mgda+normalise=unti"], (0,), (0,), "strategies: 'mgda.normalise=unti': .*Did you mean 'unit'"),
        (
            ["graddrop+normalise=unit"],
            (0,),
            (0,),
            "strategies: 'graddrop.normalise=unit': weighting.wrap and",
        ),
        (["single+shuffle"], (0,), (0,), "strategies: 'single.shuffle': the runs of single tasks"),
        (
            ["dwa+ema=much"],
            (0,),
            (0,),
            "strategies: 'dwa.ema=much': weighting.wrap.ema must be a number; got 'much'",
        ),
        (["dwa"], (), (0,), "seeds: must be different whole numbers .* got none"),
        (["dwa"], (1, 1), (0,), "seeds: must be different"),
        (["dwa"], (0,), (5,), "folds: must be different whole numbers from 0 to 4"),
    ],
)
def test_mistakes(tmp_path, strategies, seeds, folds, told):
    with pytest.raises(UserError, match=told):
        members.of_strategies(configuration.get_config(), strategies, seeds, folds, tmp_path)


def test_a_finished_run_of_another_configuration_is_noticed(tmp_path):
    member = members.Member("dwa", 3, 0, tmp_path / "dwa", {"weighting.name": "dwa"})
    base = configuration.get_config("quick", {"dataset.root": "here"})
    finish(member, base=base)
    assert members.outdated(base, member) == ""
    moved = configuration.changed(base, {"dataset.root": "there", "data.feed": "tfdata"})
    assert members.outdated(moved, member) == ""
    for changes, told in (
        ({"losses.margin_pose": 0.3}, "losses.margin_pose: 0.2 there, 0.3 here"),
        ({"train.duration": "2 epochs"}, "train.duration: '40 epochs' there, '2 epochs' here"),
        ({"weighting.dwa.window": 7}, "weighting.dwa.window: 5 there, 7 here"),
    ):
        assert told in members.outdated(configuration.changed(base, changes), member)
    other = member._replace(seed=4)
    assert "seed: 3 there, 4 here" in members.outdated(base, other)
    saved = json.loads((member.folder / "config.json").read_text())
    del saved["crop"]["missed"]  # a field that the run's version did not have
    (member.folder / "config.json").write_text(json.dumps(saved))
    assert members.outdated(base, member) == ""
    for broken in ("{", "[]", '{"train": 3}', '{"weighting": {"name": "nobody"}}'):
        (member.folder / "config.json").write_text(broken)  # told when the results are read
        members.outdated(base, member)


def test_strategies_that_are_no_list_of_names(tmp_path):
    for strategies in ("dwa", [1]):
        with pytest.raises(TypeError, match="strategies must be a list of names such as"):
            members.of_strategies(configuration.get_config(), strategies, (0,), (0,), tmp_path)
