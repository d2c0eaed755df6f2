"""The page of the format web: what node and a browser compute, what it asks for, what npm cannot bring."""

import functools
import http.server
import json
import shutil
import threading

import numpy as np
import pytest
from PIL import Image

import dmljax
from dmljax.exports import npm
from dmljax.types import UserError

SIZE = 24
CHROMIUM = shutil.which("chromium")
needs_node = pytest.mark.skipif(not (shutil.which("node") and shutil.which("npm")), reason="no Node.js")


@pytest.fixture(scope="module")
def exported(run):
    return dmljax.export(run, format="web", say=lambda line: None)


@pytest.fixture
def address(exported):
    """Of a server of files alone."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=exported.path)
    handler.log_message = lambda *_: None
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def page():
    """A page of headless Chromium, and the addresses that it asked for."""
    api = pytest.importorskip("playwright.sync_api")
    quiet = ("networking", "timer-throttling")
    arguments = ["--no-sandbox", "--disable-gpu", *(f"--disable-background-{what}" for what in quiet)]
    arguments += [f"--use-fake-{what}-for-media-stream" for what in ("ui", "device")]
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = browser.new_page(viewport={"width": 1000, "height": 800})
        page.asked, page.wrong = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("pageerror", lambda error: page.wrong.append(str(error)))
        page.on("console", lambda said: page.wrong.append(said.text) if said.type == "error" else None)
        yield page
        browser.close()


@needs_node
@pytest.mark.slow
def test_the_folder_is_complete_and_was_tried(exported):
    names = {file.name for file in exported.path.iterdir()}
    assert {"index.html", "network.onnx", "dmljax.json", "ort-wasm-simd-threaded.wasm"} <= names
    assert exported.runtime == "onnxruntime-web" and set(exported.differences) >= {"embedding", "yaw"}
    assert all(apart < 2e-5 for name, apart in exported.differences.items() if name != "yaw")
    about = json.loads((exported.path / "dmljax.json").read_text())
    assert about["sets"] == ["synthetic (rendered faces, nobody's)"] and about["format"] == "web"


@needs_node
@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="no Chromium")
def test_a_browser_says_of_a_picture_what_the_run_says(run, address, page, tmp_path, rng):
    pixels = rng.integers(0, 256, (SIZE, SIZE, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "face.png")
    expected = dmljax.load(run).of_pixels(pixels[None])
    page.goto(f"{address}/index.html")
    page.locator("#state", has_text="Choose a picture").wait_for()
    page.set_input_files("#file", tmp_path / "face.png")
    page.locator("#expression .bar").first.wait_for()
    for head in ("expression", "pose"):
        rows = page.locator(f"#{head} .bar").all_inner_texts()
        shares = [f"{100 * share:.1f} %" for share in getattr(expected, f"{head}_probability")[0]]
        assert [row.split("\n")[-1] for row in rows] == shares
        assert tuple(row.split("\n")[0] for row in rows) == getattr(expected, f"{head}_names")
    assert f"expression: {expected.expression[0]}" in page.inner_text("#said")
    assert f"yaw: {expected.yaw[0]:.0f}°" in page.inner_text("#said")
    assert "trained on synthetic (rendered faces, nobody's)" in page.inner_text("#about")
    assert page.wrong == []
    assert all(url.startswith((address, "blob:", "data:")) for url in page.asked), page.asked


@needs_node
@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="no Chromium")
def test_the_square_is_moved_and_what_is_no_picture_is_told(run, address, page, tmp_path, rng):
    wide = rng.integers(0, 256, (SIZE, 3 * SIZE, 3)).astype(np.uint8)
    Image.fromarray(wide).save(tmp_path / "wide.png")
    (tmp_path / "notes.txt").write_text("no picture")
    page.goto(f"{address}/index.html")
    page.locator("#state", has_text="Choose a picture").wait_for()
    page.set_input_files("#file", tmp_path / "wide.png")
    page.locator("#expression .bar").first.wait_for()
    model = dmljax.load(run)

    def says(part):
        shares = model.of_pixels(np.ascontiguousarray(part)[None]).expression_probability[0]
        page.locator("#expression", has_text=f"{100 * shares[0]:.1f} %").wait_for()

    says(wide[:, SIZE : 2 * SIZE])  # the middle at first
    page.focus("#picture")
    for _ in range(40):
        page.keyboard.press("ArrowLeft")
    says(wide[:, :SIZE])
    shown = page.locator("#picture").bounding_box()
    page.mouse.click(shown["x"] + shown["width"] - 2, shown["y"] + 2)
    says(wide[:, 2 * SIZE :])
    page.set_input_files("#file", tmp_path / "notes.txt")
    page.locator("#state", has_text="notes.txt cannot be read as a picture").wait_for()


SLOW_PERMISSION = """
const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
window.taken = [];
navigator.mediaDevices.getUserMedia = async (wanted) => {
  await new Promise((done) => setTimeout(done, 500));
  window.taken.push(await real(wanted));
  return window.taken.at(-1);
};
"""


@needs_node
@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="no Chromium")
def test_no_camera_stays_on(address, page, tmp_path, rng):
    """Clicked twice before it is allowed, and given up for a picture meanwhile."""
    Image.fromarray(rng.integers(0, 256, (SIZE, SIZE, 3)).astype(np.uint8)).save(tmp_path / "face.png")
    page = page.context.browser.new_context(bypass_csp=True).new_page()  # so that the test may look inside
    page.add_init_script(SLOW_PERMISSION)
    page.goto(f"{address}/index.html")
    page.locator("#state", has_text="Choose a picture").wait_for()
    tracks = lambda: page.evaluate("window.taken.map((one) => one.getTracks()[0].readyState)")
    page.click("#camera")
    page.click("#camera")
    page.locator("#camera", has_text="Stop").wait_for()
    assert tracks() == ["live"]
    page.click("#camera")
    page.locator("#state", has_text="The camera is off.").wait_for()
    assert tracks() == ["ended"]
    page.click("#camera")
    page.set_input_files("#file", tmp_path / "face.png")
    page.wait_for_function(
        "window.taken.length === 2 && window.taken[1].getTracks()[0].readyState === 'ended'"
    )
    assert page.inner_text("#state") == "face.png" and page.inner_text("#camera") == "Camera"


@needs_node
@pytest.mark.slow
def test_what_npm_cannot_bring_is_told(tmp_path):
    with pytest.raises(UserError, match="npm cannot bring onnxruntime-web@0.0.0-none: .*No matching version"):
        npm.bring(npm.Package("onnxruntime-web", "0.0.0-none", {}), tmp_path)
    for name, what in (("README.md", "is another one than is known here"), ("none.js", "is not there")):
        with pytest.raises(UserError, match=f"{name} of is-number@7.0.0 {what}"):
            npm.bring(npm.Package("is-number", "7.0.0", {name: "0" * 64}), tmp_path)
    with pytest.raises(UserError, match="node takes more than 0.5 s"):
        npm.run("node", ["-e", "setTimeout(() => {}, 60000)"], longest_s=0.5)
    assert not list(tmp_path.iterdir())
