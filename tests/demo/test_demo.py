"""The command: its mistakes in one line, a set that is not there, and the page in a browser."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dmljax.demo import demo as job
from dmljax.demo import page, server
from dmljax.demo.answers import Answers
from dmljax.types import UserError
from tests.test_cli import ROOT, refused

pytestmark = pytest.mark.usefixtures("standard_promotion")
START_S, ANSWER_S = 240, 60


@pytest.fixture
def pages(monkeypatch):
    """Pages that were to be served, which ends at once: (title and head, handlers' side)."""
    found = []
    monkeypatch.setattr(page, "build", lambda answers, side, head: found.append((head, side)))
    monkeypatch.setattr(server, "serve", lambda page, port, begun: begun())
    return found


def test_what_is_told(run, pages):
    gradio = pytest.importorskip("gradio")
    assert gradio
    said, before = [], dict(os.environ)
    job.demo(run, port=0, progress=False, say=said.append)
    ((head, side),) = pages
    assert said[0] == "Neighbours: 18 training images of 2 people of folder." and said[0] in head
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+ \(Ctrl-C ends it\)", said[1])
    assert "Nothing leaves this machine" in head and "probabilities calibrated" in head
    assert "rendered" not in head and len(side.people) == 18
    assert dict(os.environ) == before


def test_without_neighbours(run, pages, tmp_path):
    pytest.importorskip("gradio")
    said = []
    job.demo(run, port=0, neighbours=0, calibrated=False, say=said.append)
    assert pages[-1][1] is None and said[0] == "Neighbours: none, as none were asked for."
    assert "as they are, not calibrated" in pages[-1][0]
    moved = shutil.copytree(run, tmp_path / "run")
    config = moved / "config.json"
    config.write_text(re.sub(r'"root": "/[^"]*"', f'"root": "{tmp_path / "gone"}"', config.read_text()))
    job.demo(moved, port=0, progress=False, say=said.append)
    assert pages[-1][1] is None and said[-2] in pages[-1][0].replace("&#x27;", "'")
    assert re.search("Neighbours: none, since .* give the place where the set lies now .*gone", said[-2])
    with pytest.raises(UserError, match="^root: give the place where the set lies now"):
        job.demo(run, port=0, root=str(tmp_path / "gone"), progress=False)


def test_mistakes_are_one_line(run, tmp_path, monkeypatch):
    pytest.importorskip("gradio")
    with server.bound(0) as taken:
        port = taken.getsockname()[1]
        assert taken.getsockname()[0] == "127.0.0.1"
        told = f"dmljax demo: --port: {port} is taken; give another one, or 0 for any that is free"
        assert refused("demo", str(run), f"--port={port}") == told
    assert "is no run folder" in refused("demo", f"--run={tmp_path}", "--port=0")
    assert "--port" in refused("demo", "--port=70000") and "--neighbours" in refused(
        "demo", "--neighbours=-1"
    )
    with pytest.raises(UserError, match="port: must be from 0 to 65535, got -1"):
        server.bound(-1)
    with pytest.raises(UserError, match="neighbours: must be at least 0, got -1"):
        job.demo(run, neighbours=-1)
    monkeypatch.setitem(sys.modules, "gradio", None)
    told = "gradio, needed for the page, is not installed; install dmljax[demo]"
    assert told in refused("demo", str(run), "--port=0")


def test_the_page_is_made_of_what_gradio_has(model):
    gradio = pytest.importorskip("gradio")

    async def build():
        return page.build(Answers(model), None, "<p>head</p>")

    made = asyncio.run(build())  # in a loop of its own; Gradio would leave one open
    assert isinstance(made, gradio.Blocks) and made.analytics_enabled is False
    parts = {block.elem_id: block for block in made.blocks.values() if block.elem_id}
    assert [value for value, _ in parts["faces"].choices][:1] == ["whole"]
    assert parts["photograph"].sources == ["upload", "webcam", "clipboard"]
    assert parts["photograph"].webcam_options.mirror is False


BROWSER = (
    "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync"
)


@pytest.fixture
def served(run):
    """(process, address) of `dmljax demo`."""
    # whoever runs the tests may have SIGHUP ignored, as nohup does
    program = (
        "import signal, runpy; signal.signal(signal.SIGHUP, signal.SIG_DFL);"
        " runpy.run_module('dmljax', run_name='__main__')"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, "demo", f"--run={run}", "--port=0", "--noprogress"],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"XLA_FLAGS": ""},
    )
    late = threading.Timer(START_S, process.kill)
    late.start()
    address = ""
    for line in process.stdout:
        if found := re.match(r"http://\S+", line):
            address = found[0]
            break
    late.cancel()
    yield process, address
    if process.poll() is None:
        process.kill()
    process.communicate()


def asked_about(address, path):
    """What the page's programming interface says of a file that nobody uploaded."""
    body = {"data": [{"path": str(path), "meta": {"_type": "gradio.FileData"}}, "whole"], "fn_index": 0}
    content = json.dumps(body | {"session_hash": "nobody"}).encode()
    url, kind = f"{address}/gradio_api/queue", {"Content-Type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(f"{url}/join", content, kind), timeout=ANSWER_S).close()
    with urllib.request.urlopen(f"{url}/data?session_hash=nobody", timeout=ANSWER_S) as stream:
        for line in stream:
            said = json.loads(line[6:]) if line.startswith(b"data: ") else {}
            if said.get("msg") == "process_completed":
                return said
    raise AssertionError("no answer")


@pytest.mark.slow
def test_other_files_and_other_hosts_are_refused_and_nothing_stays(served, tmp_path, rng):
    pytest.importorskip("gradio")
    process, address = served
    Image.fromarray(rng.integers(0, 256, (60, 50, 3)).astype(np.uint8)).save(tmp_path / "private.png")
    said = asked_about(address, tmp_path / "private.png")
    assert said["success"] is False and "data:" not in str(said["output"].get("data"))
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(urllib.request.Request(address, headers={"Host": "example.org"}))
    folder = Path(tempfile.gettempdir())
    there = set(folder.glob("dmljax-demo-*"))
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=ANSWER_S)
    assert process.returncode == 128 + signal.SIGHUP
    assert len(there - set(folder.glob("dmljax-demo-*"))) == 1


@pytest.mark.slow
def test_a_photograph_in_a_browser(served, tmp_path, rng):
    """The page is on the loopback address alone, asks no other host for anything, and ends at Ctrl-C."""
    pytest.importorskip("gradio")
    browser = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no Chromium")
    process, address = served
    assert address.startswith("http://127.0.0.1:"), process.communicate()[1]
    Image.fromarray(rng.integers(0, 256, (60, 50, 3)).astype(np.uint8)).save(tmp_path / "face.png")
    (tmp_path / "text.jpg").write_text("hello")
    asked, failed = [], []
    with browser.sync_playwright() as play:
        with play.chromium.launch(executable_path=chromium, args=BROWSER.split()) as opened:
            shown = opened.new_page(viewport={"width": 400, "height": 900})
            shown.set_default_timeout(1000 * ANSWER_S)
            shown.on("request", lambda request: asked.append(request.url))
            shown.on("response", lambda got: failed.append(got.url) if got.status >= 400 else None)
            shown.goto(address)
            assert "Nothing leaves this machine" in shown.inner_text("#head")
            shown.set_input_files("#photograph input[type=file]", tmp_path / "face.png")
            shown.wait_for_selector("#said .expression .bar")
            assert shown.locator("#said .expression .bar").count() == 3
            assert shown.locator("#said figure.person").count() == 2
            assert shown.evaluate("document.documentElement.scrollWidth") <= 400
            shown.goto(address)
            shown.set_input_files("#photograph input[type=file]", tmp_path / "text.jpg")
            assert "text.jpg: cannot be decoded" in shown.inner_text("#said .mistake")
            process.send_signal(signal.SIGINT)
            error = process.communicate(timeout=ANSWER_S)[1]
    hosts = {re.match(r"\w+://([^/:]+)", url)[1] for url in asked if not url.startswith(("data:", "blob:"))}
    assert hosts == {"127.0.0.1"} and not failed
    assert process.returncode == 128 + signal.SIGINT
    assert error.strip().splitlines()[-1] == "dmljax demo: ended by SIGINT" and "Traceback" not in error
