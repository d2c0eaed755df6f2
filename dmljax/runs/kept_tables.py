"""The tables that a run's configuration names by path: its own copies, and whether they are the same still.

A table is moved, renamed or edited more easily than a set of images. A run keeps a copy of each in
RUN/tables, with its SHA-256, and reads that one whenever it is opened or continued.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from dmljax import config as configuration
from dmljax import config_differences, run_folder, tables, writing
from dmljax.fields import flatten
from dmljax.types import UserError

MOST_BYTES = 64 * 2**20


class Table(NamedTuple):
    """A table as it was read: its file or folder, and the SHA-256 of its content."""

    place: Path
    sha256: str


def read(config) -> dict[str, Table]:
    """field -> the table that it names, where there is one.

    Raises:
      UserError: one is too large for a run to keep a copy of it.
    """
    flat = flatten(config.to_dict())
    found = {field: _table(field, flat[field]) for field in config_differences.table_fields()}
    return {field: table for field, table in found.items() if table is not None}


def _table(field: str, place: str) -> Table | None:
    """None where there is no table that can be read; whoever needs it says why."""
    files = (
        [path for path in tables.files(place) if os.path.isfile(path)]
        if place and isinstance(place, str)
        else []
    )
    try:
        size = sum(path.stat().st_size for path in files)
        if size > MOST_BYTES:
            raise UserError(
                f"'{place}' has {size / 2**20:.0f} MiB, and a run keeps a copy of tables of at most"
                f" {MOST_BYTES / 2**20:.0f} MiB; write a smaller one that has only the columns needed",
                parameter=field,
            )
        digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
    except OSError:
        return None
    if not files:
        return None
    if files == [Path(place)]:
        return Table(files[0], digests[0])
    several = "".join(f"{path.name} {digest}\n" for path, digest in zip(files, digests))
    return Table(Path(place), hashlib.sha256(several.encode()).hexdigest())


def keep(run: Path, found: dict[str, Table]) -> None:
    """Copies tables into a run's folder, but those that lie there already.

    Raises:
      UserError: one is not any more what was read.
    """
    folder, kept = run / run_folder.TABLES, _kept(run)
    digest_of = lambda several: {field: table.sha256 for field, table in several.items()}
    if digest_of(kept) != digest_of(found):
        (folder / run_folder.DIGESTS).unlink(missing_ok=True)  # until all copies are there
        for field in set(config_differences.table_fields()) - found.keys():
            shutil.rmtree(folder / field, ignore_errors=True)
    elif all(_is_whole(field, table) for field, table in kept.items()):
        return
    names = {field: "" if table.place.is_dir() else table.place.name for field, table in found.items()}
    for field, table in found.items():
        _copy(table, folder / field)
        if not _is_whole(field, Table(folder / field / names[field], table.sha256)):
            raise UserError(
                f"'{table.place}' has changed while the run began; give the same command again",
                parameter=field,
            )
    if found:
        digests = digest_of(found)
        record = {field: {"file": names[field], "sha256": digests[field]} for field in found}
        writing.as_json(folder / run_folder.DIGESTS, record)


def _copy(table: Table, folder: Path) -> None:
    """Makes a folder hold the table's files and no others."""
    folder.mkdir(parents=True, exist_ok=True)
    copies = {folder / path.name: path for path in tables.files(table.place)}
    for other in {*folder.iterdir()} - copies.keys():
        other.unlink()
    for copy, path in copies.items():
        if path != copy:
            with writing.whole(copy) as part:
                shutil.copyfile(path, part)


def _is_whole(field: str, table: Table) -> bool:
    there = _table(field, str(table.place))
    return there is not None and there.sha256 == table.sha256


def _kept(run: Path) -> dict[str, Table]:
    """field -> the run's own copy and the digest that it should have; none of a run that has no copies."""
    path = run / run_folder.TABLES / run_folder.DIGESTS
    if not path.exists():
        return {}
    fields = config_differences.table_fields()
    try:
        return {
            field: Table(path.parent / field / Path(kept["file"]).name, str(kept["sha256"]))
            for field, kept in run_folder.read(path).items()
            if field in fields
        }
    except (TypeError, KeyError) as error:
        raise UserError(f"'{path}' is damaged: {type(error).__name__} {error}") from None


def own(run: Path, config) -> ConfigDict:
    """The configuration with the run's own copies in place of the tables that it names.

    Where a copy is damaged or gone, the table that it was made of is taken, if it is the same still.

    Raises:
      UserError: neither is there.
    """
    changes = {}
    flat = flatten(config.to_dict())
    for field, table in _kept(run).items():
        places = [table.place] + ([Path(flat[field])] if flat[field] else [])
        whole = [place for place in places if _is_whole(field, table._replace(place=place))]
        if not whole:
            raise UserError(
                f"the run's own copy '{table.place}' is gone or was changed, and"
                f" '{flat[field]}' is not what it was made of; put the table back there",
                parameter=field,
            )
        changes[field] = str(whole[0])
    return configuration.changed(config, changes)


def by_content(config) -> ConfigDict:
    """The configuration with digests of tables in place of their paths: alike if what is read is alike."""
    return configuration.changed(config, {field: table.sha256 for field, table in read(config).items()})


def differences(
    run: Path, before: dict, now: dict, may_differ: tuple[str, ...] = config_differences.MAY_CHANGE
) -> list[str]:
    """`config_differences.differences` of a run's configuration and another, tables compared by content.

    A table that is gone from where it was is the one that the run has a copy of.
    """
    kept, old, new = _kept(run), flatten(before), flatten(now)
    fields = config_differences.table_fields()
    lines = config_differences.differences(before, now, (*may_differ, *fields))
    for field in fields:
        there, here = old.get(field, ""), new.get(field, "")
        if field in kept:
            lines += _since(field, kept[field], there, here)
        elif there != here and field not in may_differ and not _alike(field, there, here):
            lines.append(f"{field}: {there!r} there, {here!r} here")
    return lines


def _since(field: str, kept: Table, there: Any, here: Any) -> list[str]:
    """What is to be said of a table that a run has a copy of, and of the one that is named now."""
    found = _table(field, here)
    if (found and found.sha256 == kept.sha256) or (there == here and not os.path.exists(here)):
        return []
    if there == here:
        return [f"{field}: the content of '{here}' has changed since; the run's own copy is '{kept.place}'"]
    why = "with another content" if found else "where there is no table"
    return [f"{field}: {there!r} there, {here!r} here, {why}"]


def _alike(field: str, there: str, here: str) -> bool:
    """Whether two paths lead to tables of one content."""
    one, other = _table(field, there), _table(field, here)
    return one is not None and other is not None and one.sha256 == other.sha256


def lost(run: Path, config) -> list[str]:
    """Fields whose table is gone, and of which the run has no copy."""
    flat, kept = flatten(config.to_dict()), _kept(run)
    fields = config_differences.table_fields()
    return [
        field for field in fields if flat[field] and field not in kept and not os.path.exists(flat[field])
    ]
