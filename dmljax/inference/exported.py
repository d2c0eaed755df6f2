"""The model of a StableHLO file: a program of JAX for several platforms, and behind it what belongs to it.

What belongs to it, a JSON object, lies in a zip archive at the end of the file, as TensorFlow Lite has it for
its files; `jax.export.deserialize` reads the file as it is.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from types import SimpleNamespace

import jax
from jax import export

from dmljax import run_folder
from dmljax.inference.model import Model
from dmljax.runs.record import Classes
from dmljax.training.devices import predicting
from dmljax.types import UserError

LAYOUT = 1  # of what a file says of itself
METADATA = "dmljax.json"  # name in the archive
LENGTH, DIGEST = "program_bytes", "program_digest"  # what is said there of the part before it


class Exported(Model):
    """A network whose program and weights are in a file.

    Attributes:
      metadata: what the file says of itself.
      The others: see `Model`; `config` has the crop and the image size alone.
    """

    def __init__(self, program: export.Exported, metadata: dict, *, batch: int):
        size = SimpleNamespace(image_size=metadata["image_size"])
        super().__init__(
            SimpleNamespace(crop=SimpleNamespace(**metadata["crop"]), data=size),
            Classes.of_json({key: metadata[key] for key in Classes._fields if key in metadata}),
            temperature=metadata["temperature"],
            flip=metadata["flip"],
            batch=batch,
            step=metadata["step"],
        )
        self.metadata = metadata
        self._compute, self._before = predicting(program.call), ()

    @property
    def digest(self) -> str:
        return self.metadata["weights_digest"]


def packed(program: bytes, metadata: dict) -> bytes:
    """The content of a file: a program, then what belongs to it."""
    of_program = {LENGTH: len(program), DIGEST: run_folder.digest(program)}
    content = io.BytesIO(program)
    with zipfile.ZipFile(content, "a") as archive:
        archive.writestr(METADATA, json.dumps(metadata | of_program, indent=1))
    return content.getvalue()


def unpacked(path: Path) -> tuple[bytes, dict]:
    """(program, what belongs to it) of a file.

    Raises:
      UserError: it is no such file, or not what was written.
    """
    content = path.read_bytes()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            metadata = json.loads(archive.read(METADATA))
        program = content[: metadata[LENGTH]]
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, RecursionError):
        raise UserError(
            f"'{path}' is no file that was exported as StableHLO, or only a part of one; give the folder of a"
            " run, or export it anew"
        ) from None
    if run_folder.digest(program) != metadata[DIGEST]:
        raise UserError(f"'{path}' is not what the export wrote; export the run anew")
    return program, metadata


def read(path: Path, *, batch: int) -> Exported:
    """The model of a file.

    Raises:
      UserError: it is no StableHLO file, damaged, or of a version of JAX that this one cannot read.
    """
    program, metadata = unpacked(path)
    try:
        found = export.deserialize(bytearray(program))
    except Exception as error:  # whatever the reader of another version stumbles over
        by = metadata.get("versions", {}).get("jax", "?")
        raise UserError(
            f"'{path}' was written by jax {by} in the format '{metadata.get('format')}', and jax"
            f" {jax.__version__} cannot read it as StableHLO: {' '.join(str(error).split())[:200]}"
        ) from None
    if metadata.get("layout") != LAYOUT:
        raise UserError(
            f"'{path}' is of layout {metadata.get('layout')}, and this version of dmljax reads {LAYOUT};"
            " export the run anew"
        )
    here = {"gpu": "cuda"}.get(jax.default_backend(), jax.default_backend())
    if here not in found.platforms:
        raise UserError(f"'{path}' is a program for {', '.join(found.platforms)}, and this is a {here}")
    return Exported(found, metadata, batch=batch)
