"""Runs stopped for real, in processes of their own, and continued."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from dmljax import config as configuration
from dmljax import get_config
from dmljax.runs import resume, timetable
from dmljax.training.checkpoint import Checkpoints
from dmljax.types import UserError

ROOT = Path(__file__).parent.parent.parent
SMALL = [
    "--config=quick",
    "--noprogress",
    "--config.dataset.synthetic.identities=6",
    "--config.data.image_size=24",
    "--config.backbone.resnet.width=4",
    "--config.backbone.resnet.stages=(1,)",
    "--config.data.tuples_per_step=2",
    "--config.train.log_every=3 steps",
    "--config.train.save_every=4 steps",
    "--config.train.duration=40 steps",
    "--config.model.fused=8",
    "--config.model.embedding=8",
    "--config.model.hidden=8",
]


def start(run, *more, **environment):
    command = [sys.executable, "-m", "launch.train", *SMALL, f"--run={run}", *more]
    env = os.environ | {"XLA_FLAGS": ""} | environment
    return subprocess.Popen(
        command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env
    )


def finish(run, *more, **environment):
    process = start(run, *more, **environment)
    out = process.communicate(timeout=300)[0]
    return process.returncode, out


def parameters(run):
    """Every array of the last checkpoint, as bytes."""
    import orbax.checkpoint as ocp

    folder = run / "checkpoints" / "last"
    step = max(int(p.name) for p in folder.iterdir() if p.name.isdigit())
    with ocp.CheckpointManager(folder) as manager:
        state = manager.restore(step, args=ocp.args.Composite(state=ocp.args.StandardRestore()))["state"]
    import jax

    return step, {
        jax.tree_util.keystr(k): np.asarray(v).tobytes()
        for k, v in jax.tree_util.tree_leaves_with_path(state)
    }


def lines(run):
    """The log, without what depends on the machine."""
    found = [json.loads(line) for line in (run / "train.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "steps_per_second"} for line in found]


def steps_logged(run):
    return [line["step"] for line in lines(run)]


def wait_for(condition, *processes, seconds=240):
    """Waits; where a process ends before, or the time is over, the test fails with all they said."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until or any(process.poll() is not None for process in processes):
            time.sleep(5)  # for the others to end by themselves
            for process in processes:
                process.kill()
            pytest.fail("\n---\n".join(f"{p.communicate()[0]}exit {p.returncode}" for p in processes))
        time.sleep(0.005)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    run = tmp_path_factory.mktemp("whole") / "run"
    code, out = finish(run)
    assert code == 0, out
    return parameters(run), lines(run)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "number",
    [
        signal.SIGKILL,
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
    ],
)
def test_a_stopped_run_ends_bit_identical(whole, tmp_path, number):
    run = tmp_path / "run"
    log = run / "train.jsonl"
    process = start(run)
    wait_for(lambda: log.exists() and log.read_text().count("\n") >= 3, process)
    process.send_signal(number)
    out = process.communicate(timeout=120)[0]
    if number == signal.SIGKILL:
        assert process.returncode == -number
    else:
        assert process.returncode == 128 + number and f"stopped by {number.name}" in out
    stopped, _ = parameters(run)
    assert stopped < 40
    code, out = finish(run)
    assert code == 0 and f"continuing at step {stopped}" in out, out
    assert parameters(run) == whole[0] and lines(run) == whole[1]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_killed_while_saving_it_continues_from_the_checkpoint_before(whole, tmp_path):
    run = tmp_path / "run"
    folder = run / "checkpoints" / "last"
    process = start(run)
    wait_for(
        lambda: (
            folder.exists()
            and any(p.name.isdigit() for p in folder.iterdir())
            and any("tmp" in p.name for p in folder.iterdir())
        ),
        process,
    )
    process.kill()
    process.communicate()
    code, out = finish(run)
    assert code == 0 and "continuing at step" in out, out
    assert parameters(run) == whole[0]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
def test_a_damaged_checkpoint_is_set_aside_and_the_run_ends_alike(whole, tmp_path):
    """The newest one of a run that was stopped has wrong bits in its arrays."""
    run = tmp_path / "run"
    process = start(run)
    wait_for(lambda: (run / "checkpoints" / "last" / "8").is_dir(), process)
    process.kill()
    process.communicate()
    last = run / "checkpoints" / "last"
    newest, before = sorted((int(p.name) for p in last.iterdir() if p.name.isdecimal()), reverse=True)[:2]
    data = max((last / str(newest) / "state").rglob("d/*"), key=lambda path: path.stat().st_size)
    found = bytearray(data.read_bytes())
    found[::100] = bytes(byte ^ 1 for byte in found[::100])
    data.write_bytes(found)
    code, out = finish(run)
    assert code == 0 and "Traceback" not in out, out
    assert f"{newest}' is damaged: " in out or f"{newest}' cannot be read" in out, out
    assert f"damaged_{newest}' now" in out and f"continuing at step {before} " in out, out
    assert (run / "checkpoints" / f"damaged_{newest}" / "state").is_dir()
    assert parameters(run) == whole[0] and lines(run) == whole[1]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_longer_duration_goes_on_with_the_rates_and_phases_it_began_with(tmp_path):
    run = tmp_path / "run"
    stairs = ["--config.optimizer.decay_every=10%", "--config.optimizer.warmup=0 steps"]
    assert finish(run, *stairs, "--config.train.duration=12 steps")[0] == 0
    code, out = finish(run, *stairs, "--config.train.duration=36 steps")
    assert code == 0 and "rates and phases stay those of the 12 steps with which the run began" in out, out
    rates = [line["learning_rate"] for line in lines(run) if "learning_rate" in line]
    assert len(rates) == 12 and rates == sorted(rates, reverse=True) and rates[-1] < rates[3]
    code, out = finish(run, *stairs, "--config.train.duration=39 steps")  # a second time
    assert code == 0 and "those of the 12 steps" in out, out


def test_a_longer_run_has_the_schedule_it_began_with():
    changes = {"optimizer.decay_every": "10%", "optimizer.warmup": "5%", "phases.first": "10%"}
    longer = get_config("quick", changes | {"train.duration": "300 steps", "train.save_every": "10%"})
    before = timetable.schedule(get_config("quick", changes | {"train.duration": "100 steps"}), 7)
    after = timetable.schedule(longer, 7, began="100 steps")
    assert (after.whole, after.save) == (300, 30)
    assert (
        (after.first, after.stair, after.warmup) == (before.first, before.stair, before.warmup) == (10, 10, 5)
    )
    assert timetable.schedule(longer, 7).first == 30


@pytest.mark.slow
def test_another_network_set_or_loss_is_refused_with_both_sides(tmp_path):
    run = tmp_path / "run"
    assert finish(run, "--config.train.duration=4 steps")[0] == 0
    for change, said in (
        ("--config.model.embedding=16", "model.embedding: 8 there, 16 here"),
        ("--config.losses.link=softplus", "losses.link: 'hinge' there, 'softplus' here"),
        ("--config.dataset.synthetic.identities=7", "dataset.synthetic.identities: 6 there, 7 here"),
    ):
        code, out = finish(run, change)
        assert code == 2 and said in out and "Traceback" not in out, out


@pytest.mark.slow
def test_a_full_disk_is_told_in_one_line_and_loses_nothing(tmp_path):
    """A limit on the size of files stands for the full disk: writes fail in the middle of the second
    checkpoint.
    """
    run = tmp_path / "run"
    assert finish(run, "--config.train.duration=4 steps")[0] == 0
    before = parameters(run)
    limit = max(file.stat().st_size for file in (run / "checkpoints").rglob("*") if file.is_file()) - 1
    assert limit > 2 * (run / "config.json").stat().st_size  # the small files of the run still fit
    program = (
        "import resource, signal, sys, runpy; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); sys.argv[0] = 'train'; "
        "runpy.run_module('launch.train', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *SMALL, f"--run={run}"],
        cwd=ROOT,
        text=True,
        capture_output=True,
        env=os.environ | {"XLA_FLAGS": "", "JAX_ENABLE_COMPILATION_CACHE": "false"},
    )
    assert done.returncode == 2 and "cannot be written" in done.stderr and "Traceback" not in done.stderr, (
        done.stderr[-2000:]
    )
    assert parameters(run) == before
    assert finish(run)[0] == 0


@pytest.mark.slow
def test_a_loss_that_is_not_finite_stops_the_run_by_name(tmp_path):
    run = tmp_path / "run"
    code, out = finish(run, "--config.optimizer.learning_rate=1e30", "--config.train.save_every=1 steps")
    assert (
        code == 2 and "is not finite" in out and "optimizer.learning_rate" in out and "Traceback" not in out
    )
    for kind in (run / "checkpoints").iterdir():
        assert kind.name in ("last", "best")


@pytest.mark.slow
def test_early_stop(tmp_path):
    run = tmp_path / "run"
    code, out = finish(
        run, "--config.train.patience=2", "--config.train.least_fall=0.9", "--config.train.duration=50 epochs"
    )
    assert code == 0
    assert steps_logged(run)[-1] < 400
    code, out = finish(
        run, "--config.train.patience=2", "--config.train.least_fall=0.9", "--config.train.duration=50 epochs"
    )
    assert code == 0 and "has not fallen for 2 epochs" in out


def test_a_field_that_a_run_s_version_did_not_have_has_its_default(tmp_path):
    config = get_config("kdef", {"dataset.root": "somewhere"})
    saved = configuration.trimmed(config)
    del saved["dataset"]["kdef"]["links"]
    (tmp_path / "config.json").write_text(json.dumps(saved))
    (tmp_path / "checkpoints" / "last" / "4").mkdir(parents=True)
    resume.check_same(tmp_path, config)
    with pytest.raises(UserError, match="dataset.kdef.links: 'follow' there, 'inside' here"):
        resume.check_same(tmp_path, get_config("kdef", {"dataset.kdef.links": "inside"}))


def test_a_run_that_saved_nothing_may_begin_anew_and_another_may_not(tmp_path):
    """As one whose loss was not finite before the first checkpoint."""
    configuration.write(get_config("quick", {"optimizer.learning_rate": 1e30}), tmp_path / "config.json")
    (tmp_path / "train.jsonl").write_text('{"step": 1}\n')
    slower = get_config("quick", {"optimizer.learning_rate": 1e-3})
    resume.check_same(tmp_path, slower)
    checkpoints = Checkpoints(tmp_path)
    assert "the same folder may begin anew" in resume.after_a_failure(tmp_path, checkpoints)
    (tmp_path / "checkpoints" / "last" / "4").mkdir(parents=True)
    assert "The checkpoint of step 4 is from before it" in resume.after_a_failure(tmp_path, checkpoints)
    with pytest.raises(UserError, match=r"optimizer.learning_rate: 1e\+30 there, 0.001 here"):
        resume.check_same(tmp_path, slower)
    (tmp_path / "config.json").unlink()
    with pytest.raises(UserError, match="holds train.jsonl, checkpoints, which a run would overwrite"):
        resume.check_same(tmp_path, slower)
    with pytest.raises(UserError, match="crop.table: is not read with crop.rule=set"):  # nor in a new one
        configuration.write(slower, tmp_path / "other" / "config.json")
        resume.check_same(tmp_path / "other", configuration.changed(slower, {"crop.table": "boxes.csv"}))


def test_a_run_whose_checkpoints_are_gone_says_so_and_keeps_its_log(tmp_path):
    config, said = get_config("quick"), []
    configuration.write(config, tmp_path / "config.json")
    log = '{"step": 10}\n{"step": 20}\n'
    for k in (1, 2):
        (tmp_path / "train.jsonl").write_text(log)
        position, arrays = resume.from_checkpoint(Checkpoints(tmp_path), config, None, said.append)
        assert (position.step, arrays) == (0, None) and not (tmp_path / "train.jsonl").exists()
        assert (
            "trained until step 20, and no checkpoint of it in checkpoints/: it begins at step 0" in said[-1]
        )
        assert (tmp_path / f"train_before_{k}.jsonl").read_text() == log
    resume.from_checkpoint(Checkpoints(tmp_path), config, None, said.append)
    assert said[-1].endswith("it begins at step 0 again") and len(said) == 3
    resume.from_checkpoint(Checkpoints(tmp_path / "new"), config, None, said.append)
    assert len(said) == 3


def test_a_run_that_has_only_its_best_checkpoint_is_refused_with_what_is_possible(tmp_path):
    (tmp_path / "checkpoints" / "best" / "13").mkdir(parents=True)
    with pytest.raises(UserError, match="the best one, of step 13, is there. Put .* init.checkpoint=best"):
        resume.check_start(Checkpoints(tmp_path), get_config("quick"))
    (tmp_path / "checkpoints" / "last" / "20").mkdir(parents=True)
    resume.check_start(Checkpoints(tmp_path), get_config("quick", {"init.run": str(tmp_path / "gone")}))
    starts = get_config("quick", {"init.run": str(tmp_path), "init.checkpoint": "best"})
    resume.check_start(Checkpoints(tmp_path / "new"), starts)
    with pytest.raises(UserError, match="init.run: '.*new' is no folder; give the folder of a training"):
        here = get_config("quick", {"init.run": str(tmp_path / "new")})
        resume.check_start(Checkpoints(tmp_path / "newer"), here)
