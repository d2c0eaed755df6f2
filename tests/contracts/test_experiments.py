"""Every experiment of the package keeps the contract: the paper's tables and figures, and our own."""

import pytest
from dmljax.configs import sfew

from dmljax import plugins
from dmljax.contracts.experiments import *  # noqa: F403
from dmljax.contracts.experiments import request_for, shown
from dmljax.contracts.finished import finish
from dmljax.report import parts
from dmljax.studies import reproduce, results
from dmljax.types import UserError

NAMES = plugins.names("experiments")


@pytest.fixture(params=NAMES)
def plugin(request):
    return plugins.load("experiments", request.param)


def test_the_items_are_the_papers_and_ours():
    papers = [f"table{k}" for k in range(2, 10)] + [f"fig{k}" for k in range(6, 16)]
    assert list(reproduce.items()) == [*papers, "heads"]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "confusions"])
def test_all_but_the_confusions_show_a_table(name, tmp_path):
    found = shown(plugins.load("experiments", name), tmp_path, "one run")
    assert any(isinstance(p, parts.Table) for p in found)


@pytest.mark.parametrize("name", ["ablation", "triplets", "clusters", "dynamics", "heads"])
def test_a_configuration_without_the_parts_is_refused(name, tmp_path):
    with pytest.raises(UserError, match="takes parts of the whole method away"):
        plugins.load("experiments", name).members(request_for(tmp_path)._replace(config=sfew.get_config()))


def test_nobody_shows_an_expression_twice(tmp_path, monkeypatch):
    clusters = plugins.load("experiments", "clusters")
    planned = clusters.members(request_for(tmp_path))
    for member in planned:
        finish(member)
    monkeypatch.setattr(clusters, "_groups", lambda labels: {})
    (told,) = clusters.show(results.read(planned)[0], tmp_path)
    assert told.lost and "there are no clusters" in told.text
