"""Sweeps: what is chosen, stopped early, continued and refused; trainings are played by a function."""

import json
import signal
import threading
from pathlib import Path

import pytest

import dmljax
from dmljax import Tuning, get_config
from dmljax.studies import running, sweep
from dmljax.types import UserError
from tests.studies.playing import MARGIN, RATE, Played, options, score

pytestmark = pytest.mark.usefixtures("played")


def values(found, field=MARGIN):
    return [float(one.values[field]) for one in found.trials]


def test_the_best_is_found_and_written(tmp_path):
    over = [f"{MARGIN}=0.1..0.9", f"{RATE}=1e-4..1e-2:log"]
    found = dmljax.sweep(get_config("quick"), over, options(tmp_path), trials=12, prune=False)
    assert [one.state for one in found.trials] == ["complete"] * 12 and not Played.stopped
    assert [one.score for one in found.trials] == pytest.approx(
        [1 - abs(m - 0.3) for m in values(found)], abs=1e-3
    )
    assert found.score == max(one.score for one in found.trials) > 0.9
    assert all(1e-4 <= rate <= 1e-2 for rate in values(found, RATE))
    config = get_config(found.config)
    assert config.losses.margin_pose == found.best[MARGIN] and score(config) == pytest.approx(found.score)
    assert config.split.validation == 0.0, "who chooses is held out of the trials alone"
    assert get_config(tmp_path / "trial_0" / "seed_0_fold_0.json").split.validation == 0.2
    assert found.importance[MARGIN] > 0.8 > found.importance[RATE] and found.page.exists()


def test_a_trial_behind_the_median_is_stopped(tmp_path):
    found = dmljax.sweep(get_config("quick"), [f"{MARGIN}=0.1..0.9"], options(tmp_path), trials=12)
    early = [one for one in found.trials if one.state == "stopped early"]
    assert 0 < len(early) < 9 and {f"trial_{one.number}" for one in early} == set(Played.stopped)
    assert all(one.number >= 4 and one.score is None for one in early)


def test_less_is_better_of_a_loss_and_every_combination_is_tried(tmp_path):
    over = [f"{MARGIN}=0.1,0.2,0.5", "weighting.name=dwa,famo"]
    found = dmljax.sweep(get_config("quick"), over, options(tmp_path), trials=0, measure="loss")
    tried = {(one.values[MARGIN], one.values["weighting.name"]) for one in found.trials}
    assert len(tried) == len(found.trials) == 6
    assert found.best[MARGIN] == 0.2 and found.score == pytest.approx(0.1)


def test_a_trial_is_the_mean_of_its_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "tests.studies.playing.score", lambda config: 0.5 + 0.1 * config.seed + 0.01 * config.split.fold
    )
    over, said = ["weighting.name=dwa,famo"], []
    runs = options(tmp_path, seeds=(0, 2), folds=(1, 3))._replace(say=said.append)
    found = dmljax.sweep(get_config("quick"), over, runs, trials=0)
    assert any("people who test in one run choose in another" in line for line in said)
    assert [one.score for one in found.trials] == pytest.approx([(0.51 + 0.53 + 0.71 + 0.73) / 4] * 2)


def test_failures_are_told_and_the_rest_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(Played, "fails", ("trial_1",))
    found = dmljax.sweep(get_config("quick"), [f"{MARGIN}=0.1..0.5"], options(tmp_path), trials=3)
    assert [one.state for one in found.trials] == ["complete", "failed", "complete"]
    assert found.trials[1].reason == "no people are left" in found.page.read_text()


def test_a_run_without_a_validation_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(Played, "epochs", 0)
    found = dmljax.sweep(get_config("quick"), [f"{MARGIN}=0.1..0.5"], options(tmp_path), trials=1)
    assert found.best == {} and found.config is None
    assert found.trials[0].reason.startswith(
        "no accuracy/expression of validation people was logged: the run"
    )


def test_trials_know_plug_ins_that_came_after_the_configuration(tmp_path, monkeypatch):
    config = get_config("quick")
    monkeypatch.setattr(dmljax.plugins, "folders", lambda: (str(tmp_path),))
    dmljax.sweep(config, [f"{MARGIN}=0.1..0.9"], options(tmp_path / "sweep"), trials=1)
    assert get_config(tmp_path / "sweep" / "trial_0" / "seed_0_fold_0.json").plugins == (str(tmp_path),)


def test_trials_read_the_sweep_s_own_copy_of_a_table(tmp_path):
    table = tmp_path / "views.csv"
    table.write_text("pose,left,top,right,bottom\n0,0,0,1,1\n")
    config = get_config("quick", {"crop.rule": "views", "crop.table": str(table)})
    dmljax.sweep(config, [f"{MARGIN}=0.1..0.9"], options(tmp_path / "sweep"), trials=1)
    read = Path(get_config(tmp_path / "sweep" / "trial_0" / "seed_0_fold_0.json").crop.table)
    assert tmp_path / "sweep" in read.parents and read.read_text() == table.read_text()


def test_runs_of_a_sweep_whose_database_is_gone_are_not_taken_for_those_of_another(tmp_path):
    config, runs = get_config("quick"), options(tmp_path)
    dmljax.sweep(config, [f"{MARGIN}=0.1..0.9"], runs, trials=1)
    run = tmp_path / "trial_0" / "seed_0_fold_0"
    (run / "config.json").write_text((tmp_path / "trial_0" / "seed_0_fold_0.json").read_text())
    (tmp_path / "sweep.db").unlink()
    with pytest.raises(UserError, match="^folder: '.*trial_0.*a finished run of another configuration"):
        dmljax.sweep(config, [f"{MARGIN}=0.5..0.6"], runs._replace(seeds=(0,)), trials=1)


def test_what_is_prolonged_draws_other_values(tmp_path):
    over = [f"{MARGIN}=0.1..0.9"]
    for count in (1, 2, 4):
        found = dmljax.sweep(get_config("quick"), over, options(tmp_path), trials=count)
    assert len(set(values(found))) == 4


def test_a_trial_that_ends_before_it_can_be_stopped_has_no_further_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(Played, "stop", lambda self: None)
    runs = options(tmp_path, seeds=(0, 1))
    found = dmljax.sweep(get_config("quick"), [f"{MARGIN}=0.1..0.9"], runs, trials=12)
    early = [one.number for one in found.trials if one.state == "stopped early"]
    assert early and not any((tmp_path / f"trial_{number}" / "seed_1_fold_0").exists() for number in early)


def test_no_run_goes_on_without_its_sweep(tmp_path, monkeypatch):
    def told(self, one, reason):
        raise OSError("the disk is full")

    monkeypatch.setattr(sweep._Sweep, "tell", told)
    monkeypatch.setattr(Played, "fails", ("trial_1",))
    with pytest.raises(OSError, match="the disk is full"):
        dmljax.sweep(get_config("quick"), [f"{MARGIN}=0.1..0.9"], options(tmp_path, jobs=2), trials=4)
    assert set(Played.stopped) == {"trial_0"}


def test_what_was_stopped_goes_on(tmp_path, monkeypatch):
    config, over = get_config("quick"), [f"{MARGIN}=0.1..0.5"]
    real, asked = Played.over, []

    def interrupted(self):
        asked.append(self.member.label)
        if len(asked) == 8:
            signal.raise_signal(signal.SIGTERM)
        return real(self)

    monkeypatch.setattr(Played, "over", interrupted)
    with pytest.raises(KeyboardInterrupt):
        dmljax.sweep(config, over, options(tmp_path), trials=3)
    assert asked[-1] == "trial_1" and Played.stopped and set(Played.stopped) == {"trial_1"}
    monkeypatch.setattr(Played, "over", real)
    found = dmljax.sweep(config, over, options(tmp_path), trials=3)
    assert [one.state for one in found.trials] == ["complete"] * 3
    log = (tmp_path / "trial_1" / "seed_0_fold_0" / "train.jsonl").read_text()
    epochs = [json.loads(line)["epoch"] for line in log.splitlines()]
    assert epochs == [1, 2, 3, 4, 5], "it began anew"
    longer = dmljax.sweep(config, over, options(tmp_path), trials=4)
    assert longer.trials[:3] == found.trials and len(longer.trials) == 4


def test_several_run_at_a_time(tmp_path, monkeypatch):
    real, running_now, most = Played.over, set(), []

    def counted(self):
        running_now.add(self.member.label)
        most.append(len(running_now))
        ended = real(self)
        if ended:
            running_now.discard(self.member.label)
        return ended

    monkeypatch.setattr(Played, "over", counted)
    dmljax.sweep(get_config("quick"), [f"{MARGIN}=0.1..0.5"], options(tmp_path, jobs=2), trials=5)
    assert max(most) == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"over": [f"{MARGIN}=0.1..0.6"]}, "holds another sweep: over: "),
        ({"measure": "loss"}, "holds another sweep: measure: accuracy/expression there, loss here"),
        ({"seeds": (1,)}, "holds another sweep: seeds: "),
        ({"config": {"model.embedding": 16}}, "holds a study of another configuration: model.embedding"),
    ],
)
def test_another_sweep_in_the_folder_is_refused(tmp_path, change, said):
    over, config = [f"{MARGIN}=0.1..0.5"], get_config("quick")
    dmljax.sweep(config, over, options(tmp_path), trials=1)
    with pytest.raises(UserError, match=said):
        dmljax.sweep(
            get_config("quick", change.get("config", {})),
            change.get("over", over),
            options(tmp_path, seeds=change.get("seeds", (0,))),
            trials=1,
            measure=change.get("measure", "accuracy/expression"),
        )


def test_a_folder_that_holds_a_run_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="holds a run, and a study's runs have folders of their own"):
        dmljax.sweep(get_config("quick"), [f"{MARGIN}=0.1..0.5"], options(tmp_path), trials=1)
    with pytest.raises(UserError, match="holds a run, and a study's runs have folders of their own"):
        dmljax.compare(get_config("quick"), ["famo"], options(tmp_path), Tuning([f"{MARGIN}=0.1..0.5"]))
    assert len(list(tmp_path.iterdir())) == 1, "a sweep was begun in it"


def test_somebody_s_own_folder_is_refused(tmp_path):
    (tmp_path / "joy").mkdir()
    with pytest.raises(UserError, match="^folder: .* is not empty and holds no sweep"):
        dmljax.sweep(get_config("quick"), [f"{MARGIN}=0.1..0.5"], options(tmp_path), trials=1)
    assert [path.name for path in tmp_path.iterdir()] == ["joy"]


def test_numbers_and_names_that_cannot_be(tmp_path):
    config, over = get_config("quick"), [f"{MARGIN}=0.1..0.5"]
    for count, said in ((-1, "^trials: must be at least 1"), (0, "^trials: .* none a range")):
        with pytest.raises(UserError, match=said):
            dmljax.sweep(config, over, options(tmp_path), trials=count)
    with pytest.raises(UserError, match="^measure: must be one of .*Did you mean 'accuracy/pose'"):
        dmljax.sweep(config, over, options(tmp_path), measure="accuracy/poze")
    assert set(sweep.MEASURES) >= {"loss"} and not list(tmp_path.iterdir())


def test_a_process_here_is_over_when_its_thread_is(monkeypatch):
    monkeypatch.undo()
    go = threading.Event()

    class Job:
        def __call__(self):
            go.wait(5)
            raise OSError("no such program")

    one = running.Here(Job())
    assert not one.over()
    go.set()
    one._thread.join(5)
    assert one.over() and one.reason() == "no such program"
