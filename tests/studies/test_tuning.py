"""What is tuned before a comparison: whose fields, on whom, how often; trainings are played by a function."""

import json

import pytest

import dmljax
from dmljax import Tuning, get_config
from dmljax.contracts.finished import finish
from dmljax.experiments import ablation
from dmljax.studies import compare, members, networks, reproduce, tuning
from dmljax.studies.members import Failure
from dmljax.types import UserError
from tests.studies import playing
from tests.studies.playing import MARGIN, RATE, Played, options

pytestmark = pytest.mark.usefixtures("played")


@pytest.fixture
def made(monkeypatch):
    """The members that a comparison would run, by label, seed and fold."""
    found = {}

    def run_missing(config, planned, options):
        found.update({(m.label, m.seed, m.fold): m for m in planned})
        return [Failure(member, "not made here") for member in planned]

    monkeypatch.setattr(compare, "run_missing", run_missing)
    return found


@pytest.fixture
def finished(tmp_path, monkeypatch):
    """The members of a reproduction, all of which are finished at once."""
    found = []

    def finish_all(config, planned, options):
        found.extend(planned)
        for member in planned:
            finish(member, 10 + member.seed)
        return []

    monkeypatch.setattr(reproduce, "run_missing", finish_all)
    (tmp_path / "frames_per_second.json").write_text(json.dumps(dict.fromkeys(ablation.ROWS, 9)))
    return found


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_each_run_of_a_comparison_is_tuned_on_its_own_training_side(tmp_path, made):
    over, runs = [f"{MARGIN}=0.1..0.9"], options(tmp_path, seeds=(0, 1), folds=(2,))
    dmljax.compare(get_config("quick"), ["famo"], runs, Tuning(over, trials=5))
    assert {label for label, _, _ in made} == {"equal", "rlw", "single_expression", "single_pose", "famo"}
    for (label, seed, fold), member in made.items():
        sweep_folder = tmp_path / label / f"sweep_seed_{seed}_fold_{fold}"
        best = get_config(sweep_folder / "best.json")
        assert member.changes[MARGIN] == best.losses.margin_pose
        assert member.changes["weighting.name"] == best.weighting.name
        trial = get_config(sweep_folder / "trial_0" / f"seed_{seed}_fold_{fold}.json")
        assert (trial.seed, trial.split.fold, trial.split.validation) == (seed, fold, 0.2)
        assert trial.losses.margin_pose == get_config("quick").losses.margin_pose, "first: as it is"
    assert len({member.changes[MARGIN] for member in made.values()}) > 1


@pytest.mark.filterwarnings("ignore")
def test_tuned_once_with_the_constants_of_a_strategy_for_that_strategy_alone(tmp_path, made):
    over, said = [f"{RATE}=1e-3,4e-3", "weighting.cagrad.c=0.2,0.5"], []
    runs = options(tmp_path, seeds=(3, 4), folds=(1,))._replace(say=said.append)
    config = get_config("quick")
    dmljax.compare(
        config,
        ["cagrad", "dwa", "dwa+shuffle", "famo+shuffle"],
        runs,
        Tuning(over, 2, once=True, duration="3 epochs"),
    )
    tried = {path.parent.parent.name for path in tmp_path.glob("*/sweep/best.json")}
    assert tried == {label for label, _, _ in made} - {"dwa+shuffle"}
    assert sum("tuning " in line for line in said) == len(tried)
    assert not list(tmp_path.glob("*/sweep_*")) and any(
        "tuned once, with the first seed" in line for line in said
    )
    for (label, _, _), member in made.items():
        swept = "dwa" if label == "dwa+shuffle" else label  # its weights are to be the same
        best = get_config(tmp_path / swept / "sweep" / "best.json")
        assert member.changes[RATE] == best.optimizer.learning_rate
        assert ("weighting.cagrad.c" in member.changes) == (label == "cagrad")
        assert "train.duration" not in member.changes, "only the trials are short"
    assert made["dwa+shuffle", 4, 1].changes["weighting.wrap.shuffle"] is True
    trial = get_config(tmp_path / "cagrad" / "sweep" / "trial_0" / "seed_3_fold_1.json")
    assert (trial.train.duration, trial.weighting.cagrad.c, trial.optimizer.learning_rate) == (
        "3 epochs",
        0.5,
        4e-3,
    )
    shown = tuning.table(config, list(made.values()), Tuning(over, once=True))
    labels = {label for label, _, _ in made}
    assert shown[0] == ["strategy", RATE, "its own"] and len(shown) == 1 + len(labels)
    constant = f"c {made['cagrad', 3, 1].changes['weighting.cagrad.c']:.4g}"
    assert {row[0]: row[2] for row in shown[1:]} == {
        label: constant if label == "cagrad" else "-" for label in labels
    }


def test_what_is_compared_cannot_be_tuned(tmp_path):
    for field in ("weighting.name=dwa,famo", "weighting.single.task=expression,pose"):
        with pytest.raises(UserError, match="^over: weighting.* is what the runs differ in"):
            dmljax.compare(get_config("quick"), ["famo"], options(tmp_path), Tuning([field]))
    with pytest.raises(UserError, match="^over: weighting.cagrad.c is of 'cagrad', which is not compared"):
        dmljax.compare(
            get_config("quick"), ["famo"], options(tmp_path), Tuning(["weighting.cagrad.c=0.1,0.2"])
        )
    with pytest.raises(UserError, match="^duration: .*must be a duration"):
        tune = Tuning([f"{MARGIN}=0.1,0.2"], duration="long")
        dmljax.compare(get_config("quick"), ["famo"], options(tmp_path), tune)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("runs", [{"seeds": (0, 1)}, {"folds": (0, 1)}])
@pytest.mark.parametrize("kind", ["folds", "list"])
@pytest.mark.filterwarnings("ignore")
def test_who_may_test_what_he_chose_is_told(tmp_path, made, runs, kind):
    people = tmp_path / "people.txt"
    people.write_text("rendered003\n")
    said, folder = [], tmp_path / "study"
    split = {"split.kind": kind, "split.file": str(people) if kind == "list" else ""}
    asked = options(folder, **runs)._replace(say=said.append)
    dmljax.compare(get_config("quick", split), [], asked, Tuning([f"{MARGIN}=0.1,0.2"], 1, once=True))
    told = kind == "folds"
    assert any("who chooses there may test" in line for line in said) == told
    outcome = dmljax.compare(
        get_config("quick", split), [], asked, Tuning([f"{MARGIN}=0.1,0.2"], 1, once=True)
    )
    assert any("who chooses there may test" in note for note in outcome.notes) == told


@pytest.mark.filterwarnings("ignore")
def test_a_folder_that_was_tuned_in_another_way(tmp_path, made):
    config, runs = get_config("quick"), options(tmp_path / "study")
    one, other = Tuning([f"{MARGIN}=0.1,0.2"], 1), Tuning([f"{MARGIN}=0.1,0.3"], 1)
    (tmp_path / "study").mkdir()
    dmljax.compare(config, [], runs, one)
    (tmp_path / "study" / "study.json").write_text(json.dumps({"config": {}, "members": {}}))
    sweeps = sorted((tmp_path / "study").rglob("trial_*"))
    dmljax.compare(config, [], runs, one)
    for tune in (other, Tuning([f"{MARGIN}=0.1,0.2"], 2), Tuning()):
        with pytest.raises(UserError, match="^folder: .* were tuned in another way: .* there, .* here"):
            dmljax.compare(config, [], runs, tune)
    assert sorted((tmp_path / "study").rglob("trial_*")) == sweeps, "trials were made in it"
    untuned = tmp_path / "untuned"
    untuned.mkdir()
    (untuned / "study.json").write_text(json.dumps({"config": {}, "members": {}}))
    with pytest.raises(UserError, match="over: nothing there, .*0.1,0.2"):
        dmljax.compare(config, [], options(untuned), one)


def test_how_to_tune_without_what(tmp_path):
    config, runs = get_config("quick"), options(tmp_path)
    for tune in (Tuning(once=True), Tuning(duration="2 epochs"), Tuning(trials=3)):
        with pytest.raises(UserError, match="^over: give the fields that are tuned"):
            dmljax.compare(config, ["famo"], runs, tune)
    with pytest.raises(TypeError, match="tune must be dmljax.Tuning"):
        dmljax.compare(config, ["famo"], runs, [f"{MARGIN}=0.1,0.2"])
    with pytest.raises(TypeError, match="over must be a tuple such as"):
        dmljax.compare(config, ["famo"], runs, Tuning(f"{MARGIN}=0.1,0.2"))
    assert not list(tmp_path.iterdir())


@pytest.mark.filterwarnings("ignore")
def test_a_run_whose_trials_all_fail_is_told(tmp_path, made, monkeypatch):
    monkeypatch.setattr(Played, "epochs", 0)
    said = []
    runs = options(tmp_path)._replace(say=said.append)
    dmljax.compare(get_config("quick"), ["famo"], runs, Tuning([f"{MARGIN}=0.1..0.9"], trials=1))
    assert sum("no trial is complete; famo is run as it is configured" in line for line in said) == 1


@pytest.mark.filterwarnings("ignore")
def test_networks_of_a_table_are_tuned_each(tmp_path, monkeypatch, finished):
    best = lambda config: 0.25 if len(config.model.branches) > 1 else 0.1
    played = lambda config: 1 - abs(config.losses.margin_pose - best(config))
    monkeypatch.setattr(playing, "score", played)
    (tmp_path / "people.txt").write_text("rendered003\n")
    config = get_config("quick", {"split.kind": "list", "split.file": str(tmp_path / "people.txt")})
    tune = Tuning([f"{MARGIN}=0.1,0.25"], 0, once=True, duration="3 epochs")
    outcome = dmljax.reproduce("table8", config, options(tmp_path, seeds=(3, 4)), tune=tune)
    swept = {path.parent.parent.name for path in tmp_path.glob("runs/*/sweep/best.json")}
    assert swept == {"one_resnet", "mfe", "hpe", "jefl", "dynamic"} == {member.label for member in finished}
    for member in finished:
        label = member.label
        swept = get_config(tmp_path / "runs" / label / "sweep" / "best.json")
        assert member.changes[MARGIN] == swept.losses.margin_pose == best(swept)
        assert member.changes.items() >= networks.NETWORKS[label].changes.items()
    chosen = next(part for part in outcome.parts if getattr(part, "title", "") == tuning.title(tune))
    assert chosen.lines == [
        ["network", MARGIN],
        ["one_resnet", "0.1"],
        *([label, "0.25"] for label in ablation.ROWS[1:]),
    ]
    assert outcome.problems == [] and tuning.WARNING not in (tmp_path / "table8.md").read_text()
    (tmp_path / "study.json").write_text(json.dumps({"config": {}, "members": {}}))
    with pytest.raises(UserError, match="were tuned in another way: .* over: .* nothing here"):
        dmljax.reproduce("table8", config, options(tmp_path, seeds=(3, 4)))
    with pytest.raises(UserError, match="^over: losses.triplets is what the runs differ in"):
        tune = Tuning(["losses.triplets=identity,pose"])
        dmljax.reproduce("table8", config, options(tmp_path / "other"), tune=tune)


@pytest.mark.filterwarnings("ignore")
def test_descriptors_have_nothing_to_tune(tmp_path, monkeypatch, finished):
    monkeypatch.setattr(tuning, "sweep", lambda config, over, options, **more: Swept({MARGIN: 0.25}))
    outcome = dmljax.reproduce(
        "table2", get_config("quick"), options(tmp_path), tune=Tuning([f"{MARGIN}=0.1..0.5"], 2)
    )
    changed = {member.label: member.changes.get(MARGIN) for member in finished}
    assert changed == {label: None if label.endswith("svm") else 0.25 for label in changed}
    assert {"lbp_svm", "lgbp_svm", "dynamic"} <= changed.keys()
    chosen = next(part for part in outcome.parts if getattr(part, "title", "").startswith("What was tuned"))
    assert [line[0] for line in chosen.lines[1:]] == [m.label for m in finished if not m.descriptor]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("finished")
def test_who_may_test_what_he_chose_is_told_on_the_page(tmp_path, monkeypatch):
    monkeypatch.setattr(tuning, "sweep", lambda config, over, options, **more: Swept({MARGIN: 0.25}))
    tune, runs = Tuning([f"{MARGIN}=0.1..0.5"], 2, once=True), options(tmp_path, seeds=(0, 1))
    outcome = dmljax.reproduce("table8", get_config("quick"), runs, tune=tune)
    assert tuning.WARNING in outcome.notes and tuning.WARNING in (tmp_path / "table8.md").read_text()
    outcome = dmljax.reproduce("table9", get_config("quick"), runs, test="cmu_faces:FOLDER", tune=tune)
    assert outcome.notes == [], "those who choose are of another set than those who test"


def test_two_networks_of_one_folder_have_no_sweep_in_common(tmp_path):
    change = lambda name: {"weighting.name": name}
    planned = [members.Member(n, 0, 0, tmp_path / "own" / n, change(n)) for n in ("dwa", "equal")]
    tune = Tuning([f"{MARGIN}=0.1,0.2"], 1, once=True)
    with pytest.raises(UserError, match="own/sweep' would be the sweep of two networks, dwa and equal"):
        tuning.check(get_config("quick"), planned, tune)
    assert not list(tmp_path.iterdir()), "before anything is made"


@pytest.mark.filterwarnings("ignore")
def test_a_tuned_start_that_made_nothing_is_forgotten(tmp_path, made):
    config, runs = get_config("quick"), options(tmp_path)
    dmljax.compare(config, [], runs, Tuning([f"{MARGIN}=0.1,0.2"], 1))
    assert (tmp_path / "tuning.json").exists() and not (tmp_path / "study.json").exists()
    dmljax.compare(config, [], runs)
    (tmp_path / "study.json").write_text(json.dumps({"config": {}, "members": {}}))
    dmljax.compare(config, [], runs)  # as before
    assert not (tmp_path / "tuning.json").exists()


class Swept:
    """What a sweep found."""

    def __init__(self, best):
        self.best = best
