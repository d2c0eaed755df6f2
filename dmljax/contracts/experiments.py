"""What every experiment keeps: members that share folders with other experiments, and parts of what there is.

Tests take a fixture `plugin`, the experiment's module. The runs are folders as finished trainings leave them,
made from chosen counts (`finished`); nothing is trained.
"""

import pytest

from dmljax.configs import brief
from dmljax.contracts.finished import finish
from dmljax.fields import flatten
from dmljax.report import parts
from dmljax.studies import members, networks, results

THERE = ("all", "one seed", "one run")


def request_for(folder, **fields):
    """A request of two seeds and one fold on the brief configuration."""
    return networks.Request(
        brief.get_config(),
        **{"seeds": (0, 1), "folds": (0,), "folder": folder, "test": "cmu_faces:FOLDER"} | fields,
    )


def test_members(plugin, tmp_path):
    planned = plugin.members(request_for(tmp_path, seeds=(3, 5), folds=(1,)))
    assert {(m.seed, m.fold) for m in planned} == {(3, 1), (5, 1)}, "members of other seeds or folds"
    assert len({m.folder for m in planned}) == len(planned), "two members have the same folder"
    for member in planned:
        assert member.folder.is_relative_to(tmp_path / "runs")
        made = members.resolved(brief.get_config(), member)  # every change is a field, of the right type
        assert (made.seed, made.split.fold) == (member.seed, 1), "it changes seed or fold"
        for field, value in member.changes.items():
            assert flatten(made.to_dict())[field] == value, field
        # the same network is the same folder in all experiments
        if "dataset.test" not in member.changes:
            assert member.folder == tmp_path / "runs" / member.label / f"seed_{member.seed}_fold_1"


def test_the_title_is_one_line_without_a_stop(plugin):
    title = plugin.TITLE
    assert title[0].isupper() and title[-1] != "." and "\n" not in title, title


def finished(plugin, folder, there):
    """Rows where all runs are finished, those of one seed and the last, or the last alone."""
    planned = plugin.members(request_for(folder))
    for k, member in enumerate(planned):
        if there == "all" or (there == "one seed" and member.seed == 0) or k == len(planned) - 1:
            finish(member, right=12 + member.seed)
    rows, lost = results.read(planned)
    assert lost == []
    expected = {"all": len(planned), "one seed": len(planned) // 2 + 1, "one run": 1}
    assert len(rows) == expected[there]
    return [row | {"frames_s": None} for row in rows]


def shown(plugin, folder, there):
    """What it shows of these rows."""
    return plugin.show(finished(plugin, folder, there), folder)


@pytest.mark.parametrize("there", THERE)
def test_what_there_is_is_shown(plugin, there, tmp_path):
    found = shown(plugin, tmp_path, there)
    assert any(isinstance(p, parts.Table | parts.Picture) for p in found), "neither a table nor a picture"
    assert there == "one run" or any(isinstance(p, parts.Finding) for p in found), "no Finding"
    for part in found:
        if isinstance(part, parts.Table):
            assert len({len(line) for line in part.lines}) == 1, "a table's lines have different lengths"
            cells = [cell for line in part.lines for cell in line]
            assert all(isinstance(c, str) and "nan" not in c for c in cells), cells
        elif isinstance(part, parts.Picture):
            assert part.path.is_file() and part.path.parent == tmp_path
        else:
            assert "nan" not in part.text and part.text.strip()[-1] in ".", part.text
    assert parts.terminal(found) and parts.markdown(found, tmp_path) and all(parts.html(found))


@pytest.mark.parametrize("there", THERE)
def test_the_column_beside_published_tables(plugin, there, tmp_path):
    if not hasattr(plugin, "beside"):
        pytest.skip("it has no beside")
    rows = finished(plugin, tmp_path, there)
    for item in plugin.ITEMS:
        here = plugin.beside(rows, item)
        assert here.header.startswith("here: ") and here.cells, "neither a header nor a cell"
        cells = here.cells.values()
        assert all(isinstance(cell, str) and cell and "nan" not in cell for cell in cells), here.cells
