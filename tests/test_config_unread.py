"""Options that are set and have no effect are told by name, with what was chosen instead."""

import pytest

import dmljax
from dmljax import config_sources, config_unread


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, []),
        ({"optimizer.name": "sgd", "optimizer.sgd.momentum": 0.5, "weighting.dwa.window": 9}, []),
        ({"weighting.name": "famo"}, []),  # what the base sets for DWA is nobody's mistake
        (
            {"weighting.name": "famo", "weighting.dwa.window": 9},
            ["weighting.dwa.window=9 has no effect: weighting.name is famo"],
        ),
        (
            {"optimizer.sgd.momentum": 0.5},
            ["optimizer.sgd.momentum=0.5 has no effect: optimizer.name is adam"],
        ),
        (
            {"optimizer.name": "sgd", "optimizer.b1": 0.8},
            ["optimizer.b1=0.8 has no effect: sgd does not take it"],
        ),
        (
            {"sampler.pk.classes": 3, "weighting.fixed.pose": 2.0},
            [
                "sampler.pk.classes=3 has no effect: sampler.name is auto",
                "weighting.fixed.pose=2.0 has no effect: weighting.name is dwa",
            ],
        ),
        (
            {"augment.rand_augment.number": 3},
            ["augment.rand_augment.number=3 has no effect: augment.chain is empty"],
        ),
        ({"augment.rand_augment.number": 3, "augment.chain": ("rand_augment",)}, []),
        ({"dataset.kdef.sessions": "A"}, []),
        (
            {"model.sync_batch_norm": False, "model.batch_norm_group": 4},
            ["model.batch_norm_group=4 has no effect: model.sync_batch_norm is False"],
        ),
        ({"model.sync_batch_norm": False, "model.batch_norm_group": 1}, []),
        ({"model.batch_norm_group": 4}, []),
    ],
)
def test_what_has_no_effect_is_told(changes, told):
    assert config_unread.idle(dmljax.get_config("quick", changes)) == told


@pytest.mark.parametrize("preset", ["safe", "paper"])
def test_nothing_is_told_of_the_configurations_as_they_come(preset):
    for name in config_sources.named():
        assert config_unread.idle(dmljax.get_config(name, preset=preset)) == [], name
