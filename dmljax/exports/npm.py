"""Files of a package of the npm registry, brought by npm itself, which checks and keeps what it downloads."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

from dmljax.types import UserError


class Package(NamedTuple):
    """A package, and the files that are taken of it, by their paths in it."""

    name: str
    version: str
    files: tuple[str, ...]


def bring(package: Package, folder: Path) -> None:
    """Writes the files, without their folders, into a folder; nothing of the package is run.

    Raises:
      UserError: npm cannot bring it, or it lacks a file.
    """
    wanted = f"{package.name}@{package.version}"
    with tempfile.TemporaryDirectory() as place:
        done = subprocess.run(
            [
                str(shutil.which("npm")),
                "pack",
                wanted,
                "--loglevel=error",
                "--ignore-scripts",
                "--prefer-offline",
            ],
            cwd=place,
            capture_output=True,
            text=True,
        )
        packed = next(Path(place).glob("*.tgz"), None)
        if done.returncode or packed is None:
            said = " ".join(done.stderr.replace("npm error", "").split())
            raise UserError(
                f"npm cannot bring {wanted}: {said[-300:] or 'it says nothing'}", parameter="format"
            )
        with tarfile.open(packed) as archive:
            for name in package.files:
                try:
                    content = archive.extractfile(f"package/{name}")
                except KeyError:
                    content = None
                if content is None:
                    raise UserError(f"{wanted} has no file {name}", parameter="format")
                (folder / Path(name).name).write_bytes(content.read())
