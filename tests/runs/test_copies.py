"""What one machine sends and another fetches, whenever either of them ends."""

import shutil
import threading

import pytest

from dmljax.runs import remote, sent
from dmljax.runs.buckets import Bucket, Unreachable
from dmljax.runs.contents import contents
from dmljax.runs.copies import Copy
from dmljax.runs.copy_state import State
from dmljax.types import UserError
from tests.runs.saves import checkpoint, files, put, save, unreachable, url


def test_a_training_goes_on_elsewhere(bucket, machine):
    said = []
    with remote.training(url(bucket), said.append) as at:
        assert at.folder.name == "quick" and not files(at.folder)
        save(at, 10)
        assert files(bucket) == {"log": "until 10"} | checkpoint(10)
        save(at, 20)
    machine("second")
    with remote.training(url(bucket), said.append) as at:
        assert files(at.folder) == files(bucket)
        save(at, 30, replaces=10)
        put(at.folder, log="until 35")
    last = {"log": "until 35"} | checkpoint(20) | checkpoint(30)
    assert files(bucket) == last
    machine("first")
    assert files(remote.fetched(url(bucket))) == last
    assert len(said) == 2 and said[1] == f"'{url(bucket)}': its copy here is '{at.folder}'"


def test_only_what_changed_is_moved(bucket, monkeypatch):
    moved = []
    for name in ("get", "put"):
        plain = getattr(Bucket, name)

        def counted(self, names, folder, _plain=plain, **how):
            names = list(names)
            moved.extend(names)
            return _plain(self, names, folder, **how)

        monkeypatch.setattr(Bucket, name, counted)
    with remote.training(url(bucket), print) as at:
        save(at, 10)
    assert sorted(moved) == sorted(["log", *checkpoint(10)])
    moved.clear()
    with remote.training(url(bucket), print) as at:
        save(at, 20)
    with remote.at_hand(url(bucket), print) as at:
        put(at.folder, evaluation__metrics="m")
    remote.fetched(url(bucket))
    assert sorted(moved) == sorted(["log", *checkpoint(20), "evaluation/metrics"])


class Killed(BaseException):
    """The end of a process."""


class Mortal:
    """Ends what works with buckets at the n-th call of one of their methods, before or after it is done."""

    def __init__(self, patch, n, *, after):
        self.calls, self.n, self.after = 0, n, after
        for owner, names in (
            (Bucket, ("files", "get", "put", "read", "write", "remove")),
            (State, ("write",)),
        ):
            for name in names:
                patch.setattr(owner, name, self.mortal(getattr(owner, name)))

    def mortal(self, plain):
        def method(*arguments, **how):
            self.calls += 1
            if self.calls > self.n or (self.calls == self.n and not self.after):
                raise Killed
            done = plain(*arguments, **how)
            if self.calls == self.n:
                raise Killed
            return done

        return method


def two_saves(bucket):
    with remote.training(url(bucket), print) as at:
        save(at, 20)
        save(at, 30, replaces=10)
        put(at.folder, log="until 33")


@pytest.mark.parametrize("after", [False, True])
def test_killed_at_any_moment(bucket, tmp_path, machine, after):
    """Another machine gets whole checkpoints, at least the last that was sent; this one loses nothing."""
    with remote.training(url(bucket), print) as at:
        save(at, 10)
    folder = at.folder
    start, copy = tmp_path / "start", tmp_path / "first"
    shutil.copytree(bucket, start / "bucket")
    shutil.copytree(copy, start / "copy")
    with pytest.MonkeyPatch.context() as patch:
        counted = Mortal(patch, 10**9, after=after)
        two_saves(bucket)
    seen = set()
    for n in range(1, counted.calls + 1):
        for place, name in ((bucket, "bucket"), (copy, "copy")):
            shutil.rmtree(place)
            shutil.copytree(start / name, place)
        machine("first")
        with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
            Mortal(patch, n, after=after)
            two_saves(bucket)
        made = files(folder)
        own = [step for step in (10, 20, 30) if checkpoint(step).items() <= made.items()]
        machine(f"other {n}")
        fetched = files(remote.fetched(url(bucket)))
        whole = {step for step in (10, 20, 30) if checkpoint(step).items() <= fetched.items()}
        assert fetched.keys() == {"log"}.union(*map(checkpoint, whole)) and whole, n
        seen.add(max(whole))
        machine("first")
        with remote.training(url(bucket), print) as at:
            expected = checkpoint(max([*own, *whole])) | {"log": made.get("log", fetched["log"])}
            assert expected.items() <= files(at.folder).items(), n
            save(at, 40)
        assert files(bucket) == files(at.folder) and checkpoint(40).items() <= files(bucket).items(), n
    assert seen == {10, 20, 30}


@pytest.mark.parametrize("sends", ["trainer", "evaluator"])
def test_one_trains_while_the_other_evaluates(bucket, machine, sends):
    """The other's sending begins and ends while the files of the one are on their way."""
    with remote.training(url(bucket), print) as at:
        save(at, 10)
    plain, interleaved = Bucket.put, []
    machine("other")
    with remote.at_hand(url(bucket), print) as other:
        put(other.folder, evaluation__metrics="of 10")
        machine("first")
        with remote.training(url(bucket), print) as at:

            def meanwhile(self, names, folder):
                names = list(names)
                if not any("/20/" in name for name in names) and sends == "trainer" or not names:
                    return plain(self, names, folder)
                plain(self, names[:1], folder)
                patch.setattr(Bucket, "put", plain)
                Copy.send(evaluator if sends == "trainer" else at.hooks[0], checkpoints=sends != "trainer")
                interleaved.append(sends)
                return plain(self, names[1:], folder)

            machine("other")
            evaluator = Copy(url(bucket), print)
            machine("first")
            with pytest.MonkeyPatch.context() as patch:
                if sends == "evaluator":
                    for part in ("a", "b"):
                        put(at.folder, **{f"checkpoints__last__20__state__{part}": f"{part} of 20"})
                    patch.setattr(Bucket, "put", meanwhile)
                    evaluator.send(checkpoints=False)
                else:
                    patch.setattr(Bucket, "put", meanwhile)
                    save(at, 20)
    assert interleaved == [sends]
    expected = checkpoint(10) | checkpoint(20) | {"evaluation/metrics": "of 10"}
    assert expected.items() <= files(bucket).items()
    assert files(remote.fetched(url(bucket))) == files(bucket)


def test_an_evaluation_elsewhere_does_not_make_a_training_go_back(bucket, machine, monkeypatch):
    with remote.training(url(bucket), print) as at:
        save(at, 10)
        with monkeypatch.context() as patch:
            patch.setattr(Bucket, "put", unreachable)
            save(at, 50)  # which is not sent
    # and the block's end has sent it: begin again with one that is not
    with pytest.raises(Unreachable), monkeypatch.context() as patch:
        with remote.training(url(bucket), print) as at:
            patch.setattr(Bucket, "put", unreachable)
            save(at, 60)
    machine("other")
    with remote.at_hand(url(bucket), print) as other:
        put(other.folder, evaluation__metrics="of 50")
    machine("first")
    with remote.training(url(bucket), print) as at:
        assert {"evaluation/metrics": "of 50", **checkpoint(60)}.items() <= files(at.folder).items()
    assert checkpoint(60).items() <= files(bucket).items()


def test_a_bucket_that_cannot_be_reached_for_a_while(bucket, monkeypatch):
    said = []
    with remote.training(url(bucket), said.append) as at:
        with monkeypatch.context() as patch:
            patch.setattr(Bucket, "put", unreachable)
            save(at, 5)
        assert said[1:] == ["no route to host; the last checkpoint of step 5 is sent with the next one"]
        save(at, 10)
        assert files(bucket) == {"log": "until 10"} | checkpoint(5) | checkpoint(10)
    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="not finite"):
        with remote.training(url(bucket), said.append) as at:
            patch.setattr(Bucket, "put", unreachable)
            put(at.folder, log="until 12")
            raise RuntimeError("not finite")
    assert said[-1] == f"no route to host; what was not sent lies in '{at.folder}'"


@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_checkpoint_that_was_damaged_in_the_bucket_does_not_count(bucket, machine, damage):
    with remote.training(url(bucket), print) as at:
        save(at, 10)
        save(at, 20)
    file = bucket / "checkpoints" / "last" / "20" / "state" / "a"
    file.write_text("a o") if damage == "cut" else file.unlink()
    machine("other")
    with remote.training(url(bucket), print) as at:
        assert files(at.folder) == {"log": "until 20"} | checkpoint(10)
        save(at, 20)
    assert files(bucket) == {"log": "until 20"} | checkpoint(10) | checkpoint(20)


def test_an_old_copy_brings_nothing_back(bucket, machine):
    """The folder was emptied and trained in anew; a machine that knows the old run evaluates."""
    with remote.training(url(bucket), print) as at:
        save(at, 20)
        save(at, 30)
    machine("old")
    remote.fetched(url(bucket))
    shutil.rmtree(bucket)
    machine("first")
    with remote.training(url(bucket), print) as at:
        save(at, 10)
        put(at.folder, checkpoints__last__20__state__a="a of 20 anew")
        put(at.folder, checkpoints__last__20__state__b="b of 20 anew")
    new = files(bucket)
    machine("old")
    with remote.at_hand(url(bucket), print) as at:
        lying = files(at.folder)
        assert lying.items() <= new.items() and lying["checkpoints/last/20/state/a"] == "a of 20 anew"
    assert files(bucket) == new


def test_killed_while_fetching_and_the_bucket_goes_on(bucket, machine):
    """What came and was not noted is no work of this machine that may replace a later log."""
    with remote.training(url(bucket), print) as at:
        save(at, 10)
    machine("other")
    remote.fetched(url(bucket))
    for n in range(1, 8):
        machine("first")
        with remote.training(url(bucket), print) as at:
            save(at, 10 + n)
        machine("other")
        with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
            Mortal(patch, n, after=True)
            remote.fetched(url(bucket))
            raise Killed
        machine("first")
        with remote.training(url(bucket), print) as at:
            save(at, 20 + n)
        last = files(bucket)
        machine("other")
        with remote.at_hand(url(bucket), print) as at:
            assert files(at.folder)["log"] == last["log"]
        assert files(bucket) == last


def test_a_purge_of_single_files(bucket):
    with remote.training(url(bucket), print) as at:
        save(at, 10)
    whole = files(bucket)
    for names in (["checkpoints/last/10/state/a"], list(checkpoint(10)), ["log"]):
        for name in names:
            (at.folder / name).unlink()
        assert files(remote.fetched(url(bucket))) == whole


def test_a_folder_copied_by_hand_with_what_a_kill_has_left(bucket):
    put(bucket, log="l", **{".lock": "me", ".log.3.part": "half", "checkpoints__last__10__state__a": "a"})
    put(bucket, **{"checkpoints__last__20.orbax-checkpoint-tmp-3__a": "half"})
    expected = {"log": "l", "checkpoints/last/10/state/a": "a"}
    for _ in range(2):
        assert files(remote.fetched(url(bucket))) == expected


def test_a_run_of_any_name(bucket, machine):
    for name in ("incoming", "state.json", "copy"):
        with remote.training(f"{url(bucket)}/{name}", print) as at:
            put(at.folder, log=name)
        assert files(remote.fetched(f"{url(bucket)}/{name}")) == {"log": name}


def test_an_evaluation_where_an_older_training_ran_replaces_nothing(bucket, machine):
    with remote.training(url(bucket), print) as at:
        save(at, 10)
        put(at.folder, log="until 12")  # which is not sent
        machine("other")
        with remote.training(url(bucket), print) as later:
            save(later, 20)
        newer = files(bucket)
        machine("first")
        with remote.at_hand(url(bucket), print) as same:  # the copy of the training, which still runs
            put(same.folder, evaluation__metrics="of 10")
        assert files(bucket) == newer | {"evaluation/metrics": "of 10"}
        at.hooks[0]._trainer = ""  # the training ends as one that was killed does
    machine("other")
    assert files(remote.fetched(url(bucket))) == newer | {"evaluation/metrics": "of 10"}


def test_a_training_that_begins_while_another_one_fetches(bucket, machine, monkeypatch):
    """What the one has not sent is put aside, and it goes on from the other's checkpoint."""
    with remote.training(url(bucket), print) as at:
        save(at, 10)
    with pytest.raises(Unreachable), monkeypatch.context() as patch:
        with remote.training(url(bucket), print) as at:
            patch.setattr(Bucket, "put", unreachable)
            save(at, 60)
    machine("evaluates")
    with remote.at_hand(url(bucket), print) as other:
        put(other.folder, evaluation__metrics="of 10")
    plain = Bucket.get

    def meanwhile(self, names, folder, **how):
        patch.setattr(Bucket, "get", plain)
        machine("other")
        with remote.training(url(bucket), print) as at:
            save(at, 65)
        machine("first")
        return plain(self, names, folder, **how)

    machine("first")
    said = []
    with monkeypatch.context() as patch:
        patch.setattr(Bucket, "get", meanwhile)
        with remote.training(url(bucket), said.append) as at:
            assert (
                files(at.folder)["log"] == "until 65" and checkpoint(65).items() <= files(at.folder).items()
            )
            save(at, 70)
    assert (checkpoint(65) | checkpoint(70) | {"log": "until 70"}).items() <= files(bucket).items()
    assert "another training has begun" in said[0]
    assert checkpoint(60).items() <= files(at.folder.with_name("quick-unsent-1")).items()


def test_what_was_sent_between_fetching_and_beginning_is_fetched(bucket, machine, monkeypatch):
    with remote.training(url(bucket), print) as at:
        save(at, 20)
        machine("other")
        plain = sent.begin

        def begin(there):
            machine("first")
            save(at, 30)
            machine("other")
            return plain(there)

        monkeypatch.setattr(sent, "begin", begin)
        with remote.training(url(bucket), print) as later:
            assert checkpoint(30).items() <= files(later.folder).items()
            save(later, 35)
        assert (checkpoint(20) | checkpoint(30) | checkpoint(35)).items() <= files(bucket).items()
        machine("first")
        at.hooks[0]._trainer = ""


def test_a_checkpoint_that_arrives_after_another_training_has_begun_does_not_count(
    bucket, machine, monkeypatch
):
    with pytest.raises(UserError, match="another training has begun"):
        with remote.training(url(bucket), print) as at:
            save(at, 10)
            plain = Bucket.put

            def slow(self, names, folder):
                names = list(names)
                plain(self, names, folder)
                if any("/20/" in name for name in names):
                    monkeypatch.setattr(Bucket, "put", plain)
                    machine("other")
                    with remote.training(url(bucket), print) as later:
                        save(later, 15)
                    machine("first")

            monkeypatch.setattr(Bucket, "put", slow)
            save(at, 20)
    machine("third")
    assert files(remote.fetched(url(bucket))) == {"log": "until 15"} | checkpoint(10) | checkpoint(15)


def test_a_checkpoint_that_was_removed_there_does_not_come_back(bucket, machine):
    with remote.training(url(bucket), print) as at:
        save(at, 10)
        save(at, 20)
    shutil.rmtree(bucket / "checkpoints" / "last" / "20")
    said = []
    with remote.training(url(bucket), said.append) as at:
        assert files(at.folder) == {"log": "until 20"} | checkpoint(10)
    assert files(bucket) == {"log": "until 20"} | checkpoint(10)
    place = at.folder.with_name("quick-removed-1")
    assert files(place) == checkpoint(20)
    assert said[0] == f"removed from '{url(bucket)}': checkpoints/last/20; what lay here is in '{place}'"


def test_a_bucket_that_is_not_there_is_not_taken_for_an_empty_one(bucket, monkeypatch):
    with pytest.raises(Unreachable), monkeypatch.context() as patch:
        with remote.training(url(bucket), print) as at:
            save(at, 10)
            patch.setattr(Bucket, "put", unreachable)
            save(at, 60)
    whole = files(at.folder)

    def refused(self, name, content):
        raise Unreachable("The specified bucket does not exist")

    with pytest.raises(Unreachable, match="does not exist"), monkeypatch.context() as patch:
        patch.setattr(Bucket, "files", lambda self: {})
        patch.setattr(Bucket, "write", refused)
        with remote.training(url(bucket), print):
            raise AssertionError("it trains")
    assert files(at.folder) == whole
    with remote.training(url(bucket), print):
        assert checkpoint(60).items() <= files(bucket).items()


def test_what_stands_for_empty_folders_is_no_file(monkeypatch):
    bucket = Bucket("memory://runs/own")
    info = {"size": 0, "type": "file", "created": 1}
    names = ("", "/", "/tensorboard/", "/log", "/.tried")
    monkeypatch.setattr(bucket, "_client", Listing({f"{bucket._root}{name}": info for name in names}))
    assert list(bucket.files()) == ["log"]


class Listing:
    """A client that lists files."""

    def __init__(self, found):
        self.found = found

    def invalidate_cache(self):
        pass

    def find(self, root, detail):
        return self.found


def test_folders_that_are_removed_while_they_are_read(tmp_path):
    stop = threading.Event()

    def saves():
        while not stop.is_set():
            put(tmp_path, **{f"checkpoints__last__{k}__state__a": "a" for k in range(20)})
            shutil.rmtree(tmp_path / "checkpoints")

    put(tmp_path, log="l")
    thread = threading.Thread(target=saves)
    thread.start()
    try:
        for _ in range(200):
            assert list(contents(tmp_path).files) == ["log"]
    finally:
        stop.set()
        thread.join()
