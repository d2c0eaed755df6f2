"""Image folders that were moved after the training: what is said, and where a run is told that they lie."""

import sys

import pytest
from dmljax.launch import cli

from dmljax import config as configuration
from dmljax.datasets import folder, rafd
from dmljax.preparation import opening
from dmljax.runs import page
from dmljax.runs.evaluate import evaluate
from dmljax.types import UserError
from tests.runs.test_page import begun, small

pytestmark = pytest.mark.usefixtures("standard_promotion")


def joined(*, train="", test="", name="kdef", root=""):
    fields = {"dataset.train": train, "dataset.test": test, "dataset.name": name, "dataset.root": root}
    return configuration.get_config("quick", fields)


def lie(config):
    return [tuple(place) for place in opening.places(config)]


def test_where_the_sets_of_a_configuration_lie():
    assert lie(joined(root="K")) == [("dataset.root", "kdef", "K")]
    assert lie(joined(train="kdef:K, synthetic", test="sfew:S")) == [
        ("dataset.train", "kdef", "K"),
        ("dataset.train", "synthetic", ""),
        ("dataset.test", "sfew", "S"),
    ]
    assert lie(joined(root="K", test="sfew:S")) == [
        ("dataset.root", "kdef", "K"),
        ("dataset.test", "sfew", "S"),
    ]


@pytest.mark.parametrize(
    ("sets", "root", "now"),
    [
        ({"root": "K"}, "/new,a", ["/new,a"]),
        ({"root": "K"}, "kdef:/new", ["/new"]),
        ({"train": "kdef:K"}, "/new", ["/new"]),
        ({"train": "kdef:K,rafd:R", "test": "sfew:S"}, "sfew:/s, rafd:/r", ["K", "/r", "/s"]),
        ({"train": "folder:A,folder:B", "test": "folder:C"}, "folder:a,folder:b,folder:c", ["a", "b", "c"]),
        ({"train": "synthetic,kdef:K"}, "kdef:/k", ["", "/k"]),
        ({"root": "K", "test": "sfew:S"}, "kdef:/k", ["/k", "S"]),
    ],
)
def test_sets_that_lie_elsewhere(sets, root, now):
    config = joined(**sets)
    moved = opening.moved(config, root)
    assert [place.root for place in opening.places(moved)] == now
    assert [place[:2] for place in lie(moved)] == [place[:2] for place in lie(config)]


@pytest.mark.parametrize(
    ("sets", "root"),
    [
        ({"train": "kdef:K,rafd:R"}, "/new"),
        ({"train": "kdef:K,rafd:R"}, "kdef:/k,sfew:/s"),
        ({"train": "kdef:K,rafd:R"}, "kdef:/k,rafd:"),
        ({"train": "kdef:K,rafd:R"}, "kdef:/k,kdef:/l"),
        ({"train": "folder:A,folder:B"}, "folder:a"),
        ({"train": "folder:A,folder:B"}, "a,b"),
    ],
)
def test_a_place_that_does_not_fit_the_sets(sets, root):
    names = [part.partition(":")[0] for part in sets["train"].split(",")]
    with pytest.raises(UserError) as raised:
        opening.moved(joined(**sets), root)
    expected = ",".join(f"{name}:FOLDER" for name in names)
    assert str(raised.value).startswith(f"root: expected {expected} (all of one name, others may be left out")
    assert str(raised.value).endswith(f"; got '{root}'") and f"{names[1]} ('" in str(raised.value)


def run_of(tmp_path, **fields):
    config = small(**fields)
    begun(config, tmp_path / "run")
    return tmp_path / "run", dict(evaluate(tmp_path / "run", progress=False))


def mistake(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, "argv", ["dmljax", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == cli.MISTAKE
    return capsys.readouterr().err


def test_one_set(tmp_path, monkeypatch, capsys):
    folder.write_fixture(str(tmp_path / "set"))
    run, scores = run_of(tmp_path, **{"dataset.name": "folder", "dataset.root": str(tmp_path / "set")})
    moved = (tmp_path / "set").rename(tmp_path / "moved")
    told = (
        f"--root: give the place where the set lies now (the run has it in dataset.root): folder: no manifest"
        f" '{tmp_path}/set/manifest.csv'; write a CSV"
    )
    assert told in mistake(monkeypatch, capsys, "evaluate", "--noprogress", f"--run={run}")
    for command in ("report", "audit"):
        assert told in mistake(monkeypatch, capsys, command, "--noprogress", f"--run={run}")
    assert dict(evaluate(run, root=str(moved), progress=False)) == scores
    assert dict(evaluate(run, root=f"folder:{moved}", progress=False)) == scores
    assert page.write(run, root=str(moved), features=False, progress=False).exists()
    for lost in moved.glob("*.ppm"):
        lost.unlink()
    told = mistake(monkeypatch, capsys, "evaluate", "--noprogress", f"--run={run}", f"--root={moved}")
    assert "--root: give the place" in told and "none of the 37 lines of" in told


@pytest.mark.slow
def test_joined_sets(tmp_path, monkeypatch, capsys):
    rafd.write_fixture(str(tmp_path / "rafd"))
    folder.write_fixture(str(tmp_path / "own"))
    manifest = tmp_path / "own" / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("anger", "angry").replace("joy", "happy"))
    run, scores = run_of(
        tmp_path, **{"dataset.train": f"rafd:{tmp_path}/rafd", "dataset.test": f"folder:{tmp_path}/own"}
    )
    (tmp_path / "own").rename(tmp_path / "mine")
    told = mistake(monkeypatch, capsys, "evaluate", "--noprogress", f"--run={run}")
    assert (
        "--root: give the place where the set lies now, as rafd:FOLDER,folder:FOLDER (the run has it in"
        f" dataset.test): folder: no manifest '{tmp_path}/own/manifest.csv'"
    ) in told
    told = mistake(monkeypatch, capsys, "evaluate", f"--run={run}", f"--root={tmp_path}/mine")
    assert "--root: expected rafd:FOLDER,folder:FOLDER (all of one name, others" in told
    assert dict(evaluate(run, root=f"folder:{tmp_path}/mine", progress=False)) == scores
    (tmp_path / "rafd").rename(tmp_path / "moved")
    told = mistake(monkeypatch, capsys, "evaluate", f"--run={run}", f"--root=folder:{tmp_path}/mine")
    assert "(the run has it in dataset.train): rafd: no folder at" in told
    both = f"rafd:{tmp_path}/moved,folder:{tmp_path}/mine"
    assert dict(evaluate(run, root=both, progress=False)) == scores


def test_a_training_names_the_flag_that_gives_the_set(tmp_path, monkeypatch, capsys):
    more = ("--noprogress", "--config.data.tuples_per_step=8", f"--run={tmp_path}/run")
    asked = lambda *words: mistake(monkeypatch, capsys, *words, *more)
    gone = tmp_path / "gone"
    assert f"train: --config.dataset.root: kdef: no folder at '{gone}'; give the folder with" in asked(
        "train", "--config=kdef", f"--config.dataset.root={gone}"
    )
    assert f"train: --train: rafd: no folder at '{gone}'" in asked("train", f"--train=rafd:{gone}")
    assert f"train: --test: sfew: no folder at '{gone}'" in asked("train", f"--test=sfew:{gone}")
    told = mistake(monkeypatch, capsys, "prepare", "kdef", f"--source={gone}", f"--out={tmp_path}/out")
    assert f"prepare: --source: kdef: no folder at '{gone}'" in told
