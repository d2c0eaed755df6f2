"""What a prediction writes: tables that grow file by file, and a journal by which a stopped one goes on."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path

from dmljax.tables import quoted
from dmljax.types import Skipped, UserError

LEFT_OUT, JOURNAL = "left_out.csv", "progress.jsonl"
REASONS = ("file", "reason", "kind")  # columns of the table of what was left out


class Output:
    """The folder of a prediction. Every file's rows are written before the journal says that it is done; what
    a kill cut off after that is removed when the prediction goes on.

    Attributes:
      done: names of the files that are done, left out ones among them.
      state: of a film that was begun, how far it was; by its name.
      faces, left_out: how many are in the tables.
      table, reasons: paths of the two tables.
    """

    def __init__(self, folder: Path, form: str, key: dict, columns: Iterable[str]):
        """Opens the folder, which may hold a prediction with the same key.

        Args:
          folder: is made if it is not there.
          form: 'csv' or 'jsonl', of the table of predictions.
          key: what the rows depend on.
          columns: of the CSV file.

        Raises:
          UserError: the folder holds tables of another prediction, or ones that were changed since.
        """
        self.folder, self._form, self._columns = folder, form, list(columns)
        self.table, self.reasons = folder / f"predictions.{form}", folder / LEFT_OUT
        self._journal = folder / JOURNAL
        self.done: set[str] = set()
        self.state: dict[str, dict] = {}
        self.faces = self.left_out = 0
        folder.mkdir(parents=True, exist_ok=True)
        self._first = json.dumps({"key": key})
        ends = self._continued(key)
        self._cut(ends)
        self._write_ahead()

    def put(self, rows: list[dict]) -> None:
        """Writes rows, by column, or for JSON lines what a line holds. They stay if a `note` follows."""
        self._append(self.table, self._lines(rows))

    def note(self, name: str, *, faces: int, lost: Skipped | None = None, state: dict | None = None) -> None:
        """Notes that what was put is all of a file, or of a film up to a `state`.

        Args:
          faces: how many were put since the last note.
          lost: why the file, or the rest of a film, is left out.
          state: what is needed to go on within the film; None: it is done.
        """
        if lost is not None:
            self._append(self.reasons, _csv([[name, lost.reason, lost.kind or lost.reason]]))
        ends = {path.name: path.stat().st_size for path in (self.table, self.reasons)}
        entry = {"file": name, "faces": faces, "lost": lost is not None, "ends": ends, "state": state}
        self._append(self._journal, json.dumps(entry) + "\n")
        self._take(entry)

    def _take(self, entry: dict) -> None:
        self.faces += entry["faces"]
        self.left_out += entry["lost"]
        self.state.pop(entry["file"], None)
        if entry["state"] is None:
            self.done.add(entry["file"])
        else:
            self.state[entry["file"]] = entry["state"]

    def _continued(self, key: dict) -> dict[str, int]:
        """Takes up what the journal tells; how long the tables were then."""
        ends: dict[str, int] = {}
        if not self._journal.exists():
            if there := [path.name for path in (self.table, self.reasons) if path.exists()]:
                raise UserError(
                    f"'{self.folder}' holds {', '.join(there)} and no {JOURNAL}, so that it cannot be told"
                    " what is done; give another folder, or move them",
                    parameter="out",
                )
            return ends
        lines = self._journal.read_bytes().splitlines(keepends=True)
        whole = [line for line in lines if line.endswith(b"\n")]  # the last one may have been cut off
        try:
            entries = [json.loads(line) for line in whole]
            before = dict(entries[0]["key"]) if entries else key
            for entry in entries[1:]:
                self._take(entry)
                ends = entry["ends"]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            where = f"'{self._journal}' cannot be read ({type(error).__name__})"
            raise UserError(f"{where}; give another folder", parameter="out") from None
        now = json.loads(json.dumps(key))
        if differ := [
            f"{k}: {before.get(k)!r} there, {now.get(k)!r} here" for k in now if before.get(k) != now[k]
        ]:
            raise UserError(
                f"'{self.folder}' holds predictions made otherwise: {'; '.join(differ)}; give another folder",
                parameter="out",
            )
        if len(whole) != len(lines):
            self._journal.write_bytes(b"".join(whole))
        return ends

    def _cut(self, ends: dict[str, int]) -> None:
        """Removes what the journal does not tell of."""
        for path in (self.table, self.reasons):
            size, there = ends.get(path.name, 0), path.stat().st_size if path.exists() else 0
            if there < size:
                raise UserError(
                    f"'{path}' is shorter than when its last file was done, so it was changed since; give"
                    " another folder",
                    parameter="out",
                )
            if there > size:
                with open(path, "r+b") as file:
                    file.truncate(size)

    def _write_ahead(self) -> None:
        """The headers of empty files."""
        headers = {self._journal: f"{self._first}\n", self.reasons: _csv([REASONS])}
        headers[self.table] = _csv([self._columns]) if self._form == "csv" else ""
        for path, header in headers.items():
            if not path.exists() or not path.stat().st_size:
                self._append(path, header)

    def _lines(self, rows: list[dict]) -> str:
        if self._form == "csv":
            return _csv([row.get(column, "") for column in self._columns] for row in rows)
        return "".join(json.dumps(row) + "\n" for row in rows)

    @staticmethod
    def _append(path: Path, text: str) -> None:
        # names of files may hold bytes that are no text
        with open(path, "a", encoding="utf-8", errors="backslashreplace", newline="") as file:
            file.write(text)


def _csv(rows: Iterable[Iterable]) -> str:
    file = io.StringIO()
    csv.writer(file).writerows([quoted(str(cell)) for cell in row] for row in rows)
    return file.getvalue()
