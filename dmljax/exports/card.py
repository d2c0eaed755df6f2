"""The card of an export: what the network is, was trained on, reaches, is meant for and is not; Markdown."""

from __future__ import annotations

from pathlib import Path

from dmljax import run_folder
from dmljax.exports.made import Export
from dmljax.exports.source import Source
from dmljax.inference.program import ANGLE, EMBEDDING, PROBABILITY, YAW
from dmljax.report import tables
from dmljax.runs import calibrated
from dmljax.tables import markdown as plain
from dmljax.types import EXPRESSION, POSE, UserError

INTENDED = (
    "Meant for research on facial expressions and head poses, and for comparing methods, on faces like those"
    " of its training.",
    "Not meant for judging people. An expression that is shown, or even posed, is not what a person feels:"
    " do not decide by it about work, school, credit, insurance, health, police or border matters, and do not"
    " watch people with it who have not agreed. In some places the law forbids to infer emotions at work and"
    " in schools.",
    "The embedding was trained not to depend on the person. That it tells nothing of who a person is was not"
    " shown; do not take it for anonymous.",
)
LIMITS = (
    "Numbers hold for faces, cameras, light and people like those of the test images; elsewhere they are"
    " lower as a rule. Evaluate on images of your own before you rely on it.",
    "It always answers with one of its classes, also for a picture without a face.",
    "How it does for groups of people (by age, sex, skin colour) is not measured here.",
)


def write(run: Path, source: Source, made: Export) -> str:
    """The card's text.

    Args:
      run: the run's folder.
      source: what was exported.
      made: what came of it.
    """
    about = source.metadata
    blocks = [
        f"# {plain(about['run'])}: a network for facial expressions and head poses",
        _what(source),
        "## The file",
        *_file(source, made),
        "## Intended use and misuse",
        *_list(INTENDED),
        "## Data and people",
        *_data(run, source),
        "## Numbers",
        *_numbers(run, source),
        "## Limits",
        *_list(LIMITS),
        "## Licence",
        f"Of this network: {plain(about['licence'])}. The terms of the data that it was trained on may bind"
        " it, too.",
        "## Versions",
        tables.markdown([["of", "version"], *([name, of] for name, of in about["versions"].items())]),
        f"Weights {about['weights_digest']}, configuration {about['config_digest']} (the first 32 digits of"
        " SHA-256).",
    ]
    return "\n\n".join(blocks) + "\n"


def _list(lines) -> list[str]:
    return ["\n".join(f"- {line}" for line in lines)]


def _what(source: Source) -> str:
    model, config = source.model.config.model, source.model.config
    classes, about = source.model.classes, source.metadata
    heads = [
        f"{name} ({', '.join(map(plain, names))})"
        for name, names in ((EXPRESSION, classes.expression_names), (POSE, classes.pose_names))
        if PROBABILITY.format(name) in source.outputs
    ]
    if source.model.classes.angles_names:
        heads.append(f"{', '.join(source.model.classes.angles_names)} in degrees")
    return (
        f"DML-Net with {len(model.branches)} {'branch' if len(model.branches) == 1 else 'branches'}"
        f" ({', '.join(model.branches)}) of {plain(config.backbone.name)}, faces of {about['image_size']} x"
        f" {about['image_size']} pixels, an embedding of {source.outputs[EMBEDDING][0]} numbers, and heads"
        f" for {' and '.join(heads)}. Weights: the moving averages of step {about['step']:,}, checkpoint"
        f" '{about['checkpoint']}'."
    )


def _file(source: Source, made: Export) -> list[str]:
    about = source.metadata
    crop = about["crop"]
    rows = [["name", "shape", "meaning"], ["images", f"N, {about['image_size']}, {about['image_size']}, 3"]]
    rows[1].append("uint8, RGB: faces that are cut out and resized; any number of them")
    meaning = {
        PROBABILITY.format(EXPRESSION): f"of {', '.join(about['expression_names'])}",
        PROBABILITY.format(POSE): f"of {', '.join(about['pose_names'])}",
        YAW: "degrees, positive to the person's own left: mean over the pose classes",
        EMBEDDING: "of unit length" if source.model.config.losses.normalise else "as it is",
    }
    for name in source.model.classes.angles_names:
        meaning[ANGLE.format(name)] = f"degrees of {name}, by the head for angles"
    for name, shape in source.outputs.items():
        rows.append([name, ", ".join(["N", *map(str, shape)]), f"float32, {meaning[name]}"])
    margin = "" if crop["rule"] == "set" else f", a margin of {crop['margin']:g} of the longer side around"
    by = ", ".join(f"{head} {value:.3f}" for head, value in about["temperature"].items())
    worst = ", ".join(f"{name} {apart:.1g}" for name, apart in made.differences.items())
    lines = [
        f"Crop in training: rule '{crop['rule']}'{margin}; resized bilinearly with antialiasing.",
        f"Probabilities: {f'calibrated by temperatures ({by})' if by else 'not calibrated'}.",
    ]
    if about["flip"]:
        lines.append("Predictions are means over each image and its mirror image, which is made inside.")
    lines.append(
        f"Tried by {made.runtime} on {plain(made.pictures)}: largest differences to the run, {worst}."
    )
    if about["format"] == "safetensors":
        lines.insert(
            0, "Parameters and statistics alone: what is in and out holds for the network of the run."
        )
    return [f"Format {about['format']}, {made.size:,} bytes.", tables.markdown(rows), *_list(lines)]


def _data(run: Path, source: Source) -> list[str]:
    lines = [f"Sets: {', '.join(source.metadata['sets'])}."]
    try:
        split = run_folder.read(run / run_folder.SPLIT)
        sides = [f"{len(split[side]):,} to {use}" for side, use in _SIDES if split.get(side)]
        lines.append(f"Images: {', '.join(sides)}.")
    except UserError as error:
        lines.append(f"Who trained is not known: {error}.")
    if (run / run_folder.STARTED).exists():
        started = run_folder.read(run / run_folder.STARTED)
        lines.append(
            f"Training began with the weights of {plain(str(started.get('weights')))}, SHA-256"
            f" {plain(str(started.get('sha256')))}; their licence may bind this network, too."
        )
    score = _score(run, source)
    if isinstance(score, dict) and (people := tables.of_people(score)):
        lines.append(f"Tested on {people}.")
    return _list(lines)


_SIDES = (("train", "train"), ("validation", "validate"), ("test", "test"))


# by which an evaluation says what it is of
_MARKS = (("checkpoint", "checkpoint"), ("step", "step"), (run_folder.CONFIG_DIGEST, "configuration"))


def _score(run: Path, source: Source) -> dict | str:
    """The scores of the evaluation of these very weights, or why there are none, in words."""
    about = source.metadata
    place = calibrated.folder(run, flip=about["flip"])
    if not (place / run_folder.METRICS).exists():
        how = " with mirror images" if about["flip"] else ""
        return f"The run was not evaluated{how} before this export: nothing is known about how well it does."
    score = run_folder.score(place)
    differs = [f"{name} '{score[key]}'" for key, name in _MARKS if score.get(key, about[key]) != about[key]]
    if differs:
        return (
            f"The run's evaluation is of other weights or another version ({', '.join(differs)}): nothing is"
            " known about how well these do. Evaluate the run, then export it anew."
        )
    return score


def _numbers(run: Path, source: Source) -> list[str]:
    score = _score(run, source)
    if isinstance(score, str):
        return [score]
    blocks = [
        f"On test images of {plain(str(score['dataset']))}. {tables.of_intervals(score)}.",
        *tables.single_classes(score),
        tables.markdown(tables.summary(score)),
        "Each class:",
        tables.markdown(tables.classes(score)),
    ]
    if tables.has_cells(score):
        blocks += ["Expressions by pose, accuracy in %:", tables.markdown(tables.cells(score))]
        if "cell_intervals" in score:
            blocks += ["The same, 95 % intervals:", tables.markdown(tables.cell_intervals(score))]
    if score.get("calibration"):
        blocks += [f"{tables.of_calibration(score)}:", tables.markdown(tables.calibration_of(score))]
    return blocks
