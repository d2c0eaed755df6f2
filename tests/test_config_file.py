"""Configurations as JSON and YAML: what they may hold, and what is said of what they may not."""

import json
from pathlib import Path

import pytest
from dmljax.configs import quick

from dmljax import config as configuration
from dmljax import config_file
from dmljax.changes import changed
from dmljax.types import UserError

EXAMPLE = Path(__file__).parent.parent / "examples" / "configurations" / "weaker_pose.yaml"


def written(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_example_changes_what_it_says_of_its_base():
    wanted = {
        "seed": 1,
        "train.duration": "3 epochs",
        "model.branches": ("face", "mouth"),
        "losses.margin_pose": 0.1,
        "losses.total.pose": 0.5,
    }
    assert configuration.get_config(EXAMPLE) == changed(quick.get_config(), wanted)


def test_fields_have_the_kinds_that_a_command_line_gives_them(tmp_path):
    made = configuration.get_config(
        written(
            tmp_path / "own.yaml",
            "base: quick:paper\n"
            "optimizer.learning_rate: 1e-3  # no text, as YAML 1.1 takes it\n"
            "optimizer.decay: 1\n"
            "dataset: {name: multipie, multipie: {shots: 07}, labels: 2026-01-01}\n"
            "split.file: no\n"
            "model.branches:\n  - face\n"
            "backbone.resnet.stages: [1, 0x2]\n"
            "losses.triplets: []\n"
            "train.duration: 10 epochs\n"
            "ema.warmup: True\n",
        )
    )
    assert (made.preset, made.losses.link, made.data.image_size) == ("paper", "none", 48)
    assert (made.optimizer.learning_rate, made.optimizer.decay) == (0.001, 1.0)
    assert type(made.optimizer.decay) is float
    assert (made.dataset.multipie.shots, made.dataset.labels, made.split.file) == ("07", "2026-01-01", "no")
    assert (made.model.branches, made.backbone.resnet.stages) == (("face",), (1, 2))
    assert (made.losses.triplets, made.train.duration, made.ema.warmup) == ((), "10 epochs", True)


def test_json_may_be_partial_too_and_other_fields_have_their_defaults(tmp_path):
    own = written(tmp_path / "own.json", json.dumps({"base": "quick", "seed": 4, "train": {"patience": 2}}))
    made = configuration.get_config(own, {"seed": 5})
    assert (made.seed, made.train.patience, made.data.image_size) == (5, 2, 48)
    bare = configuration.get_config(written(tmp_path / "bare.yml", "\ufeffseed: 6\npreset: paper\n"))
    assert bare == changed(configuration.get_config("base:paper"), {"seed": 6})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "' is empty; write fields such as train.duration: 3 epochs"),
        ("# nothing\n", "' is empty"),
        ("- seed\n- 1\n", "line 1: it must hold a YAML mapping, such as .*, and holds a list"),
        ("seed", "line 1: it must hold a YAML mapping, .*, and holds a single value"),
        ("seed: 1\nsede: 2\n", "line 2: unknown field 'sede'. Did you mean 'seed'"),
        ("seed: 1\n\nseed: 2\n", "line 3: seed stands there and in line 1; it may stand once"),
        ("train.patience: 1\ntrain:\n  patience: 2\n", "line 3: train.patience stands there and in line 1"),
        ("seed: soon\n", "line 1: seed must be a whole number, such as 0; got 'soon'"),
        ("seed:\n", "line 1: seed must be a whole number, such as 0; got None"),
        ("ema:\n  warmup: yes\n", "line 2: ema.warmup must be True or False, .*; got 'yes'"),
        ("seed: -1\ntrain.duration: soon\n", "line 1: seed must be .*, got -1. '.*', line 2: train.duration"),
        ("dataset.name: nix\n", "line 1: dataset.name must be one of .*, got 'nix'"),
        ("train: 3 epochs\n", "line 1: train is a section, not a field"),
        ("seed: !!python/object/apply:os.getcwd []\n", "line 1: the tag '.*os.getcwd' is not read"),
        ("!!python/object:a.B {}\n", "line 1: the tag .* is not read"),
        ("model.branches: [face, !!python/name:os.system '']\n", "line 1: the tag .* is not read"),
        ("seed: !!int soon\n", "line 1: 'soon' is no int"),
        ("seed: 1\nmodel.branches: [[face]]\n", "line 2: the list of model.branches must hold single values"),
        ("split.file: &a x\ndataset.labels: *a\n", "line 2: .*an alias"),
        ("seed: 1\nmodel: [face\n", "line 3: cannot be read as YAML: expected ',' or ']'"),
        ("seed: 1\n  more: 2\n", "line 2: cannot be read as YAML"),
        ("seed: 1\n---\nseed: 2\n", "line 2: cannot be read as YAML: but found another document"),
        ("seed: 1\n\x07: 2\n", "line 2: cannot be read as YAML: special characters are not allowed"),
        ("seed: 1\n# caf\xe9\n".encode("latin-1"), r"line 2: it is not in UTF-8 \(byte 0xe9\)"),
        ("base: quik\n", "line 1: base must be one of .*; got 'quik'. Did you mean 'quick'"),
        ("base: /etc/own.py\n", "line 1: base must be one of"),
        ("seed: 1\nbase: quick:papr\n", "line 2: unknown preset 'papr'"),
        ("base: quick:paper\npreset: safe\n", "line 2: preset is 'safe', and base says 'quick:paper'"),
        ("[1]: 2\n", "line 1: the name of a field must be a text"),
        ("{" * 5000, "nested too deeply|cannot be read as YAML"),
        ("seed: " + "9" * 5000, "line 1: seed: Exceeds the limit"),
        ("plugins: 5\n", "line 1: plugins must be a list or tuple"),
    ],
)
def test_mistakes_in_yaml_are_told_in_one_line_with_their_place(text, told, tmp_path):
    own = written(tmp_path / "own.yaml", text)
    with pytest.raises(UserError, match=told) as raised:
        configuration.get_config(own)
    assert str(own) in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", 'is empty; write fields such as {"train.duration": "3 epochs"}'),
        ('{"seed": 1,\n "seed" 2}', "line 2: cannot be read as JSON: Expecting ':' delimiter"),
        ('{"seed": 1, "train": {"patience": 1}, "train.patience": 2}', "own.json': train.patience stands"),
        ('{"seed": 1, "seed": 2}', "own.json': seed stands there; it may stand once"),
        ("[1]", "it must hold a JSON object, such as .*, and holds a list"),
        ("[" * 100000, "nested too deeply"),
        ('{"seed": -1}', "own.json': seed must be .*, got -1"),
        (b'{"dataset.labels": "caf\xe9"}', "line 1: it is not in UTF-8"),
    ],
)
def test_mistakes_in_json(text, told, tmp_path):
    with pytest.raises(UserError, match=told) as raised:
        configuration.get_config(written(tmp_path / "own.json", text))
    assert "\n" not in str(raised.value)


def test_nothing_in_a_file_is_run(tmp_path):
    witness = tmp_path / "witness"
    own = written(tmp_path / "own.yaml", f"a: !!python/object/apply:os.mkdir ['{witness}']\n")
    with pytest.raises(UserError):
        config_file.read(own)
    assert not witness.exists()


def test_a_folder_of_plug_ins_that_is_not_there(tmp_path):
    (tmp_path / "own.yaml").write_text("base: quick\nplugins: [plugg]\n")
    with pytest.raises(UserError, match="own.yaml', line 2: plugins: there is no folder 'plugg'"):
        configuration.get_config(tmp_path / "own.yaml")
