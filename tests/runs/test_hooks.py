"""What a caller gives a training and asks of it: hooks, trackers, a profile."""

import json

import pytest

import dmljax
from dmljax.runs import profile
from dmljax.types import TOTAL, UserError
from tests.runs.tiny import TINY

OWN = TINY | {
    "dataset.synthetic.identities": 8,
    "split.validation": 0.3,
    "train.log_every": "2 steps",
    "train.save_every": "3 steps",
}
TRACKER = '''"""Writes to a list."""
from dmljax.trackers import Tracker

def build(*, fails: int = 0):
    def start(run, *, key, step, config):
        file = run / "tracked.txt"
        def scalars(step, numbers):
            if fails and step >= fails:
                raise OSError("no route to host")
            with open(file, "a") as out:
                out.write(f"{key} {step} {numbers['loss/total']}\\\\n" if "loss/total" in numbers else "")
        return Tracker(scalars, lambda: None, lambda: None)
    return start
'''


class Recorder:
    def __init__(self):
        self.steps, self.epochs, self.saves = [], [], []

    def on_step(self, step, scalars):
        self.steps.append((step, scalars[TOTAL]))

    def on_epoch(self, epoch, scores):
        self.epochs.append((epoch, scores))

    def on_save(self, kind, step, folder):
        assert (folder / "state").is_dir()
        self.saves.append((kind, step))


class OnlySaves:
    def __init__(self):
        self.count = 0

    def on_save(self, kind, step, folder):
        self.count += 1


def lines(run):
    return [json.loads(line) for line in (run / "train.jsonl").read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_hooks_trackers_and_profile(standard_promotion, tmp_path):
    (tmp_path / "own" / "trackers").mkdir(parents=True)
    (tmp_path / "own" / "trackers" / "listing.py").write_text(TRACKER.replace("\\\\n", "\\n"))
    dmljax.plugins.add_folder(tmp_path / "own")
    run, recorder, saves, said = tmp_path / "run", Recorder(), OnlySaves(), []
    own = {"tracking.trackers": ("listing", "tensorboard"), "train.profile": "2:3"}
    config = lambda duration, **more: dmljax.get_config(
        "quick", OWN | own | {"train.duration": duration} | more
    )
    dmljax.train(config("5 steps"), run, hooks=[recorder, saves], progress=False, say=said.append)

    logged = {line["step"]: line[TOTAL] for line in lines(run) if TOTAL in line}
    assert [step for step, _ in recorder.steps] == [1, 2, 3, 4, 5] and list(logged) == [2, 4, 5]
    values = dict(recorder.steps)
    assert logged[2] == pytest.approx((values[1] + values[2]) / 2) and logged[5] == values[5]
    assert [kind for kind, step in recorder.saves if step == 5] == ["last"]
    assert ("last", 3) in recorder.saves and saves.count == len(recorder.saves)
    validations = [line for line in lines(run) if "validation/loss" in line]
    assert [scores["validation/loss"] for _, scores in recorder.epochs] == [
        line["validation/loss"] for line in validations
    ]
    rows = [row.split() for row in (run / "tracked.txt").read_text().splitlines()]
    assert [(int(step), float(total)) for _, step, total in rows] == list(logged.items())
    assert list((run / "profile").rglob("*.xplane.pb")) and list((run / "tensorboard").iterdir())

    dmljax.train(config("6 steps", **{"tracking.listing.fails": 6}), run, progress=False, say=said.append)
    key = json.loads((run / "tracking.json").read_text())["key"]
    assert {row.split()[0] for row in (run / "tracked.txt").read_text().splitlines()} == {key}
    assert "listing gets no more numbers: OSError: no route to host; train.jsonl has all" in said
    assert lines(run)[-1]["step"] == 6


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"train.profile": "5:2"}, "train.profile: must be the first and the last step"),
        ({"train.profile": "0:2"}, "train.profile: must be the first and the last step"),
        (
            {"tracking.trackers": ("wandb",), "tracking.wandb.mode": "of"},
            "tracking.wandb.mode must be one of",
        ),
        ({"tracking.trackers": ("mlflow",), "tracking.mlflow.experiment": ""}, "tracking.mlflow.experiment"),
    ],
)
def test_what_is_wrong_is_told_before_the_set_is_read(tmp_path, monkeypatch, fields, said):
    monkeypatch.setattr("dmljax.runs.sets.open_set", lambda *args, **options: pytest.fail("it was read"))
    with pytest.raises(UserError, match=said):
        dmljax.train(dmljax.get_config("quick", OWN | fields), tmp_path / "run", progress=False)


def test_a_profile_after_the_end_is_told(tmp_path):
    asked = profile.Profile(tmp_path, "100:105")
    assert asked.missed(99) == "train.profile begins at step 100, and the run has 99: nothing is written"
    assert asked.missed(100) == "" == profile.Profile(tmp_path, "").missed(3)


def test_a_hook_has_one_of_the_methods(tmp_path):
    with pytest.raises(TypeError, match="one of the methods on_step, on_epoch, on_save; got function"):
        dmljax.train(dmljax.get_config("quick", OWN), tmp_path / "run", hooks=[lambda step: None])
    with pytest.raises(TypeError, match="hooks must be a list of objects .*; got 3"):
        dmljax.train(dmljax.get_config("quick", OWN), tmp_path / "run", hooks=3)
