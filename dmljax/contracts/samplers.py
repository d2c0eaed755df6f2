"""What every sampler keeps: mini-batches of one size, of known samples, the same for the same seed and epoch.

Tests take a fixture `plugin`, the sampler's module.
"""

import numpy as np
import pytest

from dmljax import plugins
from dmljax.data.sampling import Sampler, Wanted
from dmljax.datasets import synthetic

EPOCHS = range(3)


@pytest.fixture(scope="module", name="samples")
def samples_without_some():
    """7 expressions x 5 poses x 9 people, without some of them, so that classes are not alike."""
    made = synthetic.samples(identities=9)
    return made.take(np.flatnonzero(np.random.default_rng(5).random(len(made)) < 0.8))


def built(plugin, samples, **wanted) -> Sampler:
    sampler = plugin.build(samples, Wanted(**wanted), **plugins.defaults_of("samplers", plugin))
    assert isinstance(sampler, Sampler), f"build must return a Sampler, got {type(sampler).__name__}"
    return sampler


def test_an_epoch_is_mini_batches_of_known_samples(plugin, samples):
    sampler = built(plugin, samples)
    for epoch in EPOCHS:
        batches = sampler.draw(epoch)
        assert batches.ndim == 2 and batches.shape[1] == sampler.size, (
            f"draw must return [N, {sampler.size}], got {batches.shape}"
        )
        assert len(batches), "an epoch has no mini-batch"
        assert batches.dtype == np.int32, f"positions must be int32, got {batches.dtype}"
        assert batches.min() >= 0 and batches.max() < len(samples), "no such sample"


def test_the_order_is_a_function_of_seed_and_epoch(plugin, samples):
    one, again = built(plugin, samples, seed=4), built(plugin, samples, seed=4)
    later = one.draw(2)
    assert np.array_equal(again.draw(0), one.draw(0)), "another order for the same seed and epoch"
    assert np.array_equal(again.draw(2), later), "the order depends on the epochs that were drawn before"
    assert not np.array_equal(one.draw(0), later[: len(one.draw(0))]), "every epoch has the same order"
    other = built(plugin, samples, seed=5).draw(0)
    assert not np.array_equal(other, one.draw(0)[: len(other)]), "every seed has the same order"


def test_what_stays_together_divides_a_mini_batch(plugin, samples):
    sampler = built(plugin, samples)
    assert sampler.together >= 1 and sampler.size % sampler.together == 0
    assert sampler.size_field and sampler.told and sampler.name, "a field for errors, and what is told"


def test_over_some_epochs_most_samples_come(plugin, samples):
    sampler = built(plugin, samples)
    seen = np.unique(np.concatenate([sampler.draw(epoch).ravel() for epoch in range(20)]))
    assert len(seen) > 0.9 * len(samples), f"{len(samples) - len(seen)} of {len(samples)} samples never come"
