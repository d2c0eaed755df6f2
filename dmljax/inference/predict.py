"""Predictions for photographs, films and folders: faces found, put through the network, written as tables."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from dmljax import bars, run_folder
from dmljax.inference import faces as finding
from dmljax.inference import films, output, rows, stream, write
from dmljax.inference.annotated import Annotated
from dmljax.inference.flow import predicted
from dmljax.inference.load import load
from dmljax.inference.model import Model
from dmljax.inference.options import Options
from dmljax.inference.sources import VIDEO, Source, sources
from dmljax.preparation import box_tables
from dmljax.runs import lock
from dmljax.types import UserError


class Done(NamedTuple):
    """What a prediction came to; a folder that was begun before counts as a whole.

    Attributes:
      faces, files: how many are in the table, and how many files were done, left out ones among them.
      left_out: how many files are not in it, or not to their end.
      table, reasons: where the predictions are, and what was left out and why.
    """

    faces: int
    files: int
    left_out: int
    table: Path
    reasons: Path


def predict(
    run: str | Path,
    photographs: Iterable[str | Path],
    out: str | Path,
    options: Options = Options(),  # noqa: B008  (it is frozen)
    *,
    progress: bool = True,
    say: Callable[[str], None] = print,
) -> Done:
    """Predicts the faces of photographs, films, and folders of them, into tables in a folder.

    A stopped prediction goes on with the same call: files that are done are not read again, and further ones
    may have come. Files that cannot be read or have no face are listed with the reason.

    Args:
      run: the folder of a training, or a StableHLO file that was exported.
      photographs: files and folders.
      out: folder for predictions.csv or predictions.jsonl, left_out.csv and, on request, annotated pictures.
      say: is told how faces are found, and whether probabilities are calibrated.

    Raises:
      UserError: no run, no such files, an option out of its range, or a folder with other predictions.
    """
    options.check()
    out = run_folder.named(out, "out")
    files = sources(photographs, apart=out)
    if any(file.kind == VIDEO for file in files):
        films.require()
    how = {name: getattr(options, name) for name in ("checkpoint", "flip", "calibrated", "batch")}
    model = load(run, **how)
    rule = finding.rule_of(model.config, options.faces, options.margin)
    boxes = _boxes(files, options.faces)
    with _held(out, say):
        for line in _told(model, rule, options, given=boxes is not None):
            say(line)
        written = _written(out, run, model, rule, boxes, files, options, progress=progress)
    return Done(written.faces, len(written.done), written.left_out, written.table, written.reasons)


@contextlib.contextmanager
def _held(out: Path, say: Callable[[str], None]) -> Iterator[None]:
    """One prediction at a time in a folder."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(lock.held(out, say))
        except OSError as error:
            raise UserError(
                f"'{out}' cannot be written: {error.strerror or error}; give another folder", parameter="out"
            ) from None
        yield


def _written(
    out: Path,
    run,
    model: Model,
    rule: finding.Rule,
    boxes,
    files: list[Source],
    options: Options,
    *,
    progress,
) -> output.Output:
    """The tables in a folder, to the end."""
    columns = rows.columns(model.of_none(), embedding=options.embedding)
    written = output.Output(out, options.form, _key(run, model, rule, options), columns)
    waiting = [k for k, file in enumerate(files) if file.name not in written.done]
    before = len(files) - len(waiting)
    writer = write.Writer(
        model,
        written,
        form=options.form,
        embedding=options.embedding,
        smooth=options.smooth,
        drawn=Annotated(out, files) if options.annotated else None,
    )
    steps = stream.pictures(
        [files[k] for k in waiting],
        rule=rule,
        boxes=None if boxes is None else [boxes[k] for k in waiting],
        rate=options.rate,
        jobs=options.jobs,
        state=written.state,
        keep=options.annotated,
    )
    with bars.bar(desc="predicting", unit="file", show=progress, total=len(files), initial=before) as bar:
        write.everything(predicted(model, steps), writer, bar)
    return written


def _boxes(files: list[Source], faces: str) -> list[list] | None:
    """The boxes of each file, where a table has them."""
    if not faces.lower().endswith(finding.TABLE):
        return None
    if film := next((file for file in files if file.kind == VIDEO), None):
        raise UserError(
            f"a table has boxes of photographs, and '{film.name}' is a film; give a detector for films",
            parameter="faces",
        )
    if not Path(faces).is_file():
        raise UserError(f"no table of boxes at '{faces}'", parameter="faces")
    try:
        of = box_tables.of_references([file.name for file in files], faces)
    except UserError as error:
        raise UserError(error.message, parameter="faces") from None
    return [of(k) for k in range(len(files))]


def _key(run: str | Path, model: Model, rule: finding.Rule, options: Options) -> dict:
    """What the rows depend on."""
    chosen = {
        name: getattr(options, name)
        for name in ("checkpoint", "form", "embedding", "annotated", "rate", "smooth")
    }
    is_table = options.faces.lower().endswith(finding.TABLE)
    return {
        "run": str(run) if run_folder.is_url(run) else str(Path(run).expanduser().resolve()),
        "step": model.step,
        "weights": model.digest,
        "boxes": run_folder.digest(Path(options.faces).read_bytes()) if is_table else "",
        **rule._asdict(),
        "flip": model.flip,
        "temperature": model.temperature,
        **chosen,
    }


def _told(model: Model, rule: finding.Rule, options: Options, *, given: bool) -> list[str]:
    """How faces are found, and what probabilities are; a line each."""
    where = f"boxes of '{options.faces}'" if given else f"found by {rule.find}"
    if not given and rule.find == finding.WHOLE:
        where = "whole pictures, one face each"
        where += "" if options.faces else "; name a detector where faces fill only a part of them"
    by = ", ".join(f"{head} {value:.2f}" for head, value in model.temperature.items())
    reason = "as asked for" if not options.calibrated else "the run's evaluation has no temperature for them"
    return [
        f"faces: {where}",
        f"probabilities: calibrated, temperature of {by}"
        if by
        else f"probabilities: not calibrated, {reason}",
    ]
