import numpy as np
import pytest

from dmljax.models.pretrained import PARTS, Module, take


def network(rng, *, branches=("face", "eyes", "mouth"), classes=7, poses=5, width=4, norm=True):
    """Variables of the shape of a small DML-Net's."""
    draw = lambda *shape: rng.standard_normal(shape).astype(np.float32)
    dense = lambda *shape: {"kernel": draw(*shape), "bias": draw(shape[-1])}
    trunk = {name: {"stem": dense(3, width), "norm": {"scale": draw(width)}} for name in branches}
    trunk |= {"fusion": {"first": dense(len(branches) * width, 6)}, "embedding": dense(6, 5)}
    params = {"trunk": trunk, "expression_head": {"out": dense(5, classes)}}
    if poses:
        params["pose_head"] = {"out": dense(5, poses)}
    stats = {"trunk": {name: {"norm": {"mean": draw(width)}} for name in branches}}
    if norm:
        params["trunk"]["embedding_norm"] = {"scale": np.ones(5, np.float32)}
    return {"params": params, "batch_stats": stats}


def test_what_is_asked_for_and_fits_is_taken_with_its_statistics(rng):
    here, there = network(rng, classes=4), network(rng)
    made, modules = take(here, there, ("branches", "fusion", "embedding", "expression_head"))
    for name in ("face", "eyes", "mouth"):
        assert np.array_equal(
            made["params"]["trunk"][name]["stem"]["kernel"], there["params"]["trunk"][name]["stem"]["kernel"]
        )
        assert np.array_equal(
            made["batch_stats"]["trunk"][name]["norm"]["mean"],
            there["batch_stats"]["trunk"][name]["norm"]["mean"],
        )
    assert np.array_equal(
        made["params"]["trunk"]["embedding"]["bias"], there["params"]["trunk"]["embedding"]["bias"]
    )
    assert np.array_equal(
        made["params"]["expression_head"]["out"]["kernel"], here["params"]["expression_head"]["out"]["kernel"]
    )
    assert modules == [
        Module("face", True, values=24),
        Module("eyes", True, values=24),
        Module("mouth", True, values=24),
        Module("fusion", True, values=78),
        Module("embedding", True, values=35),
        Module("embedding_norm", True, values=5),
        Module("expression_head", False, "params/expression_head/out/bias is (7,) there, (4,) here"),
        Module("pose_head", False, "not asked for"),
    ]


def test_a_part_that_one_network_lacks_is_left(rng):
    one, three = network(rng, branches=("face",), poses=0), network(rng)
    _, modules = take(three, one, tuple(PARTS))
    became = {module.name: module for module in modules}
    assert became["face"] == Module("face", True, values=24)
    assert became["eyes"] == Module("eyes", False, "the other network has none")
    assert became["pose_head"] == Module("pose_head", False, "the other network has none")
    reason = "params/trunk/fusion/first/kernel is (4, 6) there, (12, 6) here"
    assert became["fusion"] == Module("fusion", False, reason)
    _, modules = take(one, three, tuple(PARTS))
    assert Module("mouth", False, "this network has none") in modules


@pytest.mark.parametrize("width", [4, 8])
def test_a_module_is_taken_whole_or_not_at_all(rng, width):
    here, there = network(rng), network(rng, width=width)
    del there["batch_stats"]["trunk"]["eyes"]
    made, modules = take(here, there, ("branches",))
    assert Module("eyes", False, "batch_stats/trunk/eyes/norm/mean is only here") in modules
    assert (
        made["params"]["trunk"]["eyes"]["stem"]["kernel"] is here["params"]["trunk"]["eyes"]["stem"]["kernel"]
    )
    assert (Module("face", True, values=24) in modules) == (width == 4)
