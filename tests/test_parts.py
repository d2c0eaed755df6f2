"""The program that takes parts of the method away: its runs can be made, and its table is right."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from dmljax import config as configuration
from dmljax.contracts.finished import finish
from dmljax.studies import members, results
from dmljax.types import UserError

PROGRAM = Path(__file__).parents[1] / "benchmarks" / "studies" / "parts.py"


@pytest.fixture(scope="module")
def parts():
    spec = importlib.util.spec_from_file_location("parts", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    sys.modules["parts"] = module  # named tuples with annotations that are texts look here
    spec.loader.exec_module(module)
    yield module
    del sys.modules["parts"]


def test_every_run_is_a_configuration_of_its_own_with_the_same_test_people(parts, tmp_path):
    base = configuration.changed(
        configuration.get_config("quick"), {"split.kind": "list", "split.file": str(parts.TEST)}
    )
    planned = parts.planned(list(parts.CONDITIONS), [0, 1], tmp_path)
    assert len(planned) == len({member.folder for member in planned}) == 2 * 11 * len(parts.PARTS)
    made = {str(sorted(member.changes.items())) for member in planned if member.seed == 0}
    assert len(made) == len(planned) // 2, "two of the runs are the same"
    tested = parts.TEST.read_text().split()
    assert tested == [f"rendered{k:03d}" for k in range(100)]
    for member in planned:
        config = members.resolved(base, member)
        configuration.check(config)
        people = int(member.label.split()[0])
        assert config.dataset.synthetic.identities == people + len(tested)
        assert (config.split.shown > 0) == ("correlation" in member.label)


def test_the_table_says_what_is_lost_without_a_part(parts, tmp_path):
    condition = next(iter(parts.CONDITIONS))
    planned = parts.planned([condition], [0, 1], tmp_path)
    for member in planned:
        finish(member, right=12 if member.label.endswith(parts.WHOLE) else 9)
    rows, unreadable = results.read(planned)
    assert not unreadable
    header, *lines = parts.table([condition], rows)
    assert [line[1] for line in lines] == list(parts.PARTS) and {line[2] for line in lines} == {"2"}
    at = header.index("difference, points")
    assert lines[0][3] == "60.0" and lines[0][at] == "-"
    assert {line[3] for line in lines[1:]} == {"45.0"} and {line[at] for line in lines[1:]} == {"-15.0"}


def test_an_unknown_condition(parts):
    values = parts.flags.FlagValues()
    parts.define(values)
    values(["parts", "--conditions=10 people, difficulty 0.4"])
    with pytest.raises(UserError, match="must be of: 10 people.*; got '10 people, difficulty 0.4'"):
        parts.run(values)


@pytest.mark.parametrize("seeds", ["-1", "", "a"])
def test_seeds_that_are_none(seeds, tmp_path):
    flags = [f"--seeds={seeds}", f"--run={tmp_path / 'runs'}"]
    done = subprocess.run([sys.executable, PROGRAM, *flags], capture_output=True, text=True)
    assert done.returncode == 2 and "--seeds: must be" in done.stderr and len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "runs").exists()
