"""`dmljax annotate`: flags, one call of `runs.annotate`, and what it found in words."""

from pathlib import Path

from absl import flags
from dmljax.launch import _define, cli

SUMMARY = "Labels a set without pose and identity by a trained run, for correction by hand."
USAGE = """\
    dmljax annotate --run=runs/multipie --set=sfew:FOLDER --people=95 --out=sfew_labels
    dmljax train --config=sfew --config.dataset.root=FOLDER --config.dataset.labels=sfew_labels/labels.csv

Writes a CSV with confidences, and a contact sheet a person. Pose comes from the run's pose head, identity
from clusters of its features. Correct labels.csv; an empty cell is not known.
"""


def define(values):
    flags.DEFINE_string("run", "", "a trained run with a pose head", flag_values=values)
    _define.root(values)
    flags.DEFINE_string("set", "", "the set to label, NAME:FOLDER", flag_values=values)
    _define.gives(values, "set", "dataset.root")
    flags.DEFINE_string(
        "out", "annotations", "folder for labels.csv and the contact sheets", flag_values=values
    )
    flags.DEFINE_integer(
        "people", 0, "how many people; 0: as many as --distance leaves", lower_bound=0, flag_values=values
    )
    flags.DEFINE_float(
        "distance",
        0.3,
        "largest mean cosine distance within a cluster",
        lower_bound=0.0,
        upper_bound=2.0,
        flag_values=values,
    )
    flags.DEFINE_enum("features", "f2", ["f2", "embedding"], "what is clustered", flag_values=values)
    _define.progress(values)


def main(values):
    from dmljax.preparation import opening
    from dmljax.runs import annotate, remote, trained
    from dmljax.types import UserError

    if not values.run:
        raise UserError("give a trained run: --run=runs/quick")
    name, folder = opening.named(values.set, "set")
    run = remote.fetched(values.run, print, progress=values.progress)
    labelled = annotate.annotate(
        trained.open_run(run, root=values.root, progress=values.progress),
        name,
        folder,
        Path(values.out),
        people=values.people,
        distance=values.distance,
        features=values.features,
        progress=values.progress,
    )
    print(f"{labelled.images} images, {labelled.clusters} clusters{_agreement(labelled)}")
    print(
        f"correct by hand: {values.out}/labels.csv, {values.out}/person_*.png; then"
        f" --config.dataset.labels={values.out}/labels.csv"
    )


def _agreement(labelled) -> str:
    """Against the labels that the set has, if it has any."""
    text = ""
    if labelled.rand_index is not None:
        text += f"; adjusted Rand index with its identities {labelled.rand_index:.2f}"
    if labelled.yaw_images:
        right = 100 * labelled.yaw_right / labelled.yaw_images
        text += f"; yaw as labelled for {right:.1f} % of {labelled.yaw_images} images"
    return text


if __name__ == "__main__":
    cli.run("annotate", SUMMARY, USAGE, define, main)
