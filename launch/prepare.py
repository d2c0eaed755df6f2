"""`dmljax prepare`: flags, one call of `preparation.prepare`, and what it found in words."""

from absl import flags
from dmljax.launch import _define, cli

from dmljax.types import UserError

SUMMARY = "Checks, crops and resizes a set into a TFDS dataset or arrays; or finds its faces."
USAGE = """\
    dmljax prepare kdef --source=FOLDER --out=prepared
    dmljax prepare kdef --source=FOLDER --config.crop.rule=haar --config.data.image_size=128 --out=prepared
    dmljax prepare kdef --source=prepared --out=arrays --formats=array     # for machines without TensorFlow
    dmljax prepare cmu_faces --source=FOLDER --sheet=cmu.png               # only check
    dmljax prepare cmu_faces --source=FOLDER --config.crop.rule=mtcnn --boxes=boxes.csv  # only find the faces

The set comes to lie in OUT/<set>/<version> with a report; train on it with --config.dataset.root=OUT. The
same command goes on where it was stopped. Rendered sets are rendered first, in parallel, and kept in the
user's cache.
"""


def define(values):
    _define.config(values, "quick")
    _define.positional(values, "config")
    flags.DEFINE_string("source", "", "where the set lies; empty: dataset.root", flag_values=values)
    _define.gives(values, "source", "dataset.root")
    flags.DEFINE_string(
        "out", "", "folder for the prepared set; empty: only check the set", flag_values=values
    )
    flags.DEFINE_list(
        "formats",
        ["array_record", "tfrecord"],
        "array_record (tfds.data_source, this package), tfrecord (tfds.load), array "
        "(numpy, without TensorFlow)",
        flag_values=values,
    )
    flags.DEFINE_string("version", "1.0.0", "of the prepared set", flag_values=values)
    flags.DEFINE_integer("per_shard", 1024, "images in a file", lower_bound=1, flag_values=values)
    flags.DEFINE_bool("beam", False, "make the shards by Apache Beam (dmljax[beam])", flag_values=values)
    flags.DEFINE_list(
        "beam_options",
        [],
        "of the pipeline, such as runner=DirectRunner,direct_num_workers=2",
        flag_values=values,
    )
    flags.DEFINE_string(
        "sheet",
        "contact_sheet.png",
        "without --out, file for the contact sheet; empty: none",
        flag_values=values,
    )
    flags.DEFINE_string(
        "boxes",
        "",
        "only find the face in every image by crop.rule, and write the boxes to this CSV file",
        flag_values=values,
    )
    flags.DEFINE_float(
        "spread",
        5.0,
        "with --boxes: a face more than so many median absolute deviations from the usual place or size takes"
        " the median box, as one that was not found does; 0 trusts every box",
        lower_bound=0.0,
        upper_bound=1000.0,
        flag_values=values,
    )
    flags.DEFINE_integer("people", 8, "people on the contact sheet", lower_bound=1, flag_values=values)
    flags.DEFINE_integer(
        "side",
        96,
        "pixels of a picture on the contact sheet",
        lower_bound=16,
        upper_bound=512,
        flag_values=values,
    )
    flags.DEFINE_integer("workers", 0, "processes; 0: one for each core", lower_bound=0, flag_values=values)
    _define.progress(values)


def main(values):
    from dmljax.preparation import inventory
    from dmljax.preparation import prepare as preparation

    values.config.dataset.root = values.source or values.config.dataset.root
    how = {"workers": values.workers, "progress": values.progress}
    if values.boxes:
        if values.out:
            raise UserError("--boxes only finds faces, --out prepares the set; give one of them")
        _show_located(preparation.locate(values.config, values.boxes, spread=values.spread, **how))
        return
    how |= {"people": values.people, "side": values.side}
    if values.out:
        checked = preparation.prepare(
            values.config,
            values.out,
            formats=values.formats,
            version=values.version,
            per_shard=values.per_shard,
            beam=values.beam_options if values.beam else None,
            **how,
        )
    else:
        checked = preparation.check(values.config, sheet=values.sheet, **how)
    if checked.pictures:
        print(f"pictures: {checked.pictures}")
    print(inventory.summary(checked.samples, checked.skipped))
    if checked.folder:
        print(
            f"prepared: {checked.folder}/  (report.md, contact_sheet.png; train on it with"
            f" --config.dataset.root={checked.folder})"
        )
    elif checked.sheet:
        print(f"contact sheet: {checked.sheet}")


def _show_located(located):
    from dmljax.preparation import inventory

    images = len(located.boxes.edges)
    for what, poses in (("no face found", located.missed), ("too far from the others", located.doubtful)):
        by_pose = f", {inventory.by_pose(poses)}" if poses else ""
        print(f"{what}: {poses.total()} of {images}{by_pose}")
    print(
        f"boxes: {located.table}, drawn in {located.sheet}; correct lines by hand, then use them with"
        f" --config.crop.rule=boxes --config.crop.table={located.table}"
    )


if __name__ == "__main__":
    cli.run("prepare", SUMMARY, USAGE, define, main)
