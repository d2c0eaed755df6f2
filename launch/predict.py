"""`dmljax predict`: flags, one call of `inference.predict`, and what it came to in words."""

from absl import flags
from dmljax.launch import _define, cli

SUMMARY = "Predicts faces in photographs, films and folders by a trained run, into a table."
USAGE = """\
    dmljax predict --run=runs/quick photograph.jpg holidays/ --faces=mtcnn
    dmljax predict --run=runs/quick film.mp4 --faces=haar --rate=5 --smooth=0.5 --annotated
    dmljax predict --run=runs/quick FOLDER --faces=boxes.csv --format=jsonl --embedding

Writes OUT/predictions.csv, a line a face: file, box, expression and all probabilities, pose, yaw in degrees.
What cannot be read or has no face is listed in OUT/left_out.csv. The same command goes on where it was
stopped. Exit code 1: no face at all.
"""


def define(values):
    from dmljax.inference.options import FORMATS, Options

    by_default = Options()
    flags.DEFINE_string("run", "runs/quick", "a trained run", flag_values=values)
    flags.DEFINE_multi_string(
        "photographs", [], "photographs, films and folders; their names may stand alone", flag_values=values
    )
    _define.rest(values, "photographs")
    flags.DEFINE_string("out", "predictions", "folder for what is written", flag_values=values)
    flags.DEFINE_string(
        "faces",
        "",
        "whole (pictures), a detector (mtcnn, haar, dlib) or a table of boxes, FILE.csv; empty: the detector"
        " of the run's own set, else whole",
        flag_values=values,
    )
    flags.DEFINE_float(
        "margin",
        None,
        "added to a box on each side, as a share of its longer side, which is then made square; default: as"
        " in training",
        flag_values=values,
    )
    _define.model(values)
    flags.DEFINE_enum("format", FORMATS[0], FORMATS, "of the table of predictions", flag_values=values)
    _define.gives(values, "format", "form")
    flags.DEFINE_bool("embedding", False, "write the embedding, too", flag_values=values)
    flags.DEFINE_bool(
        "annotated",
        False,
        "also write pictures with the faces drawn in, to OUT/annotated",
        flag_values=values,
    )
    flags.DEFINE_float(
        "rate",
        by_default.rate,
        "of a film at most so many pictures a second; 0: all",
        lower_bound=0.0,
        flag_values=values,
    )
    flags.DEFINE_float(
        "smooth",
        by_default.smooth,
        "seconds over which the probabilities of a film's faces are smoothed; 0: not at all",
        lower_bound=0.0,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "jobs",
        0,
        "processes that decode and find faces; 0: one for each core",
        lower_bound=0,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "batch", by_default.batch, "faces in the network at a time", lower_bound=1, flag_values=values
    )
    _define.progress(values)


def main(values):
    from dmljax.inference.options import Options
    from dmljax.inference.predict import predict
    from dmljax.types import counted

    chosen = "faces margin checkpoint flip calibrated embedding annotated rate smooth jobs batch".split()
    options = Options(form=values.format, **{name: values[name].value for name in chosen})
    done = predict(values.run, values.photographs, values.out, options, progress=values.progress)
    print(f"{counted(done.faces, 'face')} in {counted(done.files - done.left_out, 'file')}: {done.table}")
    if done.left_out:
        print(f"{counted(done.left_out, 'file')} left out: {done.reasons}")
    return 0 if done.faces else 1


if __name__ == "__main__":
    cli.run("predict", SUMMARY, USAGE, define, main)
