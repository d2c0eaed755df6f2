"""Runs in a bucket: who may work in one, what its copy holds, and names that are none."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dmljax import run_folder
from dmljax.runs import buckets, copy_state, lock, remote
from dmljax.runs.buckets import Unreachable
from dmljax.runs.contents import Mark
from dmljax.runs.copies import Copy
from dmljax.types import UserError
from tests.runs.saves import checkpoint, files, put, save, url


def test_of_two_trainings_the_one_that_began_last_goes_on(bucket, machine):
    said = []
    with pytest.raises(UserError, match=r"another training has begun in .*, so this one stops; what it has"):
        with remote.training(url(bucket), print) as one:
            save(one, 10)
            machine("other")
            with remote.training(url(bucket), print) as other:
                save(other, 20)
                machine("first")
                save(one, 15)
    assert files(bucket) == {"log": "until 20"} | checkpoint(10) | checkpoint(20)
    with remote.training(url(bucket), said.append) as one:
        assert files(one.folder) == files(bucket)
    aside = one.folder.with_name("quick-unsent-1")
    assert files(aside) == {"log": "until 15"} | checkpoint(15) and f"lies in '{aside}'" in said[0]


def test_a_copy_that_was_removed_comes_back(bucket):
    """By a purge of the cache, or by hand; nothing is removed from the bucket for it."""
    with remote.training(url(bucket), print) as at:
        save(at, 10)
    before = files(bucket)
    for gone in (at.folder, at.folder / "checkpoints", at.folder.parent):
        shutil.rmtree(gone)
        with remote.at_hand(url(bucket), print) as at:
            assert files(at.folder) == before
    assert files(bucket) == before


def test_a_bucket_that_was_emptied(bucket):
    said = []
    with remote.training(url(bucket), print) as at:
        save(at, 10)
    before = files(bucket)
    shutil.rmtree(bucket)
    with pytest.raises(UserError, match="there is no run in"):
        remote.fetched(url(bucket))  # who only reads decides nothing
    assert files(at.folder) == before
    with remote.training(url(bucket), said.append) as at:
        assert not files(at.folder)
    aside = at.folder.with_name("quick-removed-1")
    assert (
        files(aside) == before and said[0] == f"'{url(bucket)}' is empty now; what it held lies in '{aside}'"
    )


def test_a_folder_that_was_copied_into_a_bucket_by_hand(bucket, machine):
    for name, content in ({"log": "until 10", "config": "c"} | checkpoint(10)).items():
        put(bucket, **{name.replace("/", "__"): content})
    whole = files(bucket)
    assert files(remote.fetched(url(bucket))) == whole
    with remote.training(url(bucket), print) as at:
        assert files(at.folder) == whole
        machine("other")
        assert files(remote.fetched(url(bucket))) == whole
        machine("first")
        save(at, 20)
    assert files(bucket) == whole | {"log": "until 20"} | checkpoint(20)


def test_folds_and_the_folder_above_them(bucket, machine):
    """A fold goes on by itself, and all are evaluated elsewhere."""
    with remote.training(f"{url(bucket)}/fold_0", print) as fold:
        save(fold, 10)
    machine("other")
    with remote.at_hand(url(bucket), print) as whole:
        put(whole.folder, evaluation__metrics="of 10")
    machine("first")
    with remote.training(f"{url(bucket)}/fold_0", print) as fold:
        save(fold, 20, replaces=10)
    machine("other")
    with remote.at_hand(url(bucket), print) as whole:
        assert checkpoint(20, "fold_0/checkpoints/last").items() <= files(whole.folder).items()
        assert not (whole.folder / "fold_0" / "checkpoints" / "last" / "10").exists()
        put(whole.folder, evaluation__metrics="of 20")
    expected = {"evaluation/metrics": "of 20", "fold_0/log": "until 20"}
    assert files(bucket) == expected | checkpoint(20, "fold_0/checkpoints/last")


TRAIN = """
import sys
from dmljax.runs import remote
with remote.training(sys.argv[1], print) as at:
    print("trains", flush=True)
    sys.stdin.read()
"""


def test_while_a_training_of_this_machine_runs(bucket):
    with remote.training(url(bucket), print) as at:
        save(at, 10)
    held = subprocess.Popen(
        [sys.executable, "-c", TRAIN, url(bucket)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert any("trains" in line for line in held.stdout)
        put(at.folder, log="until 12")
        with remote.at_hand(url(bucket), print) as also:
            assert also.folder == at.folder and files(also.folder)["log"] == "until 12"
            put(also.folder, evaluation__metrics="m")
        assert files(bucket)["evaluation/metrics"] == "m"
        with pytest.raises(UserError, match=f"is in use by process {held.pid}"):
            with remote.training(url(bucket), print):
                pass
    finally:
        held.communicate("")
    assert held.returncode == 0


def test_what_is_not_the_runs_for_long_is_not_sent(bucket):
    with remote.training(url(bucket), print) as at:
        put(at.folder, log="a", **{".log.17.part": "half", lock.FILE: "me"})
        put(at.folder, **{"checkpoints__last__10.orbax-checkpoint-tmp-3__state": "half"})
    assert files(bucket) == {"log": "a"}


def test_times_tell_what_is_later(bucket, machine):
    with remote.training(url(bucket), print) as at:
        put(at.folder, log="a", evaluation="b")
    for name, time in (("evaluation", 1_700_000_000), ("log", 1_700_000_100)):
        os.utime(bucket / name, (time, time))
    machine("other")
    copy = remote.fetched(url(bucket))
    assert (copy / "log").stat().st_mtime - (copy / "evaluation").stat().st_mtime == 100


@pytest.mark.parametrize("time", ["2026-11-27T17:00:00Z", "2026-11-27 17:00:00+00:00", 1_795_798_800.0, None])
def test_times_as_clients_tell_them(time):
    assert buckets._time({"updated": time}) == (1_795_798_800.0 if time else 0)


def test_a_folder_of_this_machine_is_at_hand(tmp_path):
    with remote.at_hand(tmp_path / "run", print) as at, remote.training(str(tmp_path / "run"), print) as also:
        assert at == also == (tmp_path / "run", ())
    assert remote.fetched("~/run") == Path.home() / "run"


def test_other_schemes_of_fsspec(machine):
    import fsspec

    machine("first")
    with remote.training("memory://bucket/runs/one", print) as at:
        save(at, 10)
    memory = fsspec.filesystem("memory")
    try:
        machine("other")
        assert memory.cat("/bucket/runs/one/log") == b"until 10"
        assert checkpoint(10).items() <= files(remote.fetched("memory://bucket/runs/one")).items()
    finally:
        memory.rm("/bucket", recursive=True)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nowhere://bucket/run", "'nowhere://bucket/run' cannot be opened: Protocol not known: nowhere"),
        ("file://", "'file://' names no folder in a bucket; give one such as gs://BUCKET/runs/quick"),
        ("gs://bucket/", "'gs://bucket/' names no folder in a bucket"),
    ],
)
def test_names_that_are_none(name, told, machine):
    machine("first")
    with pytest.raises(UserError) as error:
        remote.fetched(name)
    assert told in str(error.value)


def test_a_name_with_a_mistake_writes_nothing(bucket):
    with pytest.raises(UserError, match=rf"^run: there is no run in '{url(bucket)}s', or it"):
        with remote.at_hand(f"{url(bucket)}s", print):
            pass
    assert not Path(f"{bucket}s").exists()


def test_a_client_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(buckets._CLIENTS, "gs", "no_such_client")
    with pytest.raises(UserError, match=r"no_such_client, needed for folders in gs://.*dmljax\[buckets\]"):
        remote.fetched("gs://bucket/run")


def test_a_bucket_that_fails_is_told_in_one_line(bucket, monkeypatch):
    def fails(*_, **__):
        raise RuntimeError("quota\nexceeded")

    copy = Copy(url(bucket), print)
    monkeypatch.setattr(copy.bucket._client, "find", fails)
    with pytest.raises(Unreachable, match=r"quick': files cannot be listed: quota exceeded$"):
        copy.fetch(progress=False)


def test_where_a_bucket_cannot_be_named():
    with pytest.raises(
        UserError, match=r"^folder: 'gs://b/s' lies in a bucket; give a folder of this machine"
    ):
        run_folder.named("gs://b/s", "folder")


def test_what_is_known_of_a_copy_is_read_as_it_was_written(tmp_path):
    known = copy_state.Known("v", Mark(3, 1_700_000_000_123_456_789))
    state = copy_state.State(
        "t", {"a/b": known}, {"checkpoints/last/3": copy_state.Checkpoint("w", {"checkpoints/last/3/a": 7})}
    )
    state.write(tmp_path)
    assert copy_state.read(tmp_path) == state
    (tmp_path / copy_state.FILE).write_text(json.dumps({"files": 3}))
    assert copy_state.read(tmp_path) == copy_state.NOTHING
