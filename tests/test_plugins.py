import json

import pytest
from dmljax.configs import quick

from dmljax import config, plugins
from dmljax.types import UserError


def test_the_folder_is_the_registry():
    assert {"cmu_faces", "folder", "synthetic"} <= set(plugins.names("datasets"))
    assert {"equal", "fixed", "dwa"} <= set(plugins.names("weightings")) and "resnet" in plugins.names(
        "backbones"
    )
    assert plugins.load("weightings", "dwa").__name__ == "dmljax.weightings.strategies.dwa"


@pytest.mark.parametrize("family", plugins.FAMILIES)
def test_every_plug_in_has_the_agreed_names(family):
    for name in plugins.names(family):
        plugin = plugins.load(family, name)
        assert family in ("experiments", "descriptors") or isinstance(plugin.default_config(), dict)
        wanted = {"datasets": ("samples", "write_fixture"), "experiments": ("members", "show")}.get(
            family, ("build",)
        )
        assert all(callable(getattr(plugin, attribute)) for attribute in wanted), name


def test_unknown_names():
    with pytest.raises(UserError, match="Did you mean 'dwa'"):
        plugins.load("weightings", "dwaa")
    with pytest.raises(
        UserError, match="there are datasets, detectors, descriptors, backbones, weightings, experiments"
    ):
        plugins.names("losses")


@pytest.mark.parametrize("name", sorted(p.stem for p in config.folder().glob("*.py") if p.stem != "__init__"))
@pytest.mark.parametrize("preset", ["safe", "paper"])
def test_every_configuration_loads_is_locked_and_round_trips(name, preset, tmp_path):
    import importlib
    import json

    made = importlib.import_module(f"dmljax.configs.{name}").get_config(preset)
    with pytest.raises((AttributeError, KeyError)):
        made.trian = 1
    (tmp_path / "config.json").write_text(json.dumps(config.trimmed(made)))
    again = config.read(tmp_path)
    assert config.differences(again.to_dict(), config.trimmed(made)) == []


def test_the_presets_differ_only_where_the_paper_cannot_be_taken_literally():
    from dmljax.configs import base

    safe, paper = (config.flatten(config.trimmed(base.get_config(p))) for p in ("safe", "paper"))
    assert {k for k in safe if safe[k] != paper[k]} == {
        "preset",
        "losses.link",
        "losses.normalise",
        "losses.reduction",
        "weighting.dwa.literal",
        "ema.warmup",
    }


def test_a_run_of_a_version_without_a_field_has_its_default(tmp_path):
    saved = config.trimmed(quick.get_config())
    del saved["crop"], saved["split"]["stratify"], saved["dataset"]["train"]
    (tmp_path / "config.json").write_text(json.dumps(saved))
    again = config.read(tmp_path)
    assert (
        again.crop.rule == "set"
        and again.split.stratify
        and again.dataset.train == ""
        and again.data.image_size == 48
    )
    for text, told in (("{", "cannot be read"), ("[]", "it is no object")):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(UserError, match=told):
            config.read(tmp_path)
