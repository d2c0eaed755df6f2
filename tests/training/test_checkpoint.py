"""Checkpoints: what is saved comes back, and saving leaves the process as it was."""

import logging
import shutil
import sys
import threading

import jax
import numpy as np
import pytest

from dmljax.training import digests, quiet
from dmljax.training.checkpoint import Checkpoints, Damaged
from dmljax.types import UserError

LOGGERS = ("absl", "asyncio", "concurrent.futures")

# orbax's threads may speak of a failed read later than these tests wait for them (quiet.SETTLE_S)
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def process():
    """What belongs to the whole process: its hooks and the levels of its loggers."""
    levels = [logging.getLogger(name).level for name in LOGGERS]
    return threading.excepthook, sys.unraisablehook, levels


@pytest.fixture
def hooks(monkeypatch):
    """Hooks and a level of the caller's own."""
    monkeypatch.setattr(threading, "excepthook", lambda args: None)
    monkeypatch.setattr(sys, "unraisablehook", lambda args: None)
    logger = logging.getLogger("absl")
    before = logger.level
    logger.setLevel(logging.INFO)
    yield process()
    logger.setLevel(before)


def test_a_save_leaves_hooks_and_levels(hooks, tmp_path):
    state = {"weights": np.arange(6.0, dtype=np.float32).reshape(2, 3)}
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save("last", 3, state, {"position": {"step": 3}})
    assert process() == hooks
    again = Checkpoints(tmp_path)
    found = again.newest()
    assert again.latest() == found.step == 3 and found.position == {"position": {"step": 3}}
    like = jax.tree.map(np.zeros_like, state)
    np.testing.assert_array_equal(digests.filled(like, found.arrays)["weights"], state["weights"])
    checkpoints.close()
    again.close()
    assert process() == hooks


def test_a_save_that_another_process_should_have_joined_says_so(tmp_path, monkeypatch):
    def barrier(*args):
        raise RuntimeError("save failed") from jax.errors.JaxRuntimeError("UNAVAILABLE: no heartbeat of 1")

    checkpoints = Checkpoints(tmp_path)
    monkeypatch.setattr(checkpoints, "_write", barrier)
    for processes, said in ((1, "save failed; see to it"), (2, "another process of the run has ended")):
        monkeypatch.setattr(jax, "process_count", lambda count=processes: count)
        with pytest.raises(UserError, match=f"step 3 cannot be written to '.*': {said}"):
            checkpoints.save("last", 3, {"weights": np.zeros(2, np.float32)}, {})


def test_a_failed_save_leaves_them_too(hooks, tmp_path, monkeypatch):
    monkeypatch.setattr(quiet, "SETTLE_S", 0.0)
    monkeypatch.setattr(quiet, "LATE_S", 0.0)
    (tmp_path / "checkpoints").write_text("a file where the folder should be")
    with pytest.raises(UserError, match="the checkpoint of step 3 cannot be written"):
        Checkpoints(tmp_path).save("last", 3, {"weights": np.zeros(2, np.float32)}, {})
    assert process() == hooks


def test_what_threads_say_after_a_failure_is_not_heard(hooks, monkeypatch):
    monkeypatch.setattr(quiet, "SETTLE_S", 0.2)
    monkeypatch.setattr(quiet, "LATE_S", 0.0)
    heard = []
    monkeypatch.setattr(threading, "excepthook", heard.append)

    def late():
        threading.Event().wait(0.1)
        raise RuntimeError("of a write that was under way")

    with pytest.raises(OSError, match="full"), quiet.quiet():
        threading.Thread(target=late).start()
        raise OSError("full")
    assert heard == [] and threading.excepthook == heard.append


def tree(step):
    rng = np.random.default_rng(step)
    weights = {"kernel": rng.normal(size=(20, 30)).astype(np.float32), "bias": np.full(3, step, np.float32)}
    return {"ema": {"params": {"trunk": weights}, "batch_stats": {}}, "moments": (np.int32(step), weights)}


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A run folder with checkpoints of the steps 4 and 8."""
    run = tmp_path_factory.mktemp("two")
    checkpoints = Checkpoints(run)
    for step in (4, 8):
        checkpoints.save("last", step, tree(step), {"position": {"step": step, "epoch_sum": 0.1 * step}})
    checkpoints.close()
    return run


@pytest.fixture
def copy(two, tmp_path, monkeypatch):
    monkeypatch.setattr(quiet, "SETTLE_S", 0.2)
    monkeypatch.setattr(quiet, "LATE_S", 0.0)
    return shutil.copytree(two, tmp_path / "run")


def is_that_of(saved, step):
    """Whether a checkpoint that was read holds what was saved at this step."""
    then = digests.named(tree(step))
    return (
        saved.step == step
        and saved.position == {"position": {"step": step, "epoch_sum": 0.1 * step}}
        and saved.arrays.keys() == then.keys()
        and all(np.array_equal(saved.arrays[name], then[name]) for name in then)
    )


def flip(path, where):
    found = bytearray(path.read_bytes())
    found[int(where * len(found))] ^= 4
    path.write_bytes(found)


DAMAGES = {
    "first byte": lambda path: flip(path, 0.0),
    "bit in the first third": lambda path: flip(path, 0.3),
    "bit in the last third": lambda path: flip(path, 0.7),
    "last byte": lambda path: flip(path, 0.999),
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "empty": lambda path: path.write_bytes(b""),
    "gone": lambda path: path.unlink(),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}
QUICK = ("bit in the last third", "cut", "gone")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "damage", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in DAMAGES]
)
def test_damage_of_any_file_is_noticed_or_changes_nothing(copy, damage):
    """Every file of the newest checkpoint is damaged in turn; the one before is taken where it matters."""
    folder = copy / "checkpoints" / "last" / "8"
    noticed = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        aside = shutil.copytree(folder, copy / "aside")
        if path.stat().st_size:
            DAMAGES[damage](path)
            saved, damaged = Checkpoints(copy).whole()
            assert is_that_of(saved, 4 if damaged else 8), path
            if damaged:
                assert [one.step for one in damaged] == [8] and f"'{folder}'" in str(damaged[0])
                noticed.append(path)
        shutil.rmtree(folder)
        aside.rename(folder)
    assert any("/d/" in str(path) for path in noticed) and folder / "position" / "metadata" in noticed
    assert is_that_of(Checkpoints(copy).newest(), 8)


def test_what_belongs_to_another_checkpoint_is_damage(copy):
    """A state of another step, an edited position, a folder that was renamed."""
    last = copy / "checkpoints" / "last"
    shutil.copytree(last / "8", last / "12")
    with pytest.raises(Damaged, match="12' is damaged: its position differ"):
        Checkpoints(copy).newest()
    shutil.rmtree(last / "12")
    position = last / "8" / "position" / "metadata"
    position.write_text(position.read_text().replace('"step": 8', '"step": 9'))
    with pytest.raises(Damaged, match="8' is damaged: its position differ"):
        Checkpoints(copy).newest()
    shutil.rmtree(last / "8" / "state")
    shutil.copytree(last / "4" / "state", last / "8" / "state")
    with pytest.raises(Damaged, match=r"its position, ema/params/trunk/bias, ema/\S*kernel and 3 more"):
        Checkpoints(copy).newest()


def test_a_damaged_one_is_set_aside_and_saved_again(copy):
    flip(copy / "checkpoints" / "last" / "8" / "position" / "metadata", 0.5)
    checkpoints = Checkpoints(copy)
    assert checkpoints.set_aside(8) == copy.resolve() / "checkpoints" / "damaged_8"
    checkpoints.save("last", 8, tree(8), {"position": {"step": 8, "epoch_sum": 0.8}})
    assert checkpoints.steps() == [8, 4] and is_that_of(checkpoints.newest(), 8)
    assert checkpoints.set_aside(8).name == "damaged_8_2"
    checkpoints.close()


def test_where_none_is_whole_nothing_is_begun_anew(copy):
    for step in ("4", "8"):
        flip(copy / "checkpoints" / "last" / step / "position" / "metadata", 0.5)
    with pytest.raises(UserError, match="no checkpoint of .* is whole: .*8' .*4' .* another folder"):
        Checkpoints(copy).whole()
    assert Checkpoints(copy / "nobody's").whole() == (None, [])


def test_a_checkpoint_of_an_older_version_has_no_digests(copy):
    shutil.rmtree(copy / "checkpoints" / "last" / "8" / "digests")
    assert is_that_of(Checkpoints(copy).newest(), 8)


def test_a_reader_writes_nothing_and_leaves_what_is_being_written(copy):
    """Not even what looks like the rest of a save that was killed: it may be one that goes on."""
    last = copy / "checkpoints" / "last"
    (last / "12.orbax-checkpoint-tmp").mkdir()
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*")}
    reader = Checkpoints(copy)
    assert is_that_of(reader.newest(), 8) and reader.latest("best") is None
    with pytest.raises(UserError, match="^checkpoint: no checkpoint in .*best'; there is one in last$"):
        reader.newest("best")
    assert {path: path.stat().st_mtime_ns for path in copy.rglob("*")} == before


def test_a_checkpoint_replaced_while_it_is_read_is_no_damage(copy, monkeypatch):
    last, real = copy / "checkpoints" / "last", Checkpoints.read

    def replaced(self, kind, step):
        if step == 8:
            shutil.copytree(last / "4", last / "16")
            shutil.rmtree(last / "8")
        return real(self, kind, step)

    monkeypatch.setattr(Checkpoints, "read", replaced)
    with pytest.raises(Damaged, match="16"):  # of step 4 by its digest
        Checkpoints(copy).newest()


@pytest.mark.parametrize("name", ["a[x]", "b*", "c?"])
def test_a_path_that_orbax_takes_for_a_pattern_is_found_before_the_first_step(tmp_path, name):
    with pytest.raises(UserError, match="could not be read back; give another folder"):
        Checkpoints(tmp_path / name / "run").check_name()


def test_a_run_moved_to_such_a_path_can_be_read(two, tmp_path):
    moved = shutil.copytree(two, tmp_path / "a[x]" / "run")
    assert is_that_of(Checkpoints(moved).newest(), 8)
    with pytest.raises(UserError, match=r"a \\ in its name"):
        Checkpoints(tmp_path / "b\\c")


def test_what_cannot_be_read_back_is_told_after_the_first_save(tmp_path):
    (tmp_path / "a[x]").mkdir()
    with pytest.raises(UserError, match="3' cannot be read"):
        Checkpoints(tmp_path / "a[x]").save("last", 3, tree(3), {})


def test_a_run_folder_removed_while_training_is_told(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    checkpoints = Checkpoints(run)
    checkpoints.save("last", 4, tree(4), {})
    shutil.rmtree(run / "checkpoints")
    with pytest.raises(UserError, match="was removed while the run was training; step 8 is not saved"):
        checkpoints.save("last", 8, tree(8), {})
    shutil.rmtree(run)
    with pytest.raises(UserError, match="was removed"):
        Checkpoints(run).save("last", 8, tree(8), {})
    assert not run.exists()


def test_arrays_go_back_into_the_tree_they_came_from():
    arrays = digests.named(tree(8))
    again = digests.filled(tree(0), arrays)
    assert jax.tree.all(jax.tree.map(np.array_equal, again, tree(8)))
    with pytest.raises(UserError, match=r"'moments/0' is int32 \[2\] there, int32 \[\] here"):
        digests.filled(tree(0), arrays | {"moments/0": np.zeros(2, np.int32)})
    with pytest.raises(UserError, match="it lacks nothing and has more beside"):
        digests.filled(tree(0), arrays | {"more": np.zeros(2)})
