"""Programs that compare variants of the method: their runs can be made, and their table is right."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dmljax import config as configuration
from dmljax import fields, run_folder
from dmljax.contracts.finished import finish
from dmljax.report import differences
from dmljax.studies import measures, members, results
from dmljax.types import UserError

FOLDER = Path(__file__).parents[1] / "benchmarks" / "studies"
PROGRAM = FOLDER / "parts.py"


@pytest.fixture(scope="module")
def programs():
    """The modules of the folder by name, as its programs see them."""
    names = ("kept", "variants", "parts", "decisions", "counterexamples", "shortcuts")
    sys.path.insert(0, str(FOLDER))
    yield {name: importlib.import_module(name) for name in names}
    sys.path.remove(str(FOLDER))
    for name in names:
        del sys.modules[name]


@pytest.fixture
def parts(programs):
    return programs["parts"]


@pytest.mark.parametrize(("name", "conditions"), [("parts", 11), ("decisions", 1), ("counterexamples", 1)])
def test_every_run_is_a_configuration_of_its_own_with_the_same_test_people(
    programs, tmp_path, name, conditions
):
    test, compared = programs["variants"].TEST, programs[name].COMPARED
    base = configuration.changed(
        configuration.get_config("quick"), {"split.kind": "list", "split.file": str(test)}
    )
    planned = compared.planned([0, 1], tmp_path)
    assert len(planned) == len({member.folder for member in planned})
    assert len(planned) == 2 * conditions * len(compared.methods)
    made = {str(sorted(member.changes.items())) for member in planned if member.seed == 0}
    assert len(made) == len(planned) // 2, "two of the runs are the same"
    tested = test.read_text().split()
    assert tested == [f"rendered{k:03d}" for k in range(100)]
    for member in planned:
        config = members.resolved(base, member)
        configuration.check(config)
        people = int(member.label.split()[0])
        assert config.dataset.synthetic.identities == people + len(tested)
        assert (config.split.shown > 0) == ("correlation" in member.label)


def test_the_table_says_what_is_lost_without_a_part(parts, tmp_path):
    condition = next(iter(parts.COMPARED.conditions))
    compared = parts.COMPARED.among([condition])
    planned = compared.planned([0, 1], tmp_path)
    for member in planned:
        finish(member, right=12 if member.label.endswith(parts.WHOLE) else 9)
    rows, unreadable = results.read(planned)
    assert not unreadable
    header, *lines = compared.table(rows)
    assert [line[1] for line in lines] == list(parts.PARTS) and {line[2] for line in lines} == {"2"}
    at = header.index("difference, points")
    assert lines[0][3] == "60.0" and lines[0][at] == "-"
    assert {line[3] for line in lines[1:]} == {"45.0"} and {line[at] for line in lines[1:]} == {"-15.0"}
    names, told = compared.map(rows)
    assert names[1:] == list(parts.PARTS) and told[:2] == [condition, "60.0 (58.5 to 61.5)"]
    shown = float(lines[1][-1].replace("< ", "")) < 0.05
    assert told[2] == " ".join(["-15.0", lines[1][at + 1], *(["✓"] if shown else [])])


@pytest.fixture
def planned(parts, tmp_path):
    """Two finished members of one seed, the second without a head for poses."""
    condition = next(iter(parts.COMPARED.conditions))
    whole, _, headless, *_ = parts.COMPARED.among([condition]).planned([0], tmp_path / "runs")
    assert not headless.changes["model.pose_head"]
    finish(whole, right=12)
    finish(headless, right=9)
    path = headless.folder / run_folder.EVALUATION / run_folder.METRICS
    content = json.loads(path.read_text())
    del content["scores"]["pose accuracy"]
    path.write_text(json.dumps(content))
    return [whole, headless]


def test_what_was_made_elsewhere_is_not_made_again(programs, planned, tmp_path):
    config = configuration.get_config("quick")
    kept, path = programs["kept"].Kept, tmp_path / "results" / "parts.jsonl"
    there = kept(path, config, planned)
    assert there.missing(planned) == planned and there.of(planned) == []
    rows, _ = results.read(planned[1:])
    there.add(rows)
    again = kept(path, config, planned)
    assert again.missing(planned) == planned[:1]
    (row,) = again.of(planned)
    both = {"label", "seed", "fold", "people", "expression accuracy"}
    assert {key: row[key] for key in both} == json.loads(json.dumps({key: rows[0][key] for key in both}))
    again.add(results.read(planned[:1])[0])
    assert len(path.read_text().splitlines()) == 2 and kept(path, config, planned).missing(planned) == []


def test_results_tell_differences_as_the_runs_themselves_do(programs, planned, tmp_path):
    config, labels = configuration.get_config("quick"), [member.label for member in planned]
    rows, _ = results.read(planned)
    there = programs["kept"].Kept(tmp_path / "parts.jsonl", config, planned)
    there.add(rows)
    read = programs["kept"].Kept(tmp_path / "parts.jsonl", config, planned).of(planned)
    found = [measures.difference(each, *labels) for each in (rows, read)]
    assert found[0] == found[1] and found[0].unit == "people" and found[0].p < 1


def test_results_of_another_configuration_are_refused(programs, planned, tmp_path):
    config, path = configuration.get_config("quick"), tmp_path / "parts.jsonl"
    programs["kept"].Kept(path, config, planned).add(results.read(planned)[0])
    other = configuration.changed(config, {"optimizer.learning_rate": 0.001})
    with pytest.raises(UserError, match=r"seed 0, of another configuration \(optimizer.learning_rate\)"):
        programs["kept"].Kept(path, other, planned)
    with pytest.raises(UserError, match=r"of another configuration \(.*dataset.test\)"):
        programs["kept"].Kept(path, configuration.changed(config, {"dataset.test": "kdef:F"}), planned)
    elsewhere = configuration.changed(config, {"dataset.root": "elsewhere", "train.log_every": "7 steps"})
    assert len(programs["kept"].Kept(path, elsewhere, planned).of(planned)) == 2


@pytest.mark.parametrize("content", ["[]\n", "{}\n", "no json\n"])
def test_a_file_that_holds_no_results(programs, planned, tmp_path, content):
    path = tmp_path / "parts.jsonl"
    path.write_text(content)
    with pytest.raises(UserError, match="is no file of results"):
        programs["kept"].Kept(path, configuration.get_config("quick"), planned)
    assert path.read_text() == content


def test_an_unknown_condition(parts):
    with pytest.raises(UserError, match="must be of: 10 people.*; got '10 people, difficulty 0.4'"):
        parts.COMPARED.among(["10 people, difficulty 0.4"])


@pytest.mark.parametrize("seeds", ["-1", "", "a"])
def test_seeds_that_are_none(seeds, tmp_path):
    flags = [f"--seeds={seeds}", f"--run={tmp_path / 'runs'}"]
    done = subprocess.run([sys.executable, PROGRAM, *flags], capture_output=True, text=True)
    assert done.returncode == 2 and "--seeds: must be" in done.stderr and len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "runs").exists()


def test_each_decision_is_taken_otherwise_than_the_quick_configuration_does(programs):
    flat = fields.flatten(configuration.get_config("quick").to_dict())
    as_it_is, *others = programs["decisions"].METHODS.items()
    assert as_it_is == ("as it is", {})
    for name, changes in others:
        assert changes and all(flat[field] != value for field, value in changes.items()), name


def test_what_is_shown_has_a_tick(programs):
    ticked = programs["variants"]._ticked
    one = differences.Difference(0.031, 0.012, 0.02, "people", 3)
    assert ticked(one) == "+3.1 ± 1.2 ✓" and ticked(one._replace(p=0.05)) == "+3.1 ± 1.2"
    assert ticked(None) == "-"


def test_errors_that_go_by_the_pose(programs):
    """Five expressions, three poses: 0 and 3 go with pose 0, 1 and 4 with pose 1, 2 with pose 2."""
    expression, pose = np.array([0, 1, 1, 2, 2, 4]), np.array([0, 1, 0, 0, 1, 2])
    predicted = np.array([0, 2, 3, 2, 3, 2])
    # at their own pose: the first two, one right; at others: the fourth right, the third and the last lured
    found = programs["shortcuts"].told(expression, predicted, pose, np.array([0, 1, 2, 0, 1]))
    assert found == pytest.approx((1 / 2, 1 / 4, 2 / 3, (2 + 2 + 1) / 3 / 4))


def test_the_table_of_shortcuts(programs, tmp_path):
    shortcuts, parts = programs["shortcuts"], programs["parts"]
    assert shortcuts.rows(tmp_path, [0, 1]) == []
    (one,) = [
        member
        for member in parts.COMPARED.planned([1], tmp_path)
        if member.label == f"{parts.CONDITIONS[-1]}: {parts.WHOLE}"
    ]
    finish(one, right=12)
    names = run_folder.metrics(one.folder)["names"]
    of_run = {"expression_names": names["expression"], "pose_names": names["pose"]}
    (one.folder / run_folder.CLASSES).write_text(json.dumps(of_run))
    assert shortcuts.rows(tmp_path, [0]) == []
    (row,) = shortcuts.rows(tmp_path, [0, 1])
    assert (row["correlation"], row["what"], row["seed"]) == (0.9, parts.WHOLE, 1)
    header, line = shortcuts.table([row, row | {"seed": 2, "lured": float("nan")}])
    assert header == shortcuts.HEADER and line[2] == "2" and line[5] == f"{100 * row['lured']:.1f}"
    _, line = shortcuts.table([row])
    assert line[:3] == ["0.9", parts.WHOLE, "1"] and all(0 <= float(cell) <= 100 for cell in line[3:])
