"""A run that starts from a file of weights: what is taken, told, and refused before the set is read."""

import hashlib
import json
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dmljax
from dmljax.runs import assemble, fine_tuning, loop, sets, timetable, weights
from dmljax.runs.record import Classes
from dmljax.training.checkpoint import Checkpoints
from dmljax.types import UserError
from tests.models import onnx_writer
from tests.runs.tiny import TINY

CLASSES = Classes(("calm", "glad"), ("left", "right"), (-45.0, 45.0))
BRANCHES = {"model.branches": ("face", "mouth"), "backbone.resnet.stem": "standard"}


def tensors(rng, width=4):
    """A basic ResNet of one block as torchvision names it, and a classifier."""
    conv = lambda name, *shape: {f"{name}.weight": np.float32(rng.normal(size=shape))}
    norm = lambda name: {
        f"{name}.{part}": np.float32(rng.uniform(1, 2, width))
        for part in ("weight", "bias", "running_mean", "running_var")
    }
    block = conv("layer1.0.conv1", width, width, 3, 3) | norm("layer1.0.bn1")
    block |= conv("layer1.0.conv2", width, width, 3, 3) | norm("layer1.0.bn2")
    return conv("conv1", width, 3, 7, 7) | norm("bn1") | block | conv("fc", 10, width)


def saved(folder, arrays):
    np.savez(folder / "weights.npz", **arrays)
    return str(folder / "weights.npz")


def config_of(path, changes=()):
    return dmljax.get_config("quick", TINY | BRANCHES | {"init.weights": path} | dict(changes))


def test_all_branches_start_with_the_files_weights(rng, tmp_path):
    arrays, lines = tensors(rng), []
    config = config_of(saved(tmp_path, arrays))
    weights.check(config)
    net = assemble.network(config, CLASSES)
    before = jax.jit(partial(net.init, train=False))(jax.random.key(0), jnp.zeros((1, 24, 24, 3)))
    after = weights.from_file(config, before, lines.append)
    for region in ("face", "mouth"):
        params, stats = (after[kind]["trunk"][region] for kind in ("params", "batch_stats"))
        kernel = params["stage1_block1"]["conv2"]["kernel"]
        np.testing.assert_array_equal(kernel, arrays["layer1.0.conv2.weight"].transpose(2, 3, 1, 0))
        np.testing.assert_array_equal(stats["norm_stem"]["var"], arrays["bn1.running_var"])
    assert after["params"]["trunk"]["fusion"] is not None
    one, two = (tree["params"]["trunk"]["fusion"] for tree in (before, after))
    jax.tree.map(np.testing.assert_array_equal, one, two)
    head, normalisation = lines
    count = sum(array.size for name, array in arrays.items() if name != "fc.weight")
    assert head.splitlines() == [
        f"starting from '{config.init.weights}', weights of resnet",
        f"  taken face: {count:,} values",
        f"  taken mouth: {count:,} values",
        "  left fc: 40 values with no place here",
    ]
    assert "images of mean (0.485, 0.456, 0.406)" in normalisation
    assert normalisation.endswith(
        "model.normalisation=image makes other ones; theirs is model.normalisation=imagenet"
    )
    lines.clear()
    weights.from_file(
        config_of(config.init.weights, {"model.normalisation": "imagenet"}), before, lines.append
    )
    assert len(lines) == 1


def test_folded_batch_norm_is_told(rng, tmp_path):
    path = onnx_writer.saved(onnx_writer.open_nsfw(rng, stages=(1,), width=2, stem_width=4), tmp_path)
    width = {"depth": 50, "stages": (1,), "width": 2, "stem_width": 4, "stem_pool": "end", "version": "1"}
    changes = {f"backbone.resnet.{option}": value for option, value in width.items()}
    config, lines = config_of(str(path), changes), []
    weights.check(config)
    before = jax.jit(partial(assemble.network(config, CLASSES).init, train=False))(
        jax.random.key(0), jnp.zeros((1, 24, 24, 3))
    )
    after = weights.from_file(config, before, lines.append)
    assert [line for line in lines if "finetune.batch_norm=statistics keeps it" in line] == [lines[-1]]
    norm = after["batch_stats"]["trunk"]["mouth"]["norm_stem"]
    np.testing.assert_allclose(norm["var"], np.full(4, 1 - 1e-5))
    assert "deviation (0.003922, 0.003922, 0.003922)" in lines[1]
    for kept in ({"finetune.batch_norm": "statistics"}, {"finetune.frozen": ("branches",)}):
        lines.clear()
        weights.from_file(config_of(str(path), changes | kept), before, lines.append)
        assert len(lines) == 2
    # the same shapes, and another function
    other = changes | {"backbone.resnet.version": "1.5", "backbone.resnet.stem_pool": "both"}
    with pytest.raises(UserError, match="set backbone.resnet.stem_pool=end, backbone.resnet.version=1$"):
        weights.check(config_of(str(path), other))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"backbone.resnet.width": 8},
            "stages=.1,., width=4, stem=standard, .*, version=1.5; set backbone.resnet.width=4$",
        ),
        (
            {"backbone.resnet.depth": 50, "backbone.resnet.stem": "small"},
            "set backbone.resnet.depth=18, backbone.resnet.stem=standard$",
        ),
        ({"backbone.name": "densenet"}, "holds weights of resnet .*; set backbone.name=resnet$"),
        (
            {"init.run": "runs/a"},
            "init.weights: a run starts from one of both: init.run='runs/a' or the file",
        ),
        ({"init.weights": "gone.pth"}, "init.weights: 'gone.pth' is no file"),
    ],
)
def test_what_is_refused_before_the_set_is_read(rng, tmp_path, monkeypatch, changes, said):
    monkeypatch.setattr(sets, "open_samples", lambda *args, **options: pytest.fail("the set was opened"))
    config = config_of(saved(tmp_path, tensors(rng)), changes)
    with pytest.raises(UserError, match=said):
        loop.train(config, tmp_path / "run", progress=False)
    assert not (tmp_path / "run" / "config.json").exists()


def test_a_file_without_a_tensor(rng, tmp_path):
    arrays = tensors(rng)
    del arrays["layer1.0.bn2.bias"]
    with pytest.raises(UserError, match="and does not fit: 'layer1.0.bn2.bias' is not there, \\[4\\] here"):
        weights.check(config_of(saved(tmp_path, arrays)))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"finetune.frozen": ("stem", "stage7")},
            "finetune.frozen: there is no stage 'stage7' .* branches, stem, stage1",
        ),
        ({"finetune.until": "200%"}, "finetune.until: must be from 0% to 100% of the run"),
        ({"finetune.layer_decay": 0.0}, "finetune.layer_decay must be a number above 0"),
        ({"finetune.batch_norm": "none"}, "finetune.batch_norm must be one of trained, statistics, all"),
    ],
)
def test_fine_tuning_that_cannot_be(tmp_path, changes, said):
    with pytest.raises(UserError, match=said):
        loop.train(dmljax.get_config("quick", TINY | changes), tmp_path / "run", progress=False)


def test_frozen_stages_become_those_of_the_step():
    config = dmljax.get_config("quick", TINY | {"finetune.frozen": ("stem",), "finetune.layer_decay": 0.5})
    branch = assemble.backbone(config)()
    held = fine_tuning.kept(config, assemble.network(config, CLASSES), branch, 3)
    assert held.until == 3 and {path[2] for path in held.first} == {"conv_stem", "norm_stem"}
    assert fine_tuning.layers(config, branch)[("trunk", "face", "norm_stem")] == 0.5
    assert "keeps stem at random initial weights" in fine_tuning.told(config)
    times = timetable.schedule(dmljax.get_config("quick", {"finetune.until": "50%"}), 5)
    assert times.thaw == times.whole // 2
    assert not fine_tuning.kept(dmljax.get_config("quick"), None, None, 0)


@pytest.mark.slow
def test_a_training_keeps_the_frozen_stage_of_the_file(rng, tmp_path, standard_promotion):
    """From the file to the checkpoint, on several devices; the next stage has moved."""
    arrays, lines = tensors(rng), []
    changes = {"finetune.frozen": ("stem",), "model.branches": ("face",), "optimizer.warmup": "0 steps"}
    config = config_of(saved(tmp_path, arrays), changes | {"model.normalisation": "imagenet"})
    loop.train(config, tmp_path / "run", progress=False, say=lines.append)
    assert any(line.startswith("starting from") for line in lines)
    averages = Checkpoints(tmp_path / "run").newest("last").averages
    params, stats = (averages[kind]["trunk"]["face"] for kind in ("params", "batch_stats"))
    np.testing.assert_array_equal(params["conv_stem"]["kernel"], arrays["conv1.weight"].transpose(2, 3, 1, 0))
    np.testing.assert_array_equal(params["norm_stem"]["scale"], arrays["bn1.weight"])
    np.testing.assert_array_equal(stats["norm_stem"]["mean"], arrays["bn1.running_mean"])
    kernel = arrays["layer1.0.conv1.weight"].transpose(2, 3, 1, 0)
    assert np.abs(params["stage1_block1"]["conv1"]["kernel"] - kernel).max() > 1e-6
    digest = hashlib.sha256((tmp_path / "weights.npz").read_bytes()).hexdigest()
    (tmp_path / "weights.npz").unlink()
    longer = dmljax.get_config("quick", TINY | BRANCHES | changes | {"train.duration": "3 steps"})
    longer.update({"init": config.init, "model": config.model})
    loop.train(longer, tmp_path / "run", progress=False, say=lines.append)  # the file is not asked for again
    assert Checkpoints(tmp_path / "run").latest() == 3
    started = json.loads((tmp_path / "run" / "started_from.json").read_text())
    assert started == {"weights": config.init.weights, "sha256": digest}
