"""A run's page: the set is opened once for all that it shows, and so is the checkpoint."""

import pytest
from dmljax.configs import quick

from dmljax.runs import page, predict, sets, trained
from dmljax.runs.evaluate import evaluate
from dmljax.training.checkpoint import Checkpoints
from tests.runs.tiny import begun

pytestmark = pytest.mark.usefixtures("standard_promotion")


def small(**fields):
    config = quick.get_config()
    with config.unlocked():
        config.update_from_flattened_dict(
            {
                "dataset.synthetic.identities": 6,
                "data.image_size": 24,
                "data.tuples_per_step": 1,
                "backbone.resnet.width": 4,
                "backbone.resnet.stages": (1,),
                "model.branches": ("face",),
                "split.folds": 3,
                **fields,
            }
        )
    return config


@pytest.fixture(scope="module")
def folds(tmp_path_factory):
    """A folder of two folds."""
    run = tmp_path_factory.mktemp("runs") / "folds"
    for config, folder in sets.folds(small(**{"split.fold": -1}), run)[:2]:
        begun(config, folder)
    return run


@pytest.fixture
def counted(monkeypatch):
    """How often sets were read, checkpoints restored and predictions made."""
    calls = {}

    def count(owner, name):
        real = getattr(owner, name)

        def call(*arguments, **options):
            calls[name] = calls.get(name, 0) + 1
            return real(*arguments, **options)

        monkeypatch.setattr(owner, name, call)

    count(sets, "open_samples")
    count(page, "open_samples")
    count(Checkpoints, "newest")
    count(predict.Predictor, "__call__")
    return calls


def test_a_page_opens_its_set_and_checkpoint_once(folds, counted):
    run = folds / "fold_0"
    text = page.write(run, progress=False).read_text()
    assert "Hardest images" in text and "What the features tell" in text
    assert counted == {"open_samples": 1, "newest": 1, "__call__": 1}
    counted.clear()
    page.write(run, features=False, progress=False)  # evaluated before
    assert counted == {"open_samples": 1}


def test_folds_share_the_images_of_their_set(folds, counted):
    text = page.write(folds, progress=False).read_text()
    assert "Folds" in text and "What the features tell" not in text
    assert counted == {"open_samples": 1, "newest": 2, "__call__": 2}


def test_runs_of_other_images_share_nothing(folds, tmp_path, counted):
    begun(small(**{"data.image_size": 28}), tmp_path / "other")
    counted.clear()
    opened = list(trained.open_runs([folds / "fold_0", tmp_path / "other"], progress=False))
    assert counted["open_samples"] == 2 and opened[0].feed is not opened[1].feed
    assert opened[0].outputs["embedding"].shape[0] == len(opened[0].test)


def test_an_evaluation_gives_values(folds, capsys):
    found = evaluate(folds, yaw=(-10, 10), progress=False)
    assert [one.folder.parent for one in (*found.folds, found)] == [folds / "fold_0", folds / "fold_1", folds]
    assert found.folder.name == "evaluation_yaw_-10_10" and found.score["run"] == "2 folds"
    assert found.predictions[-1] == {"fold": "fold_1"} | found.folds[1].predictions[-1]
    assert {row["pose"] for row in found.predictions} == {"0"}
    counts = found.score["confusion"]["expression"]
    assert found["expression accuracy"] == sum(counts[k][k] for k in range(7)) / len(found.predictions)
    assert "expression accuracy" in repr(found) and len(found) == len(found.score["scores"])
    assert capsys.readouterr().out == ""
