"""Runs in a bucket, for which a folder of this machine stands in, and fsspec's memory."""

import json
import os
import shutil
from pathlib import Path

import pytest

import dmljax
from dmljax import run_folder
from dmljax.runs import buckets, lock, remote
from dmljax.runs.buckets import LIST, Bucket, Mark, Unreachable
from dmljax.types import UserError
from tests.runs.tiny import TINY


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    """A folder that stands in for a bucket; the machine's copies lie beside it."""
    monkeypatch.setenv("DMLJAX_CACHE", str(tmp_path / "machine"))
    return tmp_path / "bucket" / "quick"


def url(bucket):
    return f"file://{bucket}"


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != LIST
    }


def on_another_machine(monkeypatch, tmp_path, name="other"):
    monkeypatch.setenv("DMLJAX_CACHE", str(tmp_path / name))


def put(folder, **contents):
    for name, content in contents.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def test_what_changes_in_the_copy_is_sent_and_comes_back_elsewhere(bucket, tmp_path, monkeypatch):
    said = []
    with remote.at_hand(url(bucket), said.append) as at:
        assert at.folder.name == "quick" and not files(at.folder) and (bucket / LIST).is_file()
        put(at.folder, log="a", checkpoints__last__10__state="ten")
    assert files(bucket) == {"log": b"a", "checkpoints/last/10/state": b"ten"}
    on_another_machine(monkeypatch, tmp_path)
    with remote.at_hand(url(bucket), said.append) as at:
        assert files(at.folder) == files(bucket)
        put(at.folder, log="ab", checkpoints__last__20__state="twenty")
        shutil.rmtree(at.folder / "checkpoints" / "last" / "10")
    assert files(bucket) == {"log": b"ab", "checkpoints/last/20/state": b"twenty"}
    monkeypatch.setenv("DMLJAX_CACHE", str(tmp_path / "machine"))
    copy = remote.fetched(url(bucket), said.append)
    assert files(copy) == files(bucket) and not (copy / "checkpoints" / "last" / "10").exists()
    assert said[0] == f"'{url(bucket)}': 0 files; one works in '{copy}'" and len(said) == 3


def test_only_what_changed_is_moved(bucket, monkeypatch):
    moved = []
    for name in ("get", "put"):
        plain = getattr(Bucket, name)

        def counted(self, names, *rest, _plain=plain, **how):
            moved.append(sorted(names))
            return _plain(self, names, *rest, **how)

        monkeypatch.setattr(Bucket, name, counted)
    with remote.at_hand(url(bucket), print) as at:
        put(at.folder, one="1", two="2")
    with remote.at_hand(url(bucket), print) as at:
        put(at.folder, two="other")
    remote.fetched(url(bucket))
    with remote.at_hand(url(bucket), print):
        pass
    assert [names for names in moved if names] == [["one", "two"], ["two"]]


def test_a_sending_that_was_cut_off_is_not_fetched(bucket, tmp_path, monkeypatch):
    """Files that the list does not name; those of checkpoints are removed by the next sending."""
    with remote.at_hand(url(bucket), print) as at:
        put(at.folder, log="a", checkpoints__last__10__state="ten")
    put(bucket, checkpoints__last__20__state="half", notes="somebody's")
    on_another_machine(monkeypatch, tmp_path)
    with remote.at_hand(url(bucket), print) as at:
        assert sorted(files(at.folder)) == ["checkpoints/last/10/state", "log"]
        put(at.folder, log="ab")
    assert sorted(files(bucket)) == ["checkpoints/last/10/state", "log", "notes"]


def test_a_fetching_that_was_cut_off_begins_again(bucket, tmp_path, monkeypatch):
    with remote.at_hand(url(bucket), print) as at:
        put(at.folder, log="a", state="b" * 1000)
    on_another_machine(monkeypatch, tmp_path)

    def cut_off(self, names, folder, **how):
        put(folder, log="?")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Bucket, "get", cut_off)
        remote.fetched(url(bucket))
    assert files(remote.fetched(url(bucket))) == files(bucket)


def test_a_training_may_send_while_another_machine_fetches(bucket, tmp_path, monkeypatch):
    """The older checkpoint is gone before it is fetched: the new list is fetched instead."""
    with remote.at_hand(url(bucket), print) as at:
        put(at.folder, checkpoints__last__10__state="ten")
    plain, machine = Bucket.get, os.environ["DMLJAX_CACHE"]

    def late(self, names, folder, **how):
        if "checkpoints/last/10/state" in names:
            with pytest.MonkeyPatch.context() as here:
                here.setenv("DMLJAX_CACHE", machine)
                with remote.at_hand(url(bucket), print) as at:
                    put(at.folder, checkpoints__last__20__state="twenty")
                    shutil.rmtree(at.folder / "checkpoints" / "last" / "10")
        return plain(self, names, folder, **how)

    on_another_machine(monkeypatch, tmp_path)
    monkeypatch.setattr(Bucket, "get", late)
    assert files(remote.fetched(url(bucket))) == {"checkpoints/last/20/state": b"twenty"}


def test_a_folder_that_was_copied_into_a_bucket_by_hand(bucket):
    put(bucket, config="c", checkpoints__last__10__state="ten")
    with remote.at_hand(url(bucket), print) as at:
        assert files(at.folder) == files(bucket)
        put(at.folder, evaluation="e")
    assert sorted(files(bucket)) == ["checkpoints/last/10/state", "config", "evaluation"]
    assert (bucket / LIST).is_file()


def test_two_machines_change_different_files(bucket, tmp_path, monkeypatch):
    """One trains while the other evaluates: both are kept, and the first gets the evaluation next time."""
    with remote.at_hand(url(bucket), print) as training:
        put(training.folder, log="a")
        training.hooks[0].on_save("last", 1, training.folder)
        with pytest.MonkeyPatch.context() as there:
            on_another_machine(there, tmp_path)
            with remote.at_hand(url(bucket), print) as evaluating:
                put(evaluating.folder, evaluation__metrics="m")
        put(training.folder, log="ab")
        training.hooks[0].on_save("last", 2, training.folder)
        put(training.folder, log="abc")
    assert files(bucket) == {"log": b"abc", "evaluation/metrics": b"m"}
    assert files(remote.fetched(url(bucket))) == files(bucket)


def test_two_machines_change_the_same_file(bucket, tmp_path):
    with (
        pytest.raises(UserError, match=r"changed by another process meanwhile \(log\); nothing is sent"),
        remote.at_hand(url(bucket), print) as one,
    ):
        put(one.folder, log="mine")
        with pytest.MonkeyPatch.context() as there:
            on_another_machine(there, tmp_path)
            with remote.at_hand(url(bucket), print) as other:
                put(other.folder, log="theirs")
    assert files(bucket) == {"log": b"theirs"} and files(one.folder) == {"log": b"mine"}
    said = []
    with remote.at_hand(url(bucket), said.append) as one:  # nothing is lost
        assert files(one.folder) == {"log": b"theirs"}
    aside = one.folder.with_name("quick-unsent-1")
    assert files(aside) == {"log": b"mine"} and f"what was not sent lies in '{aside}' now" in said[0]


def test_a_bucket_that_cannot_be_reached_for_a_while(bucket, monkeypatch):
    said = []

    def unreachable(self, names, folder):
        raise Unreachable("no route to host")

    with remote.at_hand(url(bucket), said.append) as at:
        with monkeypatch.context() as patched:
            patched.setattr(Bucket, "put", unreachable)
            put(at.folder, log="a")
            at.hooks[0].on_save("last", 5, at.folder)
        assert said[1:] == ["no route to host; the last checkpoint of step 5 is sent with the next one"]
        put(at.folder, log="ab")
        at.hooks[0].on_save("last", 10, at.folder)
        assert files(bucket) == {"log": b"ab"}
    with monkeypatch.context() as patched, pytest.raises(Unreachable):
        patched.setattr(Bucket, "put", unreachable)
        with remote.at_hand(url(bucket), print) as at:
            put(at.folder, log="abc")
    with remote.at_hand(url(bucket), said.append):
        pass
    assert files(bucket) == {"log": b"abc"} and "holds what was not sent" in said[-1]


def test_an_error_in_the_block_stays_and_its_files_are_sent(bucket):
    with pytest.raises(RuntimeError, match="not finite"), remote.at_hand(url(bucket), print) as at:
        put(at.folder, log="a")
        raise RuntimeError("not finite")
    assert files(bucket) == {"log": b"a"}


def test_what_is_not_the_runs_for_long_is_not_sent(bucket):
    with remote.at_hand(url(bucket), print) as at:
        put(at.folder, log="a", **{".log.17.part": "half", lock.FILE: "me"})
        put(at.folder, **{"checkpoints__last__10.orbax-checkpoint-tmp-3__state": "half"})
    assert files(bucket) == {"log": b"a"}


def test_a_second_process_of_the_same_machine_uses_the_same_copy(bucket):
    said = []
    with remote.at_hand(url(bucket), print) as at, remote.at_hand(url(bucket), said.append) as also:
        assert also.folder == at.folder and also.hooks == ()
        put(also.folder, evaluation="e")
    assert files(bucket) == {"evaluation": b"e"}
    assert said == [f"'{url(bucket)}': another process works in its copy, '{at.folder}', and sends what"
                    " changes in it"]  # fmt: skip


def test_a_folder_of_this_machine_is_at_hand(tmp_path):
    with remote.at_hand(tmp_path / "run", print) as at:
        assert at == (tmp_path / "run", ())
    assert remote.fetched("~/run") == Path.home() / "run"


def test_other_schemes_of_fsspec(monkeypatch, tmp_path):
    import fsspec

    monkeypatch.setenv("DMLJAX_CACHE", str(tmp_path))
    with remote.at_hand("memory://bucket/runs/one", print) as at:
        put(at.folder, log="a")
    memory = fsspec.filesystem("memory")
    try:
        assert memory.cat("/bucket/runs/one/log") == b"a"
    finally:
        memory.rm("/bucket", recursive=True)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nowhere://bucket/run", "'nowhere://bucket/run' cannot be opened: Protocol not known: nowhere"),
        ("file://", "names no folder in a bucket; give one such as gs://BUCKET/runs/quick"),
    ],
)
def test_names_that_are_none(name, told, monkeypatch, tmp_path):
    monkeypatch.setenv("DMLJAX_CACHE", str(tmp_path))
    with pytest.raises(UserError) as error:
        remote.fetched(name)
    assert told in str(error.value)


def test_a_client_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(buckets._CLIENTS, "gs", "no_such_client")
    with pytest.raises(UserError, match=r"no_such_client, needed for folders in gs://.*dmljax\[buckets\]"):
        remote.fetched("gs://bucket/run")


def test_a_bucket_that_fails_is_told_in_one_line(bucket):
    put(bucket, **{LIST: "{"})
    with pytest.raises(Unreachable, match=r"quick' cannot be read: Expecting property name"):
        remote.fetched(url(bucket))


def test_where_a_bucket_cannot_be_named():
    with pytest.raises(UserError, match=r"folder: 'gs://b/s' lies in a bucket, and this must be a folder of"):
        run_folder.named("gs://b/s", "folder")


def test_marks_are_what_they_were(tmp_path):
    listed = buckets.Listed("x", {"a/b": Mark(3, 1_700_000_000_123_456_789)})
    listed.write(tmp_path / "list")
    assert buckets.Listed.of_text((tmp_path / "list").read_text()) == listed


def lines(folder):
    return [json.loads(line) for line in (folder / "train.jsonl").read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_run_in_a_bucket_goes_on_on_another_machine(standard_promotion, bucket, tmp_path, monkeypatch):
    """Half of it here, the rest where nothing of it lies, equals one run of a folder; then it is used."""
    rendered = str(tmp_path / "rendered")
    own = TINY | {
        "dataset.root": rendered,
        "train.log_every": "1 step",
        "train.save_every": "2 steps",
        "split.validation": 0.3,
        "dataset.synthetic.identities": 8,
    }
    config = lambda duration: dmljax.get_config("quick", own | {"train.duration": duration})
    quiet = {"progress": False, "say": lambda line: None}
    dmljax.train(config("6 steps"), tmp_path / "whole", **quiet)

    class Stopped(Exception):
        pass

    class Stops:
        def on_save(self, kind, step, folder):
            if step == 4 and kind == "last":
                raise Stopped

    with pytest.raises(Stopped):
        dmljax.train(config("6 steps"), url(bucket), hooks=[Stops()], **quiet)
    on_another_machine(monkeypatch, tmp_path)
    done = dmljax.train(config("6 steps"), url(bucket), **quiet)
    same = lambda folder: [
        {k: v for k, v in line.items() if k not in ("steps_per_second", "seconds")} for line in lines(folder)
    ]
    assert same(bucket) == same(tmp_path / "whole") and same(done.run) == same(bucket)
    scores = dmljax.evaluate(url(bucket), progress=False, say=lambda line: None)
    assert (bucket / "evaluation" / "metrics.json").is_file()
    assert dict(scores) == dict(dmljax.evaluate(tmp_path / "whole", progress=False))
    on_another_machine(monkeypatch, tmp_path, "third")
    assert dmljax.load(url(bucket)).digest == dmljax.load(tmp_path / "whole").digest
    began = dmljax.get_config("quick", own | {"init.run": url(bucket), "train.duration": "1 step"})
    dmljax.train(began, tmp_path / "from_it", **quiet)
    assert lines(tmp_path / "from_it")
