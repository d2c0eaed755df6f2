"""The results of a study's runs as JSON lines: what its table reads, so that no run is made twice."""

import json
from collections.abc import Iterable
from pathlib import Path

from dmljax import config as configuration
from dmljax import config_differences, writing
from dmljax.fields import flatten
from dmljax.studies import members, study
from dmljax.studies.members import Member
from dmljax.types import UserError

CONFIG = "config"  # the fields in which the run's configuration is not `BASE`
BASE = "quick"
NEEDED = ("label", "seed", "fold", "expression accuracy", "tested", "ratio", "people", "train_s", "made")
POSE = "pose accuracy"  # which a network without a head for poses has not
# Where data lie and how they are read. Who is tested a row says by itself, in `tested`.
IGNORED = tuple(
    name for name in config_differences.MAY_DIFFER if name not in ("dataset.train", "dataset.test")
)


class Kept:
    """The file of a study's results.

    Attributes:
      rows: what it holds, `NEEDED`, `POSE` and `CONFIG`, by label and seed.
    """

    def __init__(self, path: Path, config, planned: Iterable[Member]):
        """Reads the file, if there is one.

        Raises:
          UserError: it cannot be read, or holds a run of `planned` of another configuration.
        """
        self.path = path
        base = study.whole(config)
        self._configs = {_key(member): _changes(base, member) for member in planned}
        self.rows = _read(path)
        for key, row in self.rows.items():
            wanted = self._configs.get(key, row[CONFIG])
            if wanted != row[CONFIG]:
                names = sorted(
                    name for name in wanted | row[CONFIG] if wanted.get(name) != row[CONFIG].get(name)
                )
                raise UserError(
                    f"'{path}' holds '{key[0]}', seed {key[1]}, of another configuration"
                    f" ({', '.join(names)}); give another file, or delete that line and it is made again",
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
            self.rows[key] = {name: row[name] for name in (*NEEDED, POSE) if name in row}
            self.rows[key][CONFIG] = self._configs[key]
        lines = [json.dumps(self.rows[key], sort_keys=True) for key in sorted(self.rows)]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        writing.text(self.path, "".join(f"{line}\n" for line in lines))


def _changes(base, member: Member) -> dict:
    """The fields of a member's configuration that change what is computed and are not `BASE`."""
    plain, own = (
        flatten(configuration.trimmed(config))
        for config in (configuration.get_config(BASE), members.resolved(base, member))
    )
    return {
        name: value
        for name, value in own.items()
        if not name.startswith(IGNORED) and (name not in plain or plain[name] != value)
    }


def _key(member: Member) -> tuple[str, int]:
    return member.label, member.seed


def _read(path: Path) -> dict[tuple[str, int], dict]:
    if not path.exists():
        return {}
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for row in rows:
            if absent := {*NEEDED, CONFIG} - row.keys():
                raise ValueError(f"a line has no {', '.join(sorted(absent))}")
        return {(row["label"], row["seed"]): row for row in rows}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise UserError(
            f"'{path}' is no file of results ({error}); give another file", parameter="out"
        ) from None
