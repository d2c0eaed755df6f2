"""Runs with a head for yaw, pitch and roll, from a manifest to the page; what is told of such a set."""

import csv
import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import dmljax
from dmljax.data import joined, splits
from dmljax.models.dmlnet import UNIT
from dmljax.preparation import opening
from dmljax.report import write as tables
from dmljax.runs import assemble, decided, page, record, sets, timetable
from dmljax.types import UserError
from tests.runs.tiny import TINY

pytestmark = pytest.mark.usefixtures("standard_promotion")

SMALL = TINY | {
    "train.duration": "1 epochs",
    "data.batch_size": 16,
    "split.folds": 3,
    "split.validation": 0.3,
}
NAN = float("nan")


def manifest(folder, columns=("expression", "identity", "yaw", "roll"), people=8):
    """Some people x 3 expressions x 4 yaws of noise; every fifth image has no angle."""
    folder.mkdir(parents=True, exist_ok=True)
    rng, lines = np.random.default_rng(0), []
    for who in range(people):
        for expression in ("angry", "happy", "neutral"):
            for yaw in (-120, -40.5, 0, 40):
                name = f"{who}_{expression}_{yaw}.png"
                Image.fromarray(rng.integers(40, 220, (24, 24, 3)).astype(np.uint8)).save(folder / name)
                known = bool(len(lines) % 5)
                said = {
                    "path": name,
                    "expression": expression,
                    "identity": f"p{who}",
                    "yaw": yaw if known else "",
                    "roll": f"{rng.normal():.2f}" if known else "nan",
                }
                lines.append([said[column] for column in ("path", *columns)])
    with open(folder / "manifest.csv", "w", newline="") as file:
        csv.writer(file).writerows([("path", *columns), *lines])
    return {"dataset.name": "folder", "dataset.root": str(folder)}


def configured(folder, columns=("expression", "identity", "yaw", "roll"), **fields):
    changes = {"model.angles_head": "huber", **{k.replace("__", "."): v for k, v in fields.items()}}
    return dmljax.get_config("quick", SMALL | manifest(folder, columns) | changes)


def decide(config):
    samples = opening.open_samples(config, progress=False)
    chosen = config.split.to_dict() | {"kind": sets.asked_split(config)}
    return decided.decide(config, samples, splits.make(samples, seed=config.seed, **chosen)), samples


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def check_whole_way(config, run):
    told = []
    dmljax.train(config, run, progress=False, say=told.append)
    assert any(line.startswith("no pitch is known of the training images: the head") for line in told)
    assert any("8 identities; yaw of 76, roll of 76 images; train" in line for line in told)
    assert json.loads((run / "decided.json").read_text())["heads"] == ["expression", "angles"]
    assert json.loads((run / "classes.json").read_text())["angles_names"] == ["yaw", "roll"]
    lines = [json.loads(line) for line in (run / "train.jsonl").read_text().splitlines()]
    assert any(line.get("error/yaw", 0) > 0 and line["loss/angles"] > 0 for line in lines)
    assert any("validation/error/angles" in line for line in lines)
    plain = dmljax.evaluate(run, progress=False)
    assert set(plain) - set(plain.score["scores"]) == {"yaw error", "roll error", "angle error"}
    rows = rows_of(plain.folder / "predictions.csv")
    assert "pitch" not in rows[0]
    off = [abs(float(r["yaw"]) - float(r["yaw_predicted"])) for r in rows if r["yaw"]]
    assert plain["yaw error"] == pytest.approx(np.mean(off), abs=0.02) and len(off) < len(rows)
    assert f"yaw error: {plain['yaw error']:.2f} degrees" in tables.report(plain.folder)
    table = rows_of(plain.folder / "angles.csv")
    assert [row["measure"] for row in table] == ["yaw error", "roll error", "angle error"]
    assert table[0]["images"] == str(len(off)) and " to " in table[0]["95 % interval"]
    text = page.write(run, features=False).read_text()
    assert "angle error" in text and "expression and angles, no triplets" in text
    return plain, rows


@pytest.mark.slow
def test_a_manifest_with_angles_is_trained_evaluated_and_shown(tmp_path):
    config = configured(tmp_path / "set", augment__flip=0.5)
    run = tmp_path / "run"
    plain, rows = check_whole_way(config, run)
    flipped = dmljax.evaluate(run, flip=True, progress=False)
    assert flipped.folder.name == "evaluation_flip" and flipped["yaw error"] != plain["yaw error"]
    images = [np.asarray(Image.open(tmp_path / "set" / row["reference"])) for row in rows[:5]]
    model = dmljax.load(run)
    predictions = model.predict(images)
    found, columns = predictions.angles, predictions.columns()
    assert list(columns["head_yaw"]) == list(found[:, 0]) and "head_pitch" not in columns
    assert found.shape == (5, 3) and np.isnan(found[:, 1]).all() and model.predict(images).pose is None
    np.testing.assert_allclose(found[:, 0], [float(row["yaw_predicted"]) for row in rows[:5]], atol=0.02)
    mirrored = model.predict([image[:, ::-1] for image in images]).angles
    means = (found + mirrored * [-1, 1, -1]) / 2
    said = rows_of(flipped.folder / "predictions.csv")[:5]
    np.testing.assert_allclose(means[:, 2], [float(row["roll_predicted"]) for row in said], atol=0.02)


@pytest.mark.slow
def test_bins_go_the_whole_way_and_elsewhere(tmp_path):
    config = configured(tmp_path / "set", model__angles_head="binned", model__angles_input="fused")
    check_whole_way(config, tmp_path / "run")
    assert decide(config)[0].told[-1].startswith("no five-tuple can be formed")
    manifest(tmp_path / "other", ("expression", "yaw"), people=2)
    other = dmljax.evaluate(tmp_path / "run", test=f"folder:{tmp_path / 'other'}", progress=False)
    assert {"yaw error", "angle error"} <= set(other) and "roll error" not in other
    assert {"roll", "roll_predicted", "yaw"} <= set(rows_of(other.folder / "predictions.csv")[0])
    (tmp_path / "third").mkdir()
    manifest(tmp_path / "third", ("expression",), people=2)
    third = dmljax.evaluate(tmp_path / "run", test=f"folder:{tmp_path / 'third'}", progress=False)
    assert "angle error" not in third and third.score["errors"] == {}


@pytest.mark.slow
def test_angles_alone_are_trained_at_once_and_shown(tmp_path):
    config = configured(tmp_path / "set", ("identity", "yaw", "roll"), phases__first="50%")
    dmljax.train(config, tmp_path / "run", progress=False, say=lambda line: None)
    assert json.loads((tmp_path / "run" / "decided.json").read_text())["heads"] == ["angles"]
    assert set(dmljax.evaluate(tmp_path / "run", progress=False)) == {
        *("yaw error", "roll error", "angle error")
    }
    assert "angles alone" in page.write(tmp_path / "run", features=False).read_text()


@pytest.mark.slow
def test_a_run_goes_on_as_if_it_had_not_stopped(tmp_path):
    config = configured(tmp_path / "set", augment__flip=0.5, train__save_every="1 steps")
    config.train.duration = "4 steps"
    dmljax.train(config, tmp_path / "whole", progress=False, say=lambda line: None)

    class Stop:
        def on_step(self, step, scalars):
            if step == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dmljax.train(config, tmp_path / "parts", hooks=[Stop()], progress=False, say=lambda line: None)
    dmljax.train(config, tmp_path / "parts", progress=False, say=lambda line: None)
    whole, parts = (dmljax.evaluate(tmp_path / name, progress=False) for name in ("whole", "parts"))
    assert dict(whole) == dict(parts) and whole.predictions == parts.predictions
    table = tmp_path / "set" / "manifest.csv"
    table.write_text(table.read_text().replace("-40.5", "-41.5", 3))
    with pytest.raises(UserError, match="its images or labels have changed since"):
        dmljax.evaluate(tmp_path / "whole", progress=False)


def test_what_is_told_of_angles(tmp_path):
    config = configured(tmp_path / "set", model__angles_head="binned", model__pose_head=False)
    found, samples = decide(config)
    assert found.heads == ("expression", "angles")
    assert found.told[0] == (
        "no pitch is known of the training images: the head for angles learns yaw and roll alone"
    )
    assert "training images have an angle beyond model.angles_most=99 degrees" in found.told[1]
    config.augment.chain = ("rotate", "grey")
    config.model.angles_head = "huber"
    told = decide(config)[0].told
    assert "augment.chain: rotate turns images, and their roll stays as it was" in told
    assert not any("beyond" in line for line in told)
    config.model.angles_head = ""
    found, samples = decide(config)
    assert (
        found.heads == ("expression",) and samples.angles is None and not any("roll" in t for t in found.told)
    )


def test_what_the_test_side_alone_knows_is_not_learnt(tmp_path):
    config = configured(tmp_path / "set")
    samples = opening.open_samples(config, progress=False)
    split = splits.make(samples, seed=0, **config.split.to_dict() | {"kind": sets.asked_split(config)})
    angles = samples.angles.copy()
    angles[split.train, 2] = np.nan
    data = sets.Set(SimpleNamespace(samples=samples.replace(angles=angles)), split, None, {})
    classes = record.classes_of(data)
    assert data.samples.angles_names == ("yaw", "roll") and classes.angles_names == ("yaw",)
    assert assemble.network(config, classes).angles == ("yaw",)
    angles[split.train] = np.nan
    found = decided.decide(config, samples.replace(angles=angles), split)
    assert "angles" not in found.heads


def test_a_head_without_a_known_angle_is_left_out(tmp_path):
    config = configured(tmp_path / "set", ("expression", "identity"))
    found, samples = decide(config)
    assert (
        found.heads == ("expression",) and "no angle is known: the network has no head for it" in found.told
    )
    assert assemble.loss_options(config, found).tasks == ("expression",)
    assert assemble.network(config, samples).angles == ()
    alone = configured(tmp_path / "alone", ("yaw",), model__angles_head="")
    with pytest.raises(UserError, match="nothing can be learnt: .* or angles and set model.angles_head"):
        decide(alone)


def test_rendered_faces_know_their_angles_where_a_head_asks_for_them():
    config = dmljax.get_config("quick", TINY)
    assert opening.open_samples(config, progress=False).angles is None
    mark = sets.fingerprint(opening.open_samples(config, progress=False))
    config.model.angles_head = "binned"
    samples = opening.open_samples(config, progress=False)
    assert samples.angles_names == ("yaw", "pitch", "roll") and sets.fingerprint(samples) != mark
    assert np.abs(samples.angles[:, 0] - np.array(samples.pose_yaw)[samples.pose]).max() < 8
    both = joined.join([samples, samples.replace(name="other", angles=None)])
    assert np.isnan(both.angles[len(samples) :]).all()
    net = assemble.network(config, samples)
    assert (net.angle_bins, net.angle_bin, net.angles) == (66, 3.0, ("yaw", "pitch", "roll"))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"model.angles_bin": 7.0}, "model.angles_bin: must divide the 198 degrees .* got 7"),
        ({"model.angles_most": 1.0, "model.angles_bin": 2.0}, "into two or more bins; got 2"),
        (
            {"model.angles_head": "linear"},
            "model.angles_head must be one of empty, huber, binned, got 'linear'",
        ),
        ({"losses.angles.delta": 0.0}, "losses.angles.delta must be a number above 0"),
        ({"model.angles_most": 200.0}, "model.angles_most must be a number .*180"),
    ],
)
def test_wrong_fields_are_told(fields, told):
    with pytest.raises(UserError, match=told):
        config = dmljax.get_config("quick", {"model.angles_head": "binned"} | fields)
        dmljax.config.check(config)
        assemble.check(config)


def test_pose_and_angles_wait_in_the_first_phase():
    options = assemble.LossOptions(tasks=("expression", "pose", "triplet", "angles"))
    times = timetable.Schedule(5, 50, 50, 1, 1, 0, first=9, turn=1, mining=4, stair=1, warmup=0, thaw=0)
    assert timetable.starts(options, times) == {"pose": 9, "angles": 9, "triplet": 4}
    alone = timetable.starts(options._replace(tasks=("pose", "angles")), times)
    assert alone["angles"] == alone["pose"] == 0 and UNIT > 0
