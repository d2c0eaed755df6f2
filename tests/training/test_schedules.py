"""The learning rate over the steps: the paper's staircase to the last bit, and the other courses."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmljax.training import schedules
from dmljax.types import UserError

pytestmark = pytest.mark.usefixtures("standard_promotion")


def rates(count=20, **options):
    rate = schedules.build(0.1, **options)
    return np.asarray(jax.jit(jax.vmap(rate))(jnp.arange(count)))


def staircase(step, learning_rate, decay, length, warmup):
    """As it was computed before there was a choice; a run that goes on must not change its bits."""
    stair = (step // length).astype(jnp.float32)
    ramp = jnp.minimum(1.0, (step + 1).astype(jnp.float32) / warmup) if warmup else 1.0
    return learning_rate * jnp.power(decay, stair) * ramp


@pytest.mark.parametrize("given", [(2e-3, 0.8, 221, 20), (0.01, 0.8, 1000, 0), (3e-4, 0.97, 7, 5)])
def test_the_staircase_keeps_its_bits(given):
    learning_rate, decay, length, warmup = given
    made = schedules.build(learning_rate, decay=decay, decay_steps=length, warmup_steps=warmup, whole=9)
    steps = jnp.arange(5000, dtype=jnp.int32)
    before = jax.jit(jax.vmap(lambda step: staircase(step, *given)))(steps)
    np.testing.assert_array_equal(jax.jit(jax.vmap(made))(steps), before)


def test_cosine_begins_after_the_warm_up_and_ends_with_the_run():
    found = rates(warmup_steps=4, whole=14, name="cosine", end=0.1)
    ramp = [0.1 * k / 4 for k in (1, 2, 3, 4)]
    course = [0.1 * (0.9 * (1 + math.cos(math.pi * k / 10)) / 2 + 0.1) for k in range(11)]
    np.testing.assert_allclose(found, [*ramp, *course, *[0.01] * 5], rtol=1e-5)


def test_one_cycle_rises_and_falls():
    found = rates(whole=10, name="one_cycle", start=0.2, end=0.05, rise=0.4)
    half = lambda a, b, share: a + (b - a) * (1 - math.cos(math.pi * share)) / 2
    rising, falling = [half(0.02, 0.1, k / 4) for k in range(4)], [half(0.1, 0.005, k / 6) for k in range(7)]
    np.testing.assert_allclose(found[:11], [*rising, *falling], rtol=1e-5)
    for whole in (1, 2, 3):  # too short to rise
        assert np.isfinite(rates(5, whole=whole, name="one_cycle")).all()
    assert rates(whole=10, name="one_cycle")[10] == 0


def test_constant_is_constant_after_its_warm_up():
    np.testing.assert_allclose(rates(6, warmup_steps=2, name="constant"), [0.05, *[0.1] * 5], rtol=1e-6)


@pytest.mark.parametrize("field", [{"name": "cos"}, {"start": 0.0}, {"rise": 1.0}, {"decay_steps": 0}])
def test_fields_out_of_range_are_told(field):
    with pytest.raises(UserError, match=next(iter(field))):
        schedules.build(0.1, **field)
