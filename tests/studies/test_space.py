"""What a sweep tries: texts as axes, and an axis's values as the field holds them."""

import pytest

from dmljax import get_config
from dmljax.studies import space
from dmljax.studies.space import Axis
from dmljax.types import UserError


@pytest.fixture(scope="module")
def config():
    return get_config("quick")


@pytest.mark.parametrize(
    ("text", "axis"),
    [
        ("optimizer.learning_rate=1e-4..1e-2:log", Axis("optimizer.learning_rate", (), 1e-4, 1e-2, True)),
        ("losses.margin_pose=0.1..0.5", Axis("losses.margin_pose", (), 0.1, 0.5)),
        ("losses.margin_pose = .25..2.5", Axis("losses.margin_pose", (), 0.25, 2.5)),
        ("model.embedding=8..64", Axis("model.embedding", (), 8, 64, whole=True)),
        ("losses.margin_pose=0.1,0.2", Axis("losses.margin_pose", ("0.1", "0.2"))),
        ("weighting.name=dwa, famo", Axis("weighting.name", ("dwa", "famo"))),
        ("model.branches=face,face+eyes", Axis("model.branches", ("face", "face+eyes"))),
        ("train.duration=1 epochs,2 epochs", Axis("train.duration", ("1 epochs", "2 epochs"))),
        ("model.batch_norm=true,False", Axis("model.batch_norm", ("true", "False"))),
    ],
)
def test_a_text_is_an_axis(config, text, axis):
    assert space.axes(config, [text]) == [axis]
    assert space.axes(config, [str(axis)]) == [axis]


def test_values_are_of_the_field_s_kind(config):
    axes = space.axes(
        config,
        [
            "losses.margin_pose=1,2",
            "model.embedding=8..64",
            "model.branches=face,face+eyes",
            "model.batch_norm=true,False",
        ],
    )
    values = [space.value_of(axis, value, config) for axis, value in zip(axes, ("2", 9, "face+eyes", "true"))]
    assert values == [2.0, 9, ("face", "eyes"), True]
    assert [type(value) for value in values] == [float, int, tuple, bool]


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ([], "over: give one or more fields"),
        (["losses.margin_pose"], "'losses.margin_pose' must be FIELD=LOW..HIGH"),
        (["losses.margin_poze=1,2"], "unknown field 'losses.margin_poze'. Did you mean 'losses.margin_pose'"),
        (["seed=1,2"], "seed must be the same for all trials"),
        (["split.validation=0.1,0.2"], "split.validation must be the same"),
        (["losses.margin_pose=0.5..0.1"], "must be a range LOW..HIGH of two numbers, the lower first; got"),
        (["losses.margin_pose=0..1:log"], "above 0 to be searched by their logarithm; got '0..1:log'"),
        (["losses.margin_pose=a..b"], "must be a range"),
        (["losses.margin_pose=0.1..inf"], "must be a range LOW..HIGH of two numbers"),
        (["model.embedding=8.5..64"], "of two whole numbers"),
        (["model.embedding=0..64"], "model.embedding must be a whole number of at least 1"),
        (["losses.margin_pose=0.1,wide"], "losses.margin_pose must be a number; got 'wide'"),
        (["weighting.name=dwa,dwaa"], "Did you mean 'dwa'"),
        (["weighting.name=dwa,dwa"], "must name different values"),
        (["weighting.name=dwa,famo", "weighting.name=equal,famo"], "weighting.name is named twice"),
        (["model.branches=face,nose"], "model.branches must be"),
        (["model.batch_norm=true,perhaps"], "model.batch_norm must be True or False"),
    ],
)
def test_what_is_no_axis_is_told(config, texts, said):
    with pytest.raises(UserError) as told:
        space.axes(config, texts)
    assert said in str(told.value) and str(told.value).startswith("over: ")


def test_one_text_is_no_list(config):
    with pytest.raises(TypeError, match=r"over must be a list of texts such as \['losses.margin_pose=1,2'\]"):
        space.axes(config, "losses.margin_pose=1,2")
