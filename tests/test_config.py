"""Configurations by name and by file, and single fields changed; what is said to mistakes."""

import json
from pathlib import Path

import numpy as np
import pytest

from dmljax import config as configuration
from dmljax import config_differences
from dmljax.changes import changed
from dmljax.fields import flatten
from dmljax.runs import resume
from dmljax.types import UserError


def test_by_name_with_a_preset_and_changes():
    made = configuration.get_config(
        "quick:paper", {"train.duration": "3 epochs", "losses": {"triplets": ["pose"]}}
    )
    assert made.is_locked and made.preset == "paper" and made.losses.link == "none"
    assert made.train.duration == "3 epochs" and made.losses.triplets == ("pose",)
    assert configuration.get_config(preset="paper").losses.link == "none"
    again = configuration.get_config()  # nothing was changed for others
    assert again.losses.triplets == ("pose", "identity") and again.preset == "safe"


@pytest.mark.parametrize(
    ("field", "value", "held"),
    [
        ("optimizer.learning_rate", 1, 1.0),
        ("dataset.root", Path("some/where"), "some/where"),
        ("backbone.resnet.stages", [3, 4], (3, 4)),
        ("losses.triplets", (), ()),
        ("ema.warmup", False, False),
    ],
)
def test_a_value_becomes_what_the_field_holds(field, value, held):
    found = flatten(configuration.get_config(changes={field: value}).to_dict())[field]
    assert found == held and type(found) is type(held)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"trian.duration": "1 steps"}, "unknown field 'trian.duration'. Did you mean 'train.duration'"),
        ({"duration": "1 steps"}, "unknown field 'duration'. Did you mean 'train.duration'"),
        ({"trian": 1}, "unknown field 'trian'. Did you mean 'train'"),
        ({"seed.more": 1}, "unknown field 'seed.more'"),
        ({"seed": "3"}, r"seed must be a whole number, such as 0; got '3' \(str\)"),
        ({"seed": True}, r"seed must be a whole number, such as 0; got True \(bool\)"),
        ({"seed": 1.0}, r"seed must be a whole number, such as 0; got 1.0 \(float\)"),
        ({"ema.warmup": 1}, r"ema.warmup must be True or False, such as True; got 1 \(int\)"),
        ({"optimizer.decay": "0.8"}, r"optimizer.decay must be a number, such as 0.8; got '0.8' \(str\)"),
        ({"model.branches": "face"}, r"model.branches must be a list or tuple, .*; got 'face' \(str\)"),
        ({"model.branches": ("face", 1)}, "model.branches must hold values of type str"),
        ({"seed": {}}, r"seed must be a whole number, such as 0; got {} \(dict\)"),
        ({"model": {"other": {}}}, "unknown field 'model.other'"),
        ({"seed": 1, "train": {"duration": "1 steps"}, "train.duration": "2 steps"}, "is given twice"),
        ({"optimizer.decay": 10**400}, "optimizer.decay must be a number, such as 0.8; got 1000"),
        (
            {"model.pixel_deviation": (10**400,)},
            r"model.pixel_deviation must hold values of type float, such as \(0.229, .*; got \(1000",
        ),
        ({"plugins": (None,)}, "plugins must be a tuple of texts"),
        ({"backbone.resnet.stages": ([1],)}, "backbone.resnet.stages must hold values of type int"),
        ({"train": "3 epochs"}, "train is a section, not a field; change its fields .*duration"),
    ],
)
def test_a_change_that_does_not_fit(changes, told):
    with pytest.raises(UserError, match=told):
        configuration.get_config("quick", changes)


def test_a_resolved_configuration_is_written_and_read_back(tmp_path):
    made = configuration.get_config("cmu_faces:paper", {"weighting.name": "famo", "split.fold": 2})
    path = tmp_path / "below" / "made.json"
    configuration.write(made, path)
    read = configuration.get_config(path)
    assert read.is_locked and configuration.trimmed(read) == configuration.trimmed(made)
    assert read.weighting.famo == made.weighting.famo and read.model.branches == made.model.branches
    assert "upgrad" in read.weighting and list(path.parent.iterdir()) == [path]  # others by default
    assert configuration.get_config(path, {"weighting.name": "upgrad"}).weighting.name == "upgrad"
    for asked in (lambda: configuration.get_config(f"{path}:safe"), lambda: made_with(path, "other")):
        with pytest.raises(UserError, match="it takes no preset"):
            asked()


def made_with(path, preset):
    return configuration.get_config(path, preset=preset)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "cannot be read"),
        ("[]", "must hold a JSON object, .*, and holds a list"),
        ('{"trian": {"duration": "1 steps"}}', r"own.json': unknown field 'trian.duration'. Did you mean"),
        ('{"seed": "none"}', r"own.json': seed must be a whole number"),
        ('{"preset": "papr"}', "unknown preset 'papr'"),
        ('{"preset": ["paper"]}', "unknown preset"),
    ],
)
def test_a_json_file_that_does_not_fit(text, told, tmp_path):
    (tmp_path / "own.json").write_text(text)
    with pytest.raises(UserError, match=told):
        configuration.get_config(tmp_path / "own.json")


def test_one_s_own_python_file(tmp_path):
    own = tmp_path / "own.py"
    own.write_text(
        "from dmljax.configs import quick\n\ndef get_config():\n    c = quick.get_config()\n"
        "    c.seed = 5\n    return c\n"
    )
    assert configuration.get_config(own).seed == 5
    for before, after, told in (
        ("seed = 5", "sede = 5", "line 5: AttributeError: .*sede"),
        ("seed = 5", "seed = 'a'", "line 5: TypeError"),
        ("return c", "return {}", "must return a ConfigDict, got dict"),
        ("def get_config", "def get_cnofig", "has no function get_config"),
        ("return c", "return c c", "SyntaxError"),
    ):
        wrong = tmp_path / f"wrong_{len(list(tmp_path.iterdir()))}.py"
        wrong.write_text(own.read_text().replace(before, after))
        with pytest.raises(UserError, match=told) as error:
            configuration.get_config(wrong)
        assert wrong.name in str(error.value) and len(str(error.value)) < 400
    with pytest.raises(
        UserError, match="no configuration .*nowhere.*; give a .py, .json or .yaml file, or one of"
    ):
        configuration.get_config(tmp_path / "nowhere")
    with pytest.raises(UserError, match="there is no file '.*nowhere.json'"):
        configuration.get_config(tmp_path / "nowhere.json")


def test_other_differences_may_be_between_runs_that_are_compared_than_within_one():
    one = configuration.get_config()
    other = changed(one, {"train.duration": "1 epochs", "train.save_every": "1 epochs", "dataset.root": "x"})
    before, now = (json.loads(json.dumps(c.to_dict())) for c in (one, other))
    assert config_differences.differences(before, now) == []
    assert config_differences.differences(before, now, config_differences.MAY_DIFFER) == [
        "train.duration: '40 epochs' there, '1 epochs' here"
    ]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("data.image_size", -5, "cannot be used: data.image_size must be"),
        ("model.fused", 1e308, "is damaged: .*'fused'"),
        ("model", "text", "is damaged: .*'model'"),
        ("seed", {"a": 1}, "is damaged: .*'seed'"),
        ("plugins", 5, "cannot be used: plugins must be a list of folders; got 5"),
        ("dataset.name", "nix", "cannot be used: no 'nix' among the datasets; there are bu3dfe"),
        ("train.duration", "soon", "cannot be used: train.duration must be a duration"),
    ],
)
def test_a_damaged_config_json_of_a_run_is_one_line(field, value, said, tmp_path):
    saved = configuration.trimmed(configuration.get_config("quick"))
    *sections, name = field.split(".")
    level = saved
    for section in sections:
        level = level[section]
    level[name] = value
    (tmp_path / "config.json").write_text(json.dumps(saved))
    with pytest.raises(UserError, match=f"config.json' {said}") as raised:
        configuration.read(tmp_path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["base", "kdef", "bu3dfe", "multipie", "sfew"])
def test_the_preset_of_the_paper_has_table_1(name):
    """Table 1 and eq. 4, 5 and 7 as they are printed, whatever the file's own recipe is."""
    made = configuration.get_config(f"{name}:paper")
    assert (made.optimizer.learning_rate, made.optimizer.decay, made.optimizer.warmup) == (
        0.01,
        0.8,
        "0 steps",
    )
    assert made.optimizer.weight_decay == 0 and (made.ema.decay, made.ema.warmup) == (0.9999, False)
    assert (made.model.softmax_deviation, made.model.deviation) == (1 / 512, 0.04)
    assert (made.weighting.dwa.total, made.weighting.dwa.temperature) == (2, 2)
    assert made.weighting.dwa.literal and made.losses.link == "none" and made.losses.reduction == "sum"
    assert 5 * made.data.tuples_per_step * made.data.accumulate == 15
    assert made.train.duration == "500 epochs" and made.losses.anchors == "tuple"
    assert not made.model.batch_norm and made.data.image_size == 224
    assert not any(made.augment[field] for field in ("flip", "shift", "scale", "erase", "brightness"))
    assert made.split.kind == {"base": "folds", "sfew": "given"}.get(name, "paper")
    if name != "sfew":  # without its labels for pose and identity there is one head
        assert made.weighting.name == "dwa" and made.losses.triplets == ("pose", "identity")
        assert made.phases.first == "10%" and made.model.pose_head and not made.losses.normalise


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"crop.table": "boxes.csv"},
            "^crop.table: is not read with crop.rule=set; .* set crop.rule to views or boxes",
        ),
        (
            {"split.file": "who.txt"},
            "^split.file: is not read with split.kind=folds; leave it empty, or set .* list",
        ),
        (
            {"dataset.root": "a", "dataset.train": "folder:b"},
            "^dataset.root: .* dataset.train=folder:b; leave it empty$",
        ),
    ],
)
def test_a_file_that_would_not_be_read_is_refused_where_a_run_begins(changes, told, tmp_path):
    made = configuration.get_config("quick", changes)
    with pytest.raises(UserError, match=told):
        resume.check_same(tmp_path / "new", made)


def test_numpy_s_numbers_are_numbers():
    made = configuration.get_config(
        "quick", {"seed": np.int64(3), "optimizer.learning_rate": np.float32(0.5)}
    )
    assert (made.seed, made.optimizer.learning_rate) == (3, 0.5) and type(made.seed) is int
