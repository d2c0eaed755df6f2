"""A folder that is a web page: the network as ONNX, onnxruntime-web and a page; no code on a server."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np

from dmljax.exports import npm
from dmljax.exports import page as files
from dmljax.exports.formats import onnx
from dmljax.exports.source import Source
from dmljax.inference.exported import METADATA
from dmljax.types import UserError

ENDING = ".web"
FOLDER = True  # what is written is no file
EXTRA, MODULES = "export", ("onnx",)
PROGRAMS = ("node", "npm")  # what has to be installed besides
RUNTIME = "onnxruntime-web"
FLOAT32 = True  # other types of activations are not written
NETWORK = "network.onnx"
PAGE = ("index.html", "style.css", "page.mjs", "square.mjs", "network.mjs")
CHECK = "check.mjs"  # what runs a folder's network outside of a browser
GLUE = "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90"  # SHA-256
WASM = "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2"
PACKAGE = npm.Package(
    "onnxruntime-web",
    "1.30.0",
    {"dist/ort.wasm.bundle.min.mjs": GLUE, "dist/ort-wasm-simd-threaded.wasm": WASM},
)
LONGEST_S = 600  # that node may take


def write(path: Path, source: Source) -> None:
    """Writes the folder; any server of files can serve it.

    Raises:
      UserError: npm cannot bring onnxruntime-web.
    """
    path.mkdir()
    onnx.write(path / NETWORK, source)
    (path / METADATA).write_text(json.dumps(source.metadata, indent=1), encoding="utf-8")
    for name in PAGE:
        (path / name).write_bytes(resources.files(files).joinpath(name).read_bytes())
    npm.bring(PACKAGE, path)


def runtime(path: Path, source: Source) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """What runs a folder: pixels uint8 [N, size, size, 3] -> outputs, by node and the folder's own files."""

    def run(pixels: np.ndarray) -> dict[str, np.ndarray]:
        with resources.as_file(resources.files(files).joinpath(CHECK)) as script:
            done = npm.run(
                "node",
                [str(script), str(path), str(len(pixels))],
                given=np.ascontiguousarray(pixels).tobytes(),
                longest_s=LONGEST_S,
            )
        if done.returncode:
            raise UserError(f"node cannot run the page's network: {npm.said(done)}", parameter="format")
        return {
            name: np.array(found["data"], np.float32).reshape(found["dims"])
            for name, found in json.loads(done.stdout).items()
        }

    return run
