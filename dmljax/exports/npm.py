"""Files of a package of the npm registry, brought by npm itself; and how programs of Node.js are run."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from dmljax.types import UserError

LONGEST_S = 600  # that npm may take


class Package(NamedTuple):
    """A package, and the files that are taken of it.

    Attributes:
      files: path in the package -> SHA-256 of the content, in hexadecimal digits.
    """

    name: str
    version: str
    files: Mapping[str, str]


def bring(package: Package, folder: Path) -> None:
    """Writes the files, without their folders, into a folder; nothing of the package is run.

    Raises:
      UserError: npm cannot bring it, or a file is not there or another one than is known.
    """
    wanted = f"{package.name}@{package.version}"
    with tempfile.TemporaryDirectory() as place:
        quietly = ["pack", wanted, "--loglevel=error", "--ignore-scripts", "--prefer-offline"]
        done = run("npm", quietly, folder=place, longest_s=LONGEST_S)
        packed = next(Path(place).glob("*.tgz"), None)
        if done.returncode or packed is None:
            raise UserError(f"npm cannot bring {wanted}: {said(done)}", parameter="format")
        with tarfile.open(packed) as archive:
            for name, digest in package.files.items():
                content = _file(archive, f"package/{name}")
                if hashlib.sha256(content).hexdigest() != digest:
                    what = "is another one than is known here" if content else "is not there"
                    raise UserError(f"{name} of {wanted} {what}", parameter="format")
                (folder / Path(name).name).write_bytes(content)


def run(
    program: str, arguments: Sequence[str], *, given: bytes = b"", folder: str | None = None, longest_s: float
) -> subprocess.CompletedProcess:
    """A program of the PATH that has ended, with its output as bytes.

    Args:
      given: what it reads.
      folder: where it runs.
      longest_s: seconds that it may take.

    Raises:
      UserError: it takes longer.
    """
    command = [str(shutil.which(program)), *arguments]
    try:
        return subprocess.run(command, input=given, cwd=folder, capture_output=True, timeout=longest_s)
    except subprocess.TimeoutExpired:
        raise UserError(f"{program} takes more than {longest_s:g} s", parameter="format") from None


def said(done: subprocess.CompletedProcess) -> str:
    """What a program said of its mistake, the end of it."""
    text = " ".join(done.stderr.decode(errors="replace").replace("npm error", "").split())
    return text[-300:] or "it says nothing"


def _file(archive: tarfile.TarFile, name: str) -> bytes:
    """A file's content; empty where there is none."""
    try:
        file = archive.extractfile(name)
    except KeyError:
        return b""
    return b"" if file is None else file.read()
