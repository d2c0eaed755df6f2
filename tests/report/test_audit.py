"""The audit's files: what is written is read back as numbers, and shown on a run's page."""

from typing import NamedTuple

import numpy as np
import pytest

from dmljax.report import audit, probes, run_page
from dmljax.types import UserError


class Features(NamedTuple):
    spaces: dict
    labels: dict
    names: dict
    dataset: str = "made"
    step: int = 7


@pytest.fixture
def features(rng):
    labels = {name: rng.integers(0, 3, 60) for name in ("expression", "identity")}
    labels["pose"] = np.full(60, -1)
    spaces = {name: rng.standard_normal((60, 4)).astype(np.float32) for name in ("f2", "embedding")}
    return Features(spaces, labels, {name: ("a", "b", "c") for name in labels})


def test_rows_are_read_back_and_shown(features, tmp_path):
    name = "a | b"  # the table's own mark, in a name
    rows = audit.write(tmp_path / "audit", {name: features}, maps=False)
    again = audit.read(tmp_path / "audit")
    assert again == rows and {row["label"] for row in rows} == {"expression", "identity"}
    table = audit.table(again)
    assert table == audit.table(rows) and [line[:4] for line in table[1:]] == [
        (name, "embedding", "expression", "60"),
        (name, "f2", "expression", "60"),
        (name, "embedding", "identity", "60"),
        (name, "f2", "identity", "60"),
    ]
    assert probes.NOTE in (tmp_path / "audit" / "audit.md").read_text()
    assert len(audit.terminal(rows).splitlines()) == 5
    (tmp_path / "audit" / "audit.md").unlink()  # the page reads the data
    pieces = "".join(run_page._features(tmp_path / "audit"))
    assert pieces.count("<tr>") == 5 and name in pieces


@pytest.mark.parametrize("content", ["", "run,space\na,f2\n", "run,space,label,images\na,f2,pose,many\n"])
def test_a_broken_file_is_said(tmp_path, content):
    (tmp_path / audit.FILE).write_text(content)
    if content:
        with pytest.raises(UserError, match="cannot be read"):
            audit.read(tmp_path)
    shown = "".join(run_page._features(tmp_path))
    assert "cannot be read" in shown if content else "<table" in shown


def test_no_audit_no_section(tmp_path):
    assert run_page._features(tmp_path) == []
