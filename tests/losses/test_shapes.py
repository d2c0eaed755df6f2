"""Arrays of a wrong shape are refused by name, with the axes expected and what came."""

import re

import jax
import jax.numpy as jnp
import pytest

from dmljax import losses


def mask(*shape):
    return jnp.ones(shape, bool)


def zeros(*shape):
    return jnp.zeros(shape)


def labels(*shape):
    return jnp.zeros(shape, jnp.int32)


TUPLET = {"threshold": 1.0, "margin": 1.0}
CASES = (
    (losses.cross_entropy, (zeros(4), labels(4)), {}, "logits must be [N, C]; got the shape [4]"),
    (
        losses.cross_entropy,
        (zeros(4, 7), labels(7)),
        {},
        "labels must be [N], N = 4 as in logits; got the shape [7]",
    ),
    (
        losses.cross_entropy,
        (zeros(4, 7), labels(4, 1)),
        {},
        "labels must be [N], N = 4 as in logits; got the shape [4, 1]",
    ),
    (
        losses.squared_distances,
        (zeros(3, 8), zeros(5, 1)),
        {},
        "b must be [R, D], D = 8 as in a; got the shape [5, 1]",
    ),
    (losses.squared_distances, (zeros(8), zeros(5, 8)), {}, "a must be [A, D]; got the shape [8]"),
    (losses.relation, (labels(4), labels(1)), {}, "factor must be [A], A = 4 as in label; got the shape [1]"),
    (losses.pose_relation, (labels(4, 3), labels(4)), {}, "label must be [A]; got the shape [4, 3]"),
    (losses.class_relation, (labels(4, 3),), {}, "label must be [A]; got the shape [4, 3]"),
    (
        losses.class_relation,
        (labels(4), labels(5, 1)),
        {},
        "reference_label must be [R]; got the shape [5, 1]",
    ),
    (
        losses.identity_relation,
        (labels(2), labels(2), labels(6), labels(5)),
        {},
        "reference_factor must be [R], R = 6 as in reference_label; got the shape [5]",
    ),
    (
        losses.batch_hard,
        (zeros(3, 6), mask(3, 6), mask(3, 3)),
        {"margin": 0.2},
        "negative must be [A, R], A = 3 as in distances, R = 6 as in distances; got the shape [3, 3]",
    ),
    (losses.hardest, (zeros(6), mask(6), mask(6)), {}, "distances must be [A, R]; got the shape [6]"),
    (
        losses.island_loss,
        (zeros(5, 8), labels(5), zeros(7, 4)),
        {"between": 1.0},
        "centres must be [classes, E], E = 8 as in embedding; got the shape [7, 4]",
    ),
    (
        losses.island_loss,
        (zeros(5, 8), labels(7), zeros(7, 8)),
        {"between": 1.0},
        "labels must be [N], N = 5",
    ),
    (
        losses.tuplet_loss,
        (zeros(2, 8), zeros(5, 8), mask(5, 2), mask(2, 5)),
        TUPLET,
        "positive must be [A, R], A = 2 as in points, R = 5 as in references; got the shape [5, 2]",
    ),
    (
        losses.contrastive_loss,
        (zeros(2, 5), mask(2, 5), mask(5)),
        {"margin": 1.0},
        "other must be [A, R], A = 2 as in distances, R = 5 as in distances; got the shape [5]",
    ),
    (
        losses.identity_aware_loss,
        (zeros(2, 8), zeros(5, 6), ()),
        {"margin": 1.0, "normalised": True},
        "references must be [R, E], E = 8 as in embedding; got the shape [5, 6]",
    ),
    (
        losses.identity_aware_loss,
        (zeros(2, 8), zeros(5, 8), ((mask(2, 5), mask(2, 5)),)),
        {"margin": 1.0, "normalised": True},
        "relations must be two pairs of masks, for expression and for identity; got 1 of them",
    ),
    (
        losses.masked_mean,
        (zeros(4), mask(4, 1)),
        {"axis_name": None},
        "valid must have the shape of values, [4]; got [4, 1]",
    ),
    (losses.masked_sum, (zeros(4), mask(1)), {"axis_name": None}, "valid must have the shape of values, [4]"),
    (
        losses.huber_angles,
        (zeros(4, 3), zeros(4, 1)),
        {},
        "angles must be [N, A], N = 4 as in predicted, A = 3 as in predicted; got the shape [4, 1]",
    ),
    (
        losses.binned_angles,
        (zeros(4, 3, 66), zeros(4, 3), zeros(3, 3)),
        {},
        "angles must be [N, A], N = 4 as in logits, A = 3 as in logits; got the shape [3, 3]",
    ),
)


@pytest.mark.parametrize(("loss", "arrays", "options", "said"), CASES)
def test_a_wrong_shape_is_refused_by_name(loss, arrays, options, said):
    for call in (loss, jax.jit(lambda *arrays: loss(*arrays, **options))):
        with pytest.raises(ValueError, match=re.escape(said)):
            call(*arrays, **options) if call is loss else call(*arrays)


def test_every_public_loss_with_arrays_of_several_axes_is_checked():
    free = {"normalise", "violation", "sum_over_devices", "angle_difference"}  # of any shape
    free |= {"inverse_frequency", "effective_number"}  # of numbers on the host
    assert {loss.__name__ for loss, *_ in CASES} == set(losses.__all__) - free


def test_a_check_leaves_nothing_in_a_program():
    plain = lambda values, valid: 1 * jnp.where(valid, values, 0.0).sum()
    checked = lambda values, valid: losses.masked_sum(values, valid, axis_name=None)
    programs = [str(jax.make_jaxpr(program)(zeros(3), mask(3))) for program in (plain, checked)]
    assert programs[0] == programs[1]
