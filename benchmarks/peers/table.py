"""Programs that are not ours beside our runs, on the same faces: accuracies with intervals over people."""

import csv
import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
from absl import flags
from dmljax.launch import cli

from dmljax.data.labels import expression as common
from dmljax.metrics.intervals import over_people
from dmljax.report import differences, statistics
from dmljax.report.tables import markdown
from dmljax.types import UserError

SUMMARY = "A table of programs and runs on the faces that crops.py wrote."
USAGE = """\
    python benchmarks/peers/table.py --crops=crops --answers=fer=fer.csv --answers=human=human.csv \\
      --run="DML-Net=runs/cmu0/evaluation/predictions.csv,runs/cmu1/evaluation/predictions.csv"

--answers is what answers.py, answers.mjs and `dmljax predict CROPS --faces=whole` wrote; --run names the
predictions of one or more seeds. The first --run, or else the first --answers, is what all others are
compared with. A face that a program does not find is wrong. --head=pose compares poses: a program that gives
yaw and pitch has the class whose mean over the other people is nearest.
"""
HEADS = ("expression", "pose")
ANGLES = ("yaw", "pitch")
PREDICTED = "expression_"  # before the class in a table of `dmljax predict`


class Face(NamedTuple):
    """What is known of a crop."""

    reference: str
    person: str
    expression: str
    pose: str


class Program(NamedTuple):
    """Hits of a program: a list of seeds, each reference -> 0..1; faces that it did not find are absent."""

    name: str
    hits: list[dict[str, float]]


def define(values) -> None:
    flags.DEFINE_string("crops", "crops", "what crops.py wrote", flag_values=values)
    flags.DEFINE_multi_string(
        "answers", [], "NAME=FILE[,FILE ...] of a program, or of dmljax predict", flag_values=values
    )
    flags.DEFINE_multi_string("run", [], "NAME=FILE[,FILE ...] of a run", flag_values=values)
    flags.DEFINE_enum("head", "expression", HEADS, "what is compared", flag_values=values)
    flags.DEFINE_string("out", "", "file for a JSON line a row", flag_values=values)


def table_of(path: str | Path, *columns: str) -> list[dict[str, str]]:
    """The rows of a table that has these columns."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            rows, known = list(reader), reader.fieldnames or ()
    except OSError as error:
        raise UserError(f"cannot read '{path}' ({error.strerror})") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"'{path}' is no table of text ({error})") from None
    if missing := [name for name in columns if name not in known]:
        raise UserError(f"'{path}' has no column {missing[0]}; it has {', '.join(known) or 'none'}")
    if long := [row for row in rows if None in row or None in row.values()]:
        raise UserError(
            f"'{path}': the row of '{long[0][columns[0]]}' has more or fewer cells than the header"
        )
    return rows


def number(path: str, row: dict[str, str], column: str) -> float:
    """A cell as a finite number."""
    try:
        value = float(row[column])
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise UserError(f"'{path}': {column} of '{row['file']}' must be a number; got '{row[column]}'")
    return value


def faces_of(folder: str, head: str) -> dict[str, Face]:
    """File -> face, of those whose expression, or pose, is known."""
    rows = table_of(Path(folder) / "crops.csv", "file", "reference", "identity", *HEADS)
    for column in ("file", "reference"):
        if twice := [name for name, count in Counter(row[column] for row in rows).items() if count > 1]:
            raise UserError(
                f"crops.csv names the {column} '{twice[0]}' twice; write the crops again", parameter="crops"
            )
    return {
        row["file"]: Face(row["reference"], row["identity"], common(row["expression"]), row["pose"])
        for row in rows
        if row[head]
    }


def answered(path: str, faces: dict[str, Face]) -> dict[str, float]:
    """Hits of a program, asked for the expressions of the set alone; answers that tie share a hit."""
    known = {face.expression for face in faces.values()}
    rows, hits = table_of(path, "file"), {}
    columns = {name: common(name.removeprefix(PREDICTED)) for name in (rows[0] if rows else ())}
    for row in rows:
        face = faces.get(Path(row["file"]).name)
        if face is None:
            continue
        given = {
            name: number(path, row, column)
            for column, name in columns.items()
            if name in known and row[column]
        }
        if not given:
            continue
        best = [name for name, one in given.items() if one == max(given.values())]
        hits[face.reference] = (face.expression in best) / len(best)
    return hits


def posed(path: str, faces: dict[str, Face]) -> dict[str, float]:
    """Hits of a program that gives angles: the pose whose mean yaw and pitch over the other people is
    nearest.
    """
    rows = {Path(row["file"]).name: row for row in table_of(path, "file", *ANGLES)}
    found = {
        file: np.array([number(path, rows[file], name) for name in ANGLES])
        for file in rows.keys() & faces.keys()
        if all(rows[file][name] for name in ANGLES)
    }

    def nearest(file: str) -> str:
        others = [other for other in found if faces[other].person != faces[file].person]
        poses = sorted({faces[other].pose for other in others})
        mean = lambda pose: np.mean([found[other] for other in others if faces[other].pose == pose], 0)
        return min(poses, key=lambda pose: float(np.linalg.norm(found[file] - mean(pose))), default="")

    return {faces[file].reference: float(nearest(file) == faces[file].pose) for file in found}


def predicted(path: str, faces: dict[str, Face], head: str) -> dict[str, float]:
    """Hits of a run, which has to have tested every face."""
    asked = {face.reference for face in faces.values()}
    hits = {
        row["reference"]: float(row[head] == row[f"{head}_predicted"])
        for row in table_of(path, "reference", head, f"{head}_predicted")
        if row["reference"] in asked
    }
    if missing := len(asked) - len(hits):
        raise UserError(
            f"'{path}' says nothing of {missing} of {len(asked)} faces; give the predictions of all folds",
            parameter="run",
        )
    return hits


def per_person(hits: dict[str, float], faces: dict[str, Face]) -> dict[str, tuple[int, float]]:
    """Person -> (faces, hits); a face without an answer is no hit."""
    counts, right = Counter(), defaultdict(float)
    for face in faces.values():
        counts[face.person] += 1
        right[face.person] += hits.get(face.reference, 0.0)
    return {person: (count, right[person]) for person, count in counts.items()}


def against(program: Program, first: Program, faces: dict[str, Face]) -> differences.Difference | None:
    """The program less the first, over people and the seeds of both; a program without seeds is the same in
    all."""
    seeds = max(len(program.hits), len(first.hits))
    rows = []
    for one in (program, first):
        for seed in range(seeds):
            people = per_person(one.hits[seed % len(one.hits)], faces)
            share = sum(h for _, h in people.values()) / sum(n for n, _ in people.values())
            rows.append(
                {"label": one.name, "seed": seed, "fold": 0, "tested": "all", "share": share}
                | {"people": {"share": people}}
            )
    return differences.difference(differences.pairs(rows, program.name, first.name, "share"))


def line(program: Program, faces: dict[str, Face], head: str) -> dict:
    """What a row says of a program alone."""
    people = [per_person(hits, faces) for hits in program.hits]
    counts = np.array([count for count, _ in people[0].values()])
    right = np.mean([[hits for _, hits in one.values()] for one in people], 0)
    found = np.mean([len(hits) for hits in program.hits])
    return {
        "program": program.name,
        "seeds": len(program.hits),
        "faces": len(faces),
        "people": len(counts),
        "found": float(found),
        "head": head,
        "accuracy": float(right.sum() / counts.sum()),
        "interval": list(over_people(right, counts)),
        "of the found": float(right.sum() / found) if found else None,
    }


def run(values) -> None:
    faces = faces_of(values.crops, values.head)
    if not faces:
        raise UserError(f"'{values.crops}' has no face with a known {values.head}", parameter="crops")
    asked = answered if values.head == "expression" else posed
    named = lambda text: text.split("=", 1) if "=" in text else _unnamed(text)
    programs = [
        Program(name, [predicted(path, faces, values.head) for path in paths.split(",")])
        for name, paths in map(named, values.run)
    ] + [
        Program(name, [asked(path, faces) for path in paths.split(",")])
        for name, paths in map(named, values.answers)
    ]
    if repeated := [name for name, count in Counter(one.name for one in programs).items() if count > 1]:
        raise UserError(f"'{repeated[0]}' names two programs; give each a name of its own")
    if not programs:
        raise UserError("names nothing to compare; give at least one --run or --answers", parameter="answers")
    lines = [line(program, faces, values.head) for program in programs]
    found = differences.adjusted([against(program, programs[0], faces) for program in programs[1:]])
    rows = [
        ["program", "faces found", f"{values.head}, %", "95 %", "of the found, %", *statistics.COMPARED],
    ]
    for each, other in zip(lines, [None, *found]):
        low, high = each["interval"]
        of_found = "-" if each["of the found"] is None else f"{100 * each['of the found']:.1f}"
        rows.append(
            [
                each["program"],
                f"{each['found']:.0f} of {each['faces']}",
                f"{100 * each['accuracy']:.1f}",
                f"{100 * low:.1f} to {100 * high:.1f}",
                of_found,
                *statistics.compared(other),
            ]
        )
    print(f"{len(faces)} faces of {lines[0]['people']} people")
    print(markdown(rows))
    if values.out:
        Path(values.out).write_text("".join(json.dumps(each) + "\n" for each in lines))


def _unnamed(text: str):
    raise UserError(f"'{text}' has no name; write NAME=FILE")


if __name__ == "__main__":
    cli.run("benchmarks/peers/table.py", SUMMARY, USAGE, define, run)
