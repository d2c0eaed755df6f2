import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

from dmljax import plugins
from dmljax.cache import default_folder
from dmljax.datasets import synthetic
from dmljax.faces.album import Album
from dmljax.types import UserError

FIELDS = {k: v for k, v in plugins.defaults("datasets", "synthetic").items() if k != "identities"}
SMALL = synthetic.options_of(**FIELDS | {"size": 24, "difficulty": 0.5, "seed": 3})


def make_or_fail(number, side=4):
    if number == 5:
        raise ValueError("the fifth is defective")
    return np.full((side, side, 3), number, np.uint8)


def album(folder, count=70, make=make_or_fail, side=4, shard=8):
    return Album("test", {"seed": 0}, make, count, side, shard=shard, folder=folder)


def digest(folder):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.glob("*.npz"))}


def test_pictures_are_kept_and_defective_ones_named(tmp_path):
    made = album(tmp_path)
    assert made.prepare(range(70), progress=False, workers=1) == made.folder
    assert len(digest(made.folder)) == 9 and made.read(69)[0, 0, 0] == 69
    with pytest.raises(ValueError, match="the fifth"):
        made.read(5)
    assert [p.name for p in made.folder.iterdir() if "part" in p.name] == []


def test_what_is_not_kept_is_made_when_read(tmp_path):
    made = album(tmp_path)
    made.prepare(range(20), progress=False)  # too few to be kept
    assert not made.folder.exists() and made.read(3)[0, 0, 0] == 3


def test_threads_read_one_shard_at_a_time_and_each_once(tmp_path, monkeypatch):
    made = album(tmp_path, make=lambda number: np.full((4, 4, 3), number, np.uint8))
    made.prepare(range(70), progress=False, workers=1)
    plain, reading, read = np.load, threading.Lock(), []

    def load(path):
        assert reading.acquire(blocking=False), "two at a time"
        read.append(path)
        time.sleep(0.01)
        reading.release()
        return plain(path)

    monkeypatch.setattr(np, "load", load)
    with ThreadPoolExecutor(8) as pool:
        pictures = list(pool.map(made.read, range(64)))
    assert [picture[0, 0, 0] for picture in pictures] == list(range(64)) and len(read) == 8


def test_more_pictures_use_the_same_shards(tmp_path):
    first, more = album(tmp_path, count=40), album(tmp_path, count=80)
    assert first.folder == more.folder
    first.prepare(range(40), progress=False, workers=1)
    before = {p.name: p.stat().st_mtime_ns for p in first.folder.glob("*.npz")}
    more.prepare(range(80), progress=False, workers=1)
    after = {p.name: p.stat().st_mtime_ns for p in first.folder.glob("*.npz")}
    assert len(after) == 10 and all(after[name] == stamp for name, stamp in before.items())


def rendered(folder, workers):
    made = Album(
        "s", SMALL._asdict(), partial(synthetic.picture, options=SMALL), 105, 24, shard=35, folder=folder
    )
    made.prepare(range(105), progress=False, workers=workers)
    return digest(made.folder)


def test_one_process_and_several_give_the_same_bytes(tmp_path):
    one, several = rendered(tmp_path / "one", 1), rendered(tmp_path / "several", 3)
    assert len(one) == 3 and one == several


KILLED = """
import sys
from functools import partial
from dmljax.datasets import synthetic
from dmljax.faces.album import Album
small = synthetic.Options(*eval(sys.argv[2]))
picture = partial(synthetic.picture, options=small)
made = Album("s", small._asdict(), picture, 105, 24, shard=35, folder=sys.argv[1])
made.prepare(range(105), progress=False, workers=2)
"""


def test_killed_and_started_again_gives_the_same_bytes(tmp_path):
    whole = rendered(tmp_path / "whole", 1)
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / "killed"), repr(tuple(SMALL))])
    folder, deadline = tmp_path / "killed", time.monotonic() + 60
    while not list(folder.glob("*/*.npz")) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    done = list(folder.glob("*/*.npz"))
    assert 1 <= len(done) <= 3
    assert rendered(folder, 2) == whole


def test_a_worker_that_fails_is_told(tmp_path):
    wrong = partial(synthetic.picture, options=SMALL._replace(size="wide"))
    with pytest.raises(UserError, match="making pictures in .* failed: TypeError"):
        Album("b", {}, wrong, 70, 8, shard=35, folder=tmp_path).prepare(range(70), progress=False, workers=2)


def test_an_unwritable_folder_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(UserError, match="pictures cannot be kept in .*set DMLJAX_CACHE"):
        album(tmp_path / "file").prepare(range(70), progress=False)


def test_the_folder_is_the_users_to_choose(monkeypatch, tmp_path):
    monkeypatch.setenv("DMLJAX_CACHE", str(tmp_path))
    assert default_folder("rendered pictures") == tmp_path
    monkeypatch.delenv("DMLJAX_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_folder("rendered pictures") == tmp_path / "xdg" / "dmljax"
