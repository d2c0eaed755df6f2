"""What every experiment promises, by its file: the paper's items, members that share folders with others,
parts of what there is.
"""

import re

import pytest
from dmljax.configs import brief, sfew

from dmljax import plugins
from dmljax.report import parts
from dmljax.studies import networks as _networks
from dmljax.studies import reproduce as reproduction
from dmljax.studies import results
from dmljax.types import UserError
from tests.finished import finish

NAMES = plugins.names("experiments")


def plan(run, **fields):
    return _networks.Plan(
        brief.get_config(),
        **{"seeds": (0, 1), "folds": (0,), "run": run, "test": "cmu_faces:FOLDER"} | fields,
    )


def test_the_items_are_the_papers():
    assert list(reproduction.items()) == [f"table{k}" for k in range(2, 10)] + [
        f"fig{k}" for k in range(6, 16)
    ]


@pytest.mark.parametrize("name", NAMES)
def test_members(name, tmp_path):
    experiment = plugins.load("experiments", name)
    planned = experiment.members(plan(tmp_path, seeds=(3, 5), folds=(1,)))
    assert {(m.seed, m.fold) for m in planned} == {(3, 1), (5, 1)} and len(
        {m.folder for m in planned}
    ) == len(planned)
    for member in planned:
        assert (
            member.folder.is_relative_to(tmp_path / "runs")
            and f"--config.seed={member.seed}" in member.arguments
        )
        assert [a for a in member.arguments if not re.fullmatch(r"--config\.[a-z._0-9]+=.*", a)] == []
        if name != "cross":  # the same network is the same folder in all experiments
            assert member.folder == tmp_path / "runs" / member.label / f"seed_{member.seed}_fold_1"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("there", ["all", "one seed", "one run"])
def test_what_there_is_is_shown(name, there, tmp_path):
    experiment = plugins.load("experiments", name)
    planned = experiment.members(plan(tmp_path))
    for k, member in enumerate(planned):
        if there == "all" or (there == "one seed" and member.seed == 0) or k == len(planned) - 1:
            finish(member, right=12 + member.seed)
    rows, lost = results.read(planned)
    shown = experiment.show([row | {"frames_s": None} for row in rows], tmp_path)
    assert (
        lost == []
        and len(rows) == {"all": len(planned), "one seed": len(planned) // 2 + 1, "one run": 1}[there]
    )
    assert any(isinstance(p, parts.Table) for p in shown) or name == "confusions"
    assert there == "one run" or any(isinstance(p, parts.Finding) for p in shown)
    for part in shown:
        if isinstance(part, parts.Table):
            assert len({len(line) for line in part.lines}) == 1 and all(
                isinstance(c, str) and "nan" not in c for line in part.lines for c in line
            )
        elif isinstance(part, parts.Picture):
            assert part.path.is_file() and part.path.parent == tmp_path
        else:
            assert "nan" not in part.text and part.text.strip()[-1] in ".", part.text
    assert parts.terminal(shown) and parts.markdown(shown, tmp_path) and all(parts.html(shown))


@pytest.mark.parametrize("name", ["ablation", "triplets", "clusters", "dynamics"])
def test_a_configuration_without_the_parts_is_refused(name, tmp_path):
    with pytest.raises(UserError, match="takes parts of the whole method away"):
        plugins.load("experiments", name).members(plan(tmp_path)._replace(config=sfew.get_config()))


def test_nobody_shows_an_expression_twice(tmp_path, monkeypatch):
    clusters = plugins.load("experiments", "clusters")
    planned = clusters.members(plan(tmp_path))
    for member in planned:
        finish(member)
    monkeypatch.setattr(clusters, "_groups", lambda labels: {})
    (told,) = clusters.show(results.read(planned)[0], tmp_path)
    assert told.lost and "there are no clusters" in told.text
