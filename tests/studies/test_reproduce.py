"""Reproducing from finished runs: what is broken, mixed or missing is on the page, and nothing is trained."""

import re

import pytest
from dmljax.configs import brief, sfew

from dmljax import config as configuration
from dmljax.contracts.finished import finish
from dmljax.report import parts
from dmljax.studies import engines, networks, published
from dmljax.studies import reproduce as reproduction
from dmljax.studies.members import Failure
from dmljax.studies.study import StudyOptions
from dmljax.types import UserError


@pytest.fixture
def options(tmp_path, monkeypatch):
    def broken(members, *, jobs, progress):
        return [Failure(member, "it broke") for member in members if not member.finished]

    monkeypatch.setattr(engines, "processes", broken)  # a training that always fails
    return StudyOptions(tmp_path, (0, 1), (0,), progress=False)


def finished(options, *, test=""):
    request = networks.Request(brief.get_config(), options.seeds, options.folds, options.folder, test)
    planned = reproduction._once(
        [m for s in reproduction._sections("all", request) for m in s.members], options.seeds
    )
    for member in planned:
        finish(member, 10 + member.seed)
    (options.folder / "frames_per_second.json").write_text(
        '{"one_resnet": 10, "mfe": 9, "hpe": 8, "jefl": 7, "dynamic": 6}'
    )
    return planned


def published_titles():
    found = [part for item in reproduction.items() for part in published.shown(item)]
    return [part.title for part in found if isinstance(part, parts.Table)]


def test_everything_from_finished_runs(options, capsys):
    planned = finished(options, test="cmu_faces:F")
    outcome = reproduction.reproduce("all", brief.get_config(), options, test="cmu_faces:F")
    assert outcome.problems == [] and outcome.page == options.folder / "all.html"
    assert len(outcome.rows) == len({row["folder"] for row in outcome.rows}) == len(planned)
    text, page = (options.folder / "all.md").read_text(), (options.folder / "all.html").read_text()
    for title in (
        "Tables 2 and 5. Comparison",
        "Table 3. ",
        "Tables 4, 6 and 7. Accuracy",
        "Table 8. Ablation",
        "Table 9. ",
        "Figures 6, 7, 8 and 9. ",
        "Figure 15. ",
    ):
        assert f"## {title}" in text and title in page
    assert (
        page.count("data:image/png;base64,") == text.count(".png)") == 7
        and "http" not in page
        and "class=lost" not in page
    )
    assert (
        "18 of 18 runs" in text
        and "rendered faces" in text
        and page.index("In short") < page.index("<table>")
    )
    for title in published_titles():
        assert f"### {title}" in text and title in page
    lines = (options.folder / "all.csv").read_text().splitlines()
    assert sum("G. Huang 2017 [33]" in line for line in lines) == 3
    below = lines[lines.index('"Published: Table 7, methods by expression; SFEW"') + 1 :]
    assert below[0].startswith("method,whose,AN,") and below[0].endswith("average,here: expression %")
    assert re.fullmatch(r"DML-Net,the paper,67\.5,8\.7,8\.5,.*,54\.39,52\.5 \(37\.5 to 67\.1\)", below[9])
    assert "trained on rendered faces" in text and capsys.readouterr().out == ""  # values, no prints


def test_broken_mixed_and_missing_runs_are_told(options):
    planned = finished(options)
    by = {(m.label, m.seed): m.folder for m in planned}
    (by["densenet", 0] / "evaluation" / "metrics.json").write_text("{")
    (by["island", 1] / "versions.json").unlink()
    (by["tuplet", 0] / "evaluation" / "metrics.json").write_text("{}")
    (by["mpcnn", 1] / "cost.json").unlink()
    finish(
        next(m for m in planned if (m.label, m.seed) == ("iacnn", 1)),
        versions={"jax": "0.9", "device": "cpu"},
    )
    longer = configuration.get_config("brief", {"train.duration": "3 epochs"})
    finish(next(m for m in planned if (m.label, m.seed) == ("lbp_svm", 1)), base=longer)
    outcome = reproduction.reproduce("all", brief.get_config(), options)
    assert [f.member.folder for f in outcome.failures] == [by["lbp_svm", 1], by["mpcnn", 1]]
    assert {f.member.folder for f in outcome.unreadable} == {
        by["densenet", 0],
        by["island", 1],
        by["tuplet", 0],
    }
    text, page = (options.folder / "all.md").read_text(), (options.folder / "all.html").read_text()
    assert text.count("cannot be read") >= 3 and "delete the folder and it is run again" in text
    assert (
        f"failed: {by['mpcnn', 1]}: it broke" in text
        and "jax 0.10 and 0.9" in text
        and "train.duration: '3 epochs' there, '10 epochs' here" in text
    )
    assert (
        "Not done: test: table9 trains on one set and tests on another: give the other as name:folder" in text
    )
    assert "13 of 18 runs" in text and page.count("class=lost") >= 6
    assert f"failed: {by['mpcnn', 1]}: it broke" in outcome.problems
    # a section tells of its own members alone
    assert "it broke" not in text[text.index("## Table 8") : text.index("## Table 9")]


def test_features_that_are_gone_do_not_take_the_rest_away(options):
    planned = finished(options)
    for member in planned:
        if member.label == "jefl":
            (member.folder / "evaluation" / "features.npz").unlink()
    outcome = reproduction.reproduce("all", brief.get_config(), options)
    assert outcome.failures == [] and len(outcome.unreadable) == 2
    text = (options.folder / "all.md").read_text()
    assert (
        text.count("it has no evaluation/features.npz") == 2 * 4
        and "8 of 8 runs" not in text
        and "6 of 8 runs" in text
    )
    assert (
        "## Table 8. Ablation" in text
        and "| identity | no triplets | 2 |" in text
        and "| identity | both triplets |" not in text
    )
    for member in planned:
        (member.folder / "evaluation" / "features.npz").write_bytes(b"broken")
    assert reproduction.reproduce("fig14", brief.get_config(), options).failures == []
    assert "cannot be shown: " in (options.folder / "fig14.md").read_text()


def test_one_item_is_its_own_page_and_nothing_finished_is_said(options):
    outcome = reproduction.reproduce("fig15", brief.get_config(), options)
    assert len(outcome.failures) == 4 and outcome.rows == []
    page = (options.folder / "fig15.html").read_text()
    assert (
        "<title>Figure 15. The three losses" in page
        and "Not a single run is finished and can be read" in page
        and "it broke" in page
    )


def test_mistakes(options):
    with pytest.raises(
        UserError, match="no item 'table88'; there are table2, .* and all. Did you mean 'table8'"
    ):
        reproduction.reproduce("table88", brief.get_config(), options)
    with pytest.raises(UserError, match="takes parts of the whole method away"):
        reproduction.reproduce("table8", sfew.get_config(), options)
    with pytest.raises(UserError, match="folds: must be different whole numbers"):
        reproduction.reproduce("table8", brief.get_config(), options._replace(folds=(9,)))
    with pytest.raises(UserError, match="Did you mean 'cmu_faces'"):
        reproduction.reproduce("table9", brief.get_config(), options, test="cmu_facs:/nowhere")
    with pytest.raises(UserError, match="^test: table9 .* give the other as name:folder"):
        reproduction.reproduce("table9", brief.get_config(), options)
