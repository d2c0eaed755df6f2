"""Groups of devices that share BatchNorm's statistics."""

from functools import partial

import jax
import numpy as np
import pytest

from dmljax.training import norms
from dmljax.types import UserError


@pytest.mark.parametrize("group", [0, 1, 2, 4, 8])
def test_whole_groups(group):
    assert norms.check(group, 8) is None


def test_groups_that_are_not_whole():
    with pytest.raises(UserError) as error:
        norms.check(4, 6)
    assert error.value.message == "must divide the number of devices, 6; got 4. Set one of 0, 1, 2, 3, 6"
    assert error.value.parameter == "model.batch_norm_group"


def test_running_statistics_are_means_and_what_was_kept_is_kept_bit_for_bit():
    """On three devices, where the mean of three equal numbers is not always that number."""
    rng = np.random.default_rng(0)
    kept = np.broadcast_to(rng.normal(size=1000).astype(np.float32), (3, 1000))
    before = {"kept": kept, "moved": kept}
    new = {"kept": kept, "moved": rng.normal(size=(3, 1000)).astype(np.float32)}
    mapped = partial(jax.pmap, axis_name="devices", devices=jax.devices()[:3])
    found = mapped(lambda *both: norms.running(*both, 1, "devices"))(new, before)
    np.testing.assert_array_equal(found["kept"], kept)
    expected = np.broadcast_to(new["moved"].astype(np.float64).mean(0), (3, 1000))
    np.testing.assert_allclose(found["moved"], expected, atol=1e-6)
    assert (np.asarray(found["moved"]) == np.asarray(found["moved"])[0]).all()
    plain = mapped(lambda x: jax.lax.pmean(x, "devices"))(kept)
    assert (np.asarray(plain) != kept).any()


def test_groups_are_those_of_the_configuration():
    from dmljax.config import get_config
    from dmljax.runs import assemble

    of = lambda **fields: get_config("quick", {f"model.{name}": value for name, value in fields.items()})
    axes = {
        group: (assemble.norm_group(config.model), assemble.backbone(config).keywords["axis_name"])
        for group, config in {
            "all": of(),
            "four": of(batch_norm_group=4),
            "one": of(batch_norm_group=1),
            "none": of(sync_batch_norm=False),
        }.items()
    }
    axis = axes["all"][1]
    assert axes == {"all": (0, axis), "four": (4, axis), "one": (1, None), "none": (1, None)} and axis
