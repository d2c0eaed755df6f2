"""A folder that is a web page: the network as ONNX, onnxruntime-web and a page; no code on a server."""

from __future__ import annotations

import json
import shutil
import subprocess
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
PACKAGE = npm.Package(
    "onnxruntime-web", "1.30.0", ("dist/ort.wasm.bundle.min.mjs", "dist/ort-wasm-simd-threaded.wasm")
)


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
            done = subprocess.run(
                [str(shutil.which("node")), str(script), str(path), str(len(pixels))],
                input=np.ascontiguousarray(pixels).tobytes(),
                capture_output=True,
            )
        if done.returncode:
            said = " ".join(done.stderr.decode(errors="replace").split())
            raise UserError(f"node cannot run the page's network: {said[-300:]}", parameter="format")
        return {
            name: np.array(values, np.float32).reshape(len(pixels), *source.outputs.get(name, (-1,)))
            for name, values in json.loads(done.stdout).items()
        }

    return run
