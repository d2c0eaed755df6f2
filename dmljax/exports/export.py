"""Writes the network of a run as a file for other programs, tries it, and describes it in a card."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from dmljax import extras, run_folder, writing
from dmljax.exports import card, formats, pictures, place, trial
from dmljax.exports import source as sources
from dmljax.exports.made import Export
from dmljax.inference import of_run
from dmljax.runs import remote
from dmljax.training.devices import set_up_process
from dmljax.types import UserError, nearest

LIMIT = 1e-4  # of the difference to the run
COUNT = 16  # pictures on which a file is tried
UNSTATED = "not stated"
DEFAULT = "stablehlo"


def names() -> tuple[str, ...]:
    """The formats, by the names of their files."""
    found = (module.name for module in pkgutil.iter_modules(formats.__path__))
    return tuple(sorted(name for name in found if not name.startswith("_")))


def endings() -> dict[str, str]:
    """The ending of each format's files, '.onnx' of 'onnx' and so on."""
    return {name: importlib.import_module(f"{formats.__name__}.{name}").ENDING for name in names()}


def of_file(out: str | Path, form: str = "") -> str:
    """The format of what is to be written: the one given, or by the file's ending; without a file stablehlo.

    Raises:
      UserError: the ending is that of another format, or of none.
    """
    known, ending = endings(), Path(out).suffix.lower()
    if not str(out):
        return form or DEFAULT
    by_ending = next((name for name in known if known[name] == ending), "")
    if not (form or by_ending):
        raise UserError(
            f"'{out}' does not say in which format; end it in {', '.join(known.values())}, or give a format",
            parameter="out",
        )
    if form in known and by_ending not in ("", form):
        raise UserError(
            f"'{out}' ends like {by_ending}, and the format is {form}; end it in {known[form]}, or leave the"
            " format out",
            parameter="out",
        )
    return form or by_ending


def load(form: str) -> ModuleType:
    """A format by name.

    Raises:
      UserError: there is none, or a package that it needs is not installed.
    """
    known = names()
    if form not in known:
        raise UserError(
            f"must be one of {', '.join(known)}; got '{form}'.{nearest(form, known)}", parameter="format"
        )
    module = importlib.import_module(f"{formats.__name__}.{form}")
    if module.MODULES:
        extras.require(module.EXTRA, *module.MODULES, purpose=f"format={form}", parameter="format")
    extras.require_programs(*getattr(module, "PROGRAMS", ()), purpose=f"format={form}", parameter="format")
    return module


def export(
    run: str | Path,
    out: str | Path = "",
    *,
    format: str = "",
    checkpoint: str = "last",
    flip: bool = False,
    calibrated: bool = True,
    limit: float = LIMIT,
    licence: str = UNSTATED,
    photographs: Sequence[str | Path] = (),
    root: str = "",
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> Export:
    """Writes the network of a run in another format, tries it by that format's own runtime, and describes it.

    Everything after the crop is inside: normalisation, regions, branches, fusion, heads, probabilities. In go
    faces, uint8 [N, size, size, 3], for any N; out come 'expression_probability', 'pose_probability', 'yaw'
    in degrees, 'embedding' and, of a head for angles, 'head_yaw', 'head_pitch' and 'head_roll', as far as the
    network has them.

    Args:
      run: the folder of a training, or the URL of one in a bucket.
      out: the file, or of 'savedmodel' and 'web' the folder; empty: RUN/exports/RUN with the format's ending.
        A card in Markdown is written beside it.
      format: 'stablehlo' (which `load` reads), 'savedmodel', 'tflite', 'onnx', 'web', a page for a browser,
        or 'safetensors', parameters alone; empty: by the ending of `out`, or without one stablehlo.
      checkpoint, flip, calibrated: as of `load`.
      limit: what is written is refused where a probability or a number of the embedding differs by more from
        the run's own.
      licence: of the network, as its owner states it; for the card.
      photographs: images and folders to try the file on; empty: the run's test images, or rendered faces
        where its set is not there.
      root: where the run's set lies, if not where its configuration says.
      overwrite: replace what is there.
      say: is told what is done.

    Raises:
      UserError: no run, no such format or one that the ending of `out` contradicts, a missing package or
        program, a network that the format has no operations for, or a difference above the limit.

    Example:
      >>> import dmljax
      >>> file = dmljax.export("runs/quick", "quick.stablehlo", overwrite=True, say=lambda line: None).path
      >>> dmljax.load(file).classes.pose_names
      ('-90', '-45', '0', '45', '90')
    """
    if not limit >= 0:
        raise UserError(f"must be at least 0, got {limit}", parameter="limit")
    format = of_file(out, format)
    module = load(format)
    with remote.at_hand(run, say) as at:
        folder = at.folder
        if len(parts := run_folder.parts(folder)) > 1 or parts != [folder]:
            raise UserError(
                f"'{folder}' holds folds; export one of them, such as {parts[0]}", parameter="run"
            )
        run_folder.check_trained([folder])
        path = Path(out).expanduser() if str(out) else _default(folder, module.ENDING)
        is_folder = getattr(module, "FOLDER", False)
        place.check_free(path, folder=is_folder, overwrite=overwrite)
        set_up_process()
        model = of_run.read(folder, checkpoint=checkpoint, flip=flip, calibrated=calibrated)
        if getattr(module, "FLOAT32", False) and (dtype := model.config.model.dtype) != "float32":
            raise UserError(
                f"{format} is written for activations in float32, and the run has model.dtype={dtype}; choose"
                " stablehlo or safetensors",
                parameter="format",
            )
        shown = pictures.choose(model, folder, count=COUNT, given=photographs, root=root)
        source = sources.of(model, folder, checkpoint=checkpoint, form=format, licence=licence)
        say(f"writing {path} ({format}), which {module.RUNTIME} then runs on {shown.origin}")
        path.parent.mkdir(parents=True, exist_ok=True)
        with place.whole(path, folder=is_folder) as part:
            module.write(part, source)
            found = trial.differences(source, module.runtime(part, source), shown.pixels)
            trial.refuse_above(limit, found, module.RUNTIME)
        made = Export(path, place.card_of(path), place.size(path), found, module.RUNTIME, shown.origin)
        writing.text(made.card, card.write(folder, source, made))
        return made


def _default(run: Path, ending: str) -> Path:
    return run / run_folder.EXPORTS / f"{run.resolve().name}{ending}"
