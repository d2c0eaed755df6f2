"""A study's record, what it runs, and what it hands to its children: the configuration that was given."""

import json
from pathlib import Path

import pytest

from dmljax import config as configuration
from dmljax import plugins
from dmljax.contracts.finished import finish
from dmljax.runs import resume
from dmljax.studies import compare, engines, members
from dmljax.studies.members import Failure
from dmljax.studies.study import StudyOptions, record, run_missing
from dmljax.types import UserError

TINY = {
    "dataset.synthetic.identities": 5,
    "data.image_size": 24,
    "data.tuples_per_step": 1,
    "backbone.resnet": {"depth": 18, "width": 4, "stages": (1,)},
    "model": {"fused": 8, "embedding": 8, "hidden": 8},
    "train.duration": "2 steps",
}


def planned(base, folder, strategies=("dwa",)):
    return members.of_strategies(base, strategies, (0,), (0,), folder)


def test_the_folder_says_what_it_studies_and_refuses_another(tmp_path):
    base = configuration.get_config("quick", TINY)
    record(tmp_path, base, planned(base, tmp_path))
    told = json.loads((tmp_path / "study.json").read_text())
    assert told["config"]["train"]["duration"] == "2 steps" and told["config"]["data"]["image_size"] == 24
    assert told["members"]["single_pose/seed_0_fold_0"] == {
        "changes": {"weighting.name": "single", "weighting.single.task": "pose"},
        "descriptor": "",
    }
    elsewhere = configuration.changed(
        base, {"dataset.root": "moved", "train.save_every": "1 steps", "seed": 4}
    )
    record(tmp_path, elsewhere, planned(base, tmp_path, ["famo"]))
    assert len(json.loads((tmp_path / "study.json").read_text())["members"]) == 4 + 2  # dwa and famo
    other = configuration.changed(base, {"data.image_size": 32, "weighting.famo.learning_rate": 0.5})
    with pytest.raises(UserError) as error:
        record(tmp_path, other, planned(base, tmp_path))
    assert "data.image_size: 24 there, 32 here" in str(error.value)
    assert "weighting.famo.learning_rate: 0.025 there, 0.5 here" in str(error.value)
    (tmp_path / "study.json").write_text("{")
    with pytest.raises(UserError, match="cannot be read"):
        record(tmp_path, base, [])


def test_members_get_their_configuration_in_a_file(tmp_path, monkeypatch):
    """What a child trains is the given configuration with its changes, whatever the command line says."""
    monkeypatch.setattr("sys.argv", ["something", "--config=cmu_faces", "--config.seed=9"])
    started = []
    monkeypatch.setattr(engines, "processes", lambda found, **_: started.extend(found) or [])
    base = configuration.get_config("quick", TINY)
    one = planned(base, tmp_path)
    finish(one[0], base=base)
    finish(one[1], base=configuration.changed(base, {"losses.link": "softplus"}))
    failures = run_missing(base, one, StudyOptions(tmp_path, progress=False))
    (outdated,) = failures
    assert outdated.member == one[1] and "losses.link: 'softplus' there, 'hinge' here" in outdated.message
    assert started == [one[0], *one[2:]] and not one[0].config_file.exists()
    for member in one[2:]:
        child = configuration.get_config(member.config_file)
        assert child.dataset.synthetic.identities == 5 and child.train.duration == "2 steps"
        assert child.weighting.name == member.changes["weighting.name"]
        assert configuration.trimmed(child) == configuration.trimmed(members.resolved(base, member))


def test_a_configuration_without_the_other_plug_ins_fields_is_completed(tmp_path, monkeypatch):
    """Such as one that was read from a run's folder."""
    monkeypatch.setattr(engines, "processes", lambda found, **_: [Failure(m, "no") for m in found])
    configuration.write(configuration.get_config("quick", TINY), tmp_path / "run" / "config.json")
    base = configuration.read(tmp_path / "run")
    assert "famo" not in base.weighting
    outcome = compare.compare(base, ["famo"], StudyOptions(tmp_path / "study", progress=False))
    assert len(outcome.failures) == 5 and outcome.page is None and outcome.rows == []
    child = configuration.get_config(tmp_path / "study" / "famo" / "seed_0_fold_0.json")
    assert child.weighting.name == "famo" and child.weighting.famo.learning_rate == 0.025


def test_members_find_plug_ins_of_one_s_own(tmp_path, monkeypatch):
    for name in ("_given", "_remembered"):
        monkeypatch.setattr(plugins, name, [])
    monkeypatch.setattr(engines, "processes", lambda found, **_: [])
    base = configuration.get_config()
    (tmp_path / "mine" / "weightings").mkdir(parents=True)
    (tmp_path / "mine" / "weightings" / "record.py").write_text("def build(*, power: float = 1.0): ...")
    plugins.add_folder(tmp_path / "mine")
    compare.compare(base, ["record"], StudyOptions(tmp_path, progress=False))
    monkeypatch.setattr(plugins, "_given", [])  # as in another process
    child = configuration.get_config(tmp_path / "record" / "seed_0_fold_0.json")
    assert child.weighting.record.power == 1.0 and child.plugins == (str(tmp_path / "mine"),)


@pytest.mark.slow
def test_children_train_what_the_given_configuration_says(tmp_path, monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "")
    base = configuration.get_config("quick", TINY)
    outcome = compare.compare(base, ["dwa"], StudyOptions(tmp_path, jobs=2, progress=False))
    assert outcome.failures == [] and outcome.problems == [] and outcome.page.is_file()
    assert {row["label"] for row in outcome.rows} == {
        "equal",
        "rlw",
        "single_expression",
        "single_pose",
        "dwa",
    }
    for row in outcome.rows:
        log = [json.loads(line) for line in Path(row["folder"], "train.jsonl").read_text().splitlines()]
        own = configuration.read(row["folder"])
        assert log[-1]["step"] == 2 and own.data.image_size == 24 and own.backbone.resnet.width == 4


def test_a_study_and_a_run_do_not_share_a_folder(tmp_path):
    base = configuration.get_config("quick", TINY)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match=r"^folder: .* holds a run"):
        run_missing(base, planned(base, tmp_path), StudyOptions(tmp_path, progress=False))
    (tmp_path / "config.json").unlink()
    record(tmp_path, base, planned(base, tmp_path))
    with pytest.raises(UserError, match=r"^run: .* holds a study"):
        resume.check_same(tmp_path, base)


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        (["dwa"], TypeError, r"options must be dmljax.StudyOptions\(folder, ...\); got list"),
        (StudyOptions("a", seeds="0,1"), TypeError, r"seeds must be a tuple such as \(0,\); got '0,1'"),
        (StudyOptions("a", seeds=3), TypeError, r"seeds must be a tuple such as \(0,\); got 3"),
        (StudyOptions("a", jobs=0), UserError, "jobs: must be at least 1; got 0"),
    ],
)
def test_options_that_are_none(options, error, told):
    with pytest.raises(error, match=told):
        compare.compare(configuration.get_config("quick", TINY), ["dwa"], options)
