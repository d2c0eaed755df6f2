"""Programs that compare variants of the method: their runs can be made, and their table is right."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from dmljax import config as configuration
from dmljax import fields
from dmljax.contracts.finished import finish
from dmljax.studies import members, results
from dmljax.types import UserError

FOLDER = Path(__file__).parents[1] / "benchmarks" / "studies"
PROGRAM = FOLDER / "parts.py"


@pytest.fixture(scope="module")
def programs():
    """The modules of the folder by name, as its programs see them."""
    names = ("variants", "parts", "decisions")
    sys.path.insert(0, str(FOLDER))
    yield {name: importlib.import_module(name) for name in names}
    sys.path.remove(str(FOLDER))
    for name in names:
        del sys.modules[name]


@pytest.fixture
def parts(programs):
    return programs["parts"]


@pytest.mark.parametrize(("name", "conditions"), [("parts", 11), ("decisions", 1)])
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
