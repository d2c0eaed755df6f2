"""From a configuration to the losses of the heads and the network: class weights, normalisation, errors."""

import numpy as np
import pytest

import dmljax
from dmljax.runs import assemble, recipe
from dmljax.types import Samples, UserError

NAMES = ("anger", "fear", "joy")
SAMPLES = Samples(
    "made",
    tuple("abcdef"),
    np.int32([0, 0, 0, 1, 2, -1]),
    np.int32([-1] * 6),
    np.arange(6, dtype=np.int32),
    NAMES,
    (),
    tuple("abcdef"),
    (),
    (),
    bytes,
)


def weights(text, train=None):
    config = dmljax.get_config("quick", {"losses.expression.class_weights": text})
    return dict(recipe.head_losses(config, SAMPLES, train))["expression"].weights


def test_class_weights_are_given_or_counted_among_those_who_train():
    assert weights("") == () and weights(" joy = 2.5,anger=0") == (0.0, 1.0, 2.5)
    np.testing.assert_allclose(weights("inverse"), np.array([1 / 3, 1, 1]) * 5 / 3, rtol=1e-6)
    np.testing.assert_allclose(weights("inverse", [0, 3]), [1, 1, 0], rtol=1e-6)
    share = np.array([(1 - 0.999) / (1 - 0.999**n) for n in (3, 1, 1)])
    np.testing.assert_allclose(weights("effective"), share * 5 / (share @ [3, 1, 1]), rtol=1e-5)
    config = dmljax.get_config("quick", {"losses.pose.class_weights": "inverse"})
    assert dict(recipe.head_losses(config, SAMPLES, None))["pose"].weights == ()  # no pose is known


@pytest.mark.parametrize("text", ["inversed", "joy=", "joy=-1", "joy=1,joy=2", "=2", "joy=inf"])
def test_what_are_no_class_weights_is_told_before_the_set_is_read(text):
    config = dmljax.get_config("quick", {"losses.expression.class_weights": text})
    with pytest.raises(
        UserError,
        match="^losses.expression.class_weights: (must be inverse, effective, or|'joy' is named twice)",
    ):
        assemble.check(config)


def test_a_weight_of_no_class_is_told():
    with pytest.raises(UserError, match="no class 'joi' in the set; .*anger, fear, joy. Did you mean 'joy'"):
        weights("joi=2")


@pytest.mark.parametrize(
    ("fields", "pixels"),
    [
        ({}, ()),
        ({"model.normalisation": "imagenet"}, ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))),
        (
            {
                "model.normalisation": "given",
                "model.pixel_mean": (0, 0.5, 1),
                "model.pixel_deviation": (1, 1, 2),
            },
            ((0.0, 0.5, 1.0), (1.0, 1.0, 2.0)),
        ),
    ],
)
def test_the_network_is_normalised_as_the_field_says(fields, pixels):
    config = dmljax.get_config("quick", fields)
    assert assemble.network(config, SAMPLES).pixels == pixels


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("model.pixel_mean", (0.5, 0.5), "must be a tuple of 3 numbers"),
        ("model.pixel_mean", ("a", 0.5, 0.5), "must hold values of type float"),
        ("model.expression_input", "f2", "model.expression_input must be one of embedding, fused, got"),
        ("model.dropout", 1.0, "model.dropout must be a number of at least 0 and below 1"),
        ("losses.pose.gamma", -1.0, "losses.pose.gamma must be a number of at least 0"),
    ],
)
def test_wrong_values_are_told(field, value, told):
    with pytest.raises(UserError, match=told):
        dmljax.get_config("quick", {field: value})


def test_a_deviation_of_nothing_is_told():
    config = dmljax.get_config("quick", {"model.pixel_deviation": (0.2, 0.0, 0.2)})
    with pytest.raises(UserError, match="model.pixel_deviation: must be numbers above 0"):
        assemble.check(config)


def test_weights_of_nothing_are_refused():
    names = ("joy", "fear")
    weights = lambda text: (
        dmljax.get_config("quick", {"losses.expression.class_weights": text}).losses.expression
    )
    rows = np.array([0, 1, 1])
    assert recipe._class_weights(weights("joy=0"), rows, names, "field") == (0.0, 1.0)
    with pytest.raises(UserError, match="^field: every class has the weight 0"):
        recipe._class_weights(weights("joy=0, fear=0"), rows, names, "field")
