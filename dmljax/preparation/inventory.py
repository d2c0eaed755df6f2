"""What a set holds beside the published counts, and what was left out and why."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from dmljax import tables, writing
from dmljax.preparation import crop
from dmljax.types import ANGLE_NAMES, LABELS, Samples, Skipped, counted


def report(samples: Samples) -> str:
    """A Markdown page."""
    lines = [
        f"# {samples.name}",
        "",
        (
            f"{len(samples)} images of {len(samples.identity_names)} people; {len(samples.skipped)} files"
            " skipped."
        ),
    ]
    lines += [f"Published: {samples.published}." if samples.published else "No published counts."]
    if samples.protocol:
        p = samples.protocol
        people = (
            f" of {p.train_people} people" if p.train_people else "",
            (f" of {p.test_people} people" if p.test_people else ""),
        )
        lines += [
            f"The method's paper: {p.train_images} images{people[0]} train, {p.test_images}{people[1]} test."
        ]
    lines += [f"Licence: {samples.licence}. {samples.obtain}." if samples.licence else ""]
    lines += [line for note in samples.notes for line in ("", f"{tables.markdown(note)}.")]
    lines += [
        "",
        "## Images by expression and pose",
        "",
        *_grid(samples),
        "",
        "## Images by person",
        "",
        *_people(samples),
        *_angles(samples),
    ]
    reasons = Counter(skipped.kind or skipped.reason for skipped in samples.skipped)
    missed = Counter({pose or "unknown": n for pose, n in crop.misses(samples.skipped).items()})
    lines += _counted("Skipped", "reason", reasons) + _counted("No face found", "pose", missed)
    return "\n".join(lines) + "\n"


def summary(samples: Samples, listed: Path | None = None) -> str:
    """Lines for the terminal. `listed`: where `write_skipped` wrote what was left out."""
    published = f" (published: {samples.published})" if samples.published else ""
    lines = [
        f"{samples.name}: {len(samples)} images{published}, {len(samples.identity_names)} identities,"
        f" {counted(len(samples.skipped), 'file')} skipped",
        *samples.notes,
    ]
    if missed := crop.misses(samples.skipped):
        lines.append(f"no face found: {by_pose(missed)}")
    if samples.skipped:
        first = samples.skipped[0]
        lines.append(
            f"skipped{f': {listed}' if listed else ''}; the first: {first.reference}: {first.reason}"
        )
    return "\n".join(lines)


def by_pose(counts: Counter) -> str:
    """Counts by name of the pose class ('': not known) in words."""
    return ", ".join(f"{count} x pose {pose or 'unknown'}" for pose, count in counts.most_common())


def write_skipped(skipped: Iterable[Skipped], path: Path) -> None:
    """CSV with the fields of `Skipped`, one line a file."""
    writing.table(path, [Skipped._fields, *skipped])


def read_skipped(path: Path) -> tuple[Skipped, ...]:
    """What `write_skipped` wrote. Sets that were prepared before files had a kind and a pose have neither.

    Raises:
      OSError, TypeError: the file cannot be read, or is another one.
    """
    with open(path, newline="", encoding="utf-8") as file:
        return tuple(Skipped(*map(tables.unquoted, row)) for row in list(csv.reader(file))[1:])


def _counted(title: str, what: str, counts: Counter) -> list[str]:
    if not counts:
        return []
    return [
        "",
        f"## {title}",
        "",
        f"| {what} | files |",
        "| --- | ---: |",
        *(f"| {tables.markdown(name)} | {count} |" for name, count in counts.most_common()),
    ]


def _grid(samples: Samples) -> list[str]:
    poses = [*samples.pose_names, *(["no pose"] if (samples.pose < 0).any() else [])]
    rows = [*samples.expression_names, *(["no expression"] if (samples.expression < 0).any() else [])]
    counts = np.zeros((len(rows), len(poses)), int)
    # -1 is the last row or column
    np.add.at(counts, (samples.expression % len(rows), samples.pose % len(poses)), 1)
    return [
        "| | " + " | ".join(map(tables.markdown, poses)) + " | all |",
        "| --- |" + " ---: |" * (len(poses) + 1),
        *(
            f"| {tables.markdown(name)} | " + " | ".join(map(str, row)) + f" | {row.sum()} |"
            for name, row in zip(rows, counts)
        ),
    ]


def _people(samples: Samples) -> list[str]:
    known = samples.identity[samples.identity >= 0]
    if not len(known):
        return ["No image has an identity."]
    counts = np.bincount(known, minlength=len(samples.identity_names))
    unknown = f"; {len(samples) - len(known)} images without" if len(known) < len(samples) else ""
    return [
        f"{counts.min()} to {counts.max()} images a person, {np.median(counts):g} in the median{unknown}."
        " Each cell: `counts.csv`."
    ]


def _angles(samples: Samples) -> list[str]:
    if samples.angles is None:
        return []
    rows = []
    for name, column in zip(ANGLE_NAMES, samples.angles.T):
        known = column[~np.isnan(column)]
        ends = [f"{end:.1f}" for end in (known.min(), np.median(known), known.max())] if len(known) else "---"
        rows.append(f"| {name} | {len(known)} | {' | '.join(ends)} |")
    header = ["| angle | images | least | median | largest |", "| --- | ---: | ---: | ---: | ---: |"]
    return ["", "## Angles of the head in degrees", "", *header, *rows]


def write_counts(samples: Samples, path: Path) -> None:
    """CSV: expression, pose, identity, images; one line a combination that occurs."""
    name = lambda names, code: names[code] if code >= 0 else ""
    cells = Counter(zip(samples.expression.tolist(), samples.pose.tolist(), samples.identity.tolist()))
    rows = (
        (
            name(samples.expression_names, e),
            name(samples.pose_names, p),
            name(samples.identity_names, i),
            count,
        )
        for (e, p, i), count in sorted(cells.items())
    )
    writing.table(path, [(*LABELS, "images"), *rows])
