"""A run's folder: whose files it holds, and how they are read; and files that are written whole."""

import json
import os

import pytest

from dmljax import run_folder, writing
from dmljax.types import UserError


def test_files_that_are_no_runs_are_not_overwritten(tmp_path):
    run_folder.check_free(tmp_path / "new")
    (tmp_path / "notes.txt").write_text("mine")
    run_folder.check_free(tmp_path)
    for name in run_folder.OWN:
        (tmp_path / name).write_text("mine")
        with pytest.raises(UserError, match=f"holds {name}, which a run would overwrite"):
            run_folder.check_free(tmp_path)
        (tmp_path / name).unlink()
    (tmp_path / run_folder.LOG).write_text("")
    (tmp_path / run_folder.CONFIG).write_text("{}")  # a run's
    run_folder.check_free(tmp_path)


@pytest.mark.parametrize("name", ["", " "])
def test_a_folder_without_a_name_is_refused(name):
    with pytest.raises(UserError, match="name is empty"):
        run_folder.named(name)


def test_home_is_not_a_folder_named_tilde(monkeypatch):
    monkeypatch.setenv("HOME", "/somewhere")
    assert str(run_folder.named("~/runs/a")) == "/somewhere/runs/a"
    assert str(run_folder.named("runs/~a")) == "runs/~a"


def test_of_several_runs_those_that_are_none_are_named_together(tmp_path):
    for run in ("a", "b/fold_0", "b/fold_1"):
        (tmp_path / run).mkdir(parents=True)
        (tmp_path / run / "config.json").write_text("{}")
    a, b, none, nope = (tmp_path / name for name in ("a", "b", "none", "nope"))
    assert run_folder.check_trained([str(a), b]) == [a, b]
    for runs, said in (
        ([a, none], f"run: '{none}' is no run folder: "),
        ([none, b, nope], f"run: {none}, {nope} are no run folders: "),
        ([a, b, str(a)], f"run: '{a}' is named twice"),
    ):
        with pytest.raises(UserError) as raised:
            run_folder.check_trained(runs)
        assert str(raised.value).startswith(said)


def test_folds_in_order(tmp_path):
    assert run_folder.parts(tmp_path) == [tmp_path]
    for k in (10, 2, 0):
        (tmp_path / f"fold_{k}").mkdir()
    assert [path.name for path in run_folder.parts(tmp_path)] == ["fold_0", "fold_2", "fold_10"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "Expecting value"),
        (b"[1]", "it must hold a JSON object, and holds a list"),
        (b'{"a": 1', "Expecting ',' delimiter"),
        (b"\xff\xfe{}", "can't decode"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply"),
        (None, "No such file"),
    ],
)
def test_a_damaged_file_is_one_line(tmp_path, content, said):
    path = tmp_path / "config.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=f"'{path}' cannot be read: .*{said}") as raised:
        run_folder.read(path)
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 300


def test_a_log_cut_by_a_kill_is_read_and_a_damaged_one_is_told(tmp_path):
    steps = [{"step": 1, "loss/total": 2.0}, {"step": 2, "loss/total": 1.5}]
    lines = [steps[0], {"step": 1, "validation/loss": 1.0}, steps[1]]
    assert run_folder.log(tmp_path) == []
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"step": 3, "loss/to')
    assert run_folder.log(tmp_path) == lines
    assert run_folder.steps(tmp_path) == steps
    path.write_text('{"step": 1}\n7\n{"step": 2}\n')
    with pytest.raises(UserError, match="line 2, cannot be read: it must be a JSON object with"):
        run_folder.log(tmp_path)


def test_a_file_is_whole_or_what_it_was(tmp_path):
    path = tmp_path / "a.json"
    writing.as_json(path, {"é": 1})
    with pytest.raises(ValueError), writing.whole(path) as part:
        part.write_text("half")
        part.read_text().index("whole")
    assert json.loads(path.read_text(encoding="utf-8")) == {"é": 1} and os.listdir(tmp_path) == ["a.json"]
    with pytest.raises(OSError, match="a.json"), writing.whole(path):
        raise OSError(28, "No space left on device")  # which names no file
    with writing.whole(path) as part:
        part.write_text("whole")
        assert part.match(writing.PARTS)
    assert path.read_text() == "whole" and os.listdir(tmp_path) == ["a.json"]


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(UserError, match="^run: .*a' is a file; give the name of a folder"):
        run_folder.named(tmp_path / "a")
