"""What a loader found, beside what its set's authors published: what it did not take, where counts differ."""

from __future__ import annotations

from dmljax.types import ROOT, Skipped, UserError


class Left:
    """What a loader finds and does not take.

    A file whose labels cannot be told is listed by name; what is known and not wanted is only counted.

    Attributes:
      skipped: the listed files.
    """

    def __init__(self, skipped: list[Skipped]):
        self.skipped = list(skipped)
        self._counted: dict[str, list] = {}

    def skip(self, name: str, reason: str, kind: str = "") -> None:
        """Lists one file; see `types.Skipped`."""
        self.skipped.append(Skipped(name, reason, kind))

    def count(self, name: str, what: str) -> None:
        """One more of `what`, in words, plural."""
        self._counted.setdefault(what, [0, name])[0] += 1

    def no_image(self, name: str) -> None:
        """One more file that is no image."""
        self.count(name, "files that are no images")

    def notes(self, dataset: str) -> tuple[str, ...]:
        """One line for the user, or none."""
        parts = [f"{count:,} {what} (e.g. '{name}')" for what, (count, name) in self._counted.items()]
        return (f"{dataset}: not taken: {'; '.join(parts)}",) if parts else ()


def differences(dataset: str, published: dict[str, int], found: dict[str, int]) -> tuple[str, ...]:
    """One line that says which counts are not those that the set's authors published, or none."""
    wrong = [
        f"{what} {found.get(what, 0):,} ({count:,} published)"
        for what, count in published.items()
        if found.get(what, 0) != count
    ]
    return (
        (f"WARNING: {dataset}: counts differ from the published ones: {', '.join(wrong)}",) if wrong else ()
    )


def nothing(name: str, root: str, pattern: str, count: int, obtain: str, seen: list[str]) -> UserError:
    """The error of a folder that holds nothing of the set: what was looked for, what was found."""
    example = f", e.g. '{seen[0]}'" if seen else ""
    return UserError(
        f"{name}: no file named {pattern} below '{root}' ({count} other files{example}); give the set's"
        f" folder. {obtain}",
        parameter=ROOT,
    )
