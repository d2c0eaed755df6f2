"""The results of a study's runs as JSON lines: what its table reads, so that no run is made twice."""

import json
from collections.abc import Iterable
from pathlib import Path

from dmljax import config as configuration
from dmljax import config_differences, run_folder, writing
from dmljax.fields import flatten
from dmljax.studies import members, study
from dmljax.studies.members import Member
from dmljax.types import UserError

WHAT = "config"  # digest of the configuration that the run was made by
FIELDS = (
    "label",
    "seed",
    "fold",
    "expression accuracy",
    "pose accuracy",
    "tested",
    "ratio",
    "people",
    "train_s",
    "made",
)


class Kept:
    """The file of a study's results.

    Attributes:
      rows: what it holds, `FIELDS` and `WHAT` by label and seed.
    """

    def __init__(self, path: Path, config, planned: Iterable[Member]):
        """Reads the file, if there is one.

        Raises:
          UserError: it cannot be read, or holds a run of `planned` of another configuration.
        """
        self.path = path
        base = study.whole(config)
        self._made_by = {_key(member): _made_by(base, member) for member in planned}
        self.rows = _read(path)
        for key, row in self.rows.items():
            if self._made_by.get(key, row[WHAT]) != row[WHAT]:
                raise UserError(
                    f"'{path}' holds '{key[0]}', seed {key[1]}, of another configuration; give another"
                    " file, or delete that line and the run is made again",
                    parameter="out",
                )

    def of(self, planned: Iterable[Member]) -> list[dict]:
        """The rows of members."""
        return [self.rows[key] for member in planned if (key := _key(member)) in self.rows]

    def missing(self, planned: Iterable[Member]) -> list[Member]:
        """The members that have no row."""
        return [member for member in planned if _key(member) not in self.rows]

    def add(self, rows: Iterable[dict]) -> None:
        """Writes rows of `results.read` beside those that are there."""
        for row in rows:
            key = (row["label"], row["seed"])
            self.rows[key] = {name: row[name] for name in FIELDS} | {WHAT: self._made_by[key]}
        lines = [json.dumps(self.rows[key], sort_keys=True) for key in sorted(self.rows)]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        writing.text(self.path, "".join(f"{line}\n" for line in lines))


def _made_by(base, member: Member) -> str:
    """A digest of all fields of a member's configuration that change what is computed."""
    fields = flatten(configuration.trimmed(members.resolved(base, member)))
    told = {
        name: value for name, value in fields.items() if not name.startswith(config_differences.MAY_DIFFER)
    }
    return run_folder.digest(json.dumps(told, sort_keys=True).encode())


def _key(member: Member) -> tuple[str, int]:
    return member.label, member.seed


def _read(path: Path) -> dict[tuple[str, int], dict]:
    if not path.exists():
        return {}
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for row in rows:
            if absent := {*FIELDS, WHAT} - row.keys():
                raise ValueError(f"a line has no {', '.join(sorted(absent))}")
        return {(row["label"], row["seed"]): row for row in rows}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise UserError(
            f"'{path}' is no file of results ({error}); give another file", parameter="out"
        ) from None
