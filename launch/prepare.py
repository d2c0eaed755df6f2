"""Makes the pictures of a set that has to be rendered, checks every image, and draws a contact sheet.

    dmljax prepare --config=quick
    dmljax prepare --config=ict3dfe --config.dataset.root=FOLDER_OR_NPZ --sheet=ict3dfe.png
    dmljax prepare --config=cmu_faces --config.dataset.root=FOLDER --sheet=cmu.png

Pictures are made once, in parallel, and kept; the same command goes on where it was stopped. Training makes them, too.
"""
import sys

from absl import flags

from dmljax import cli


def define(values):
    cli.define_config(values, "quick")
    flags.DEFINE_string("sheet", "contact_sheet.png", "file for the contact sheet; empty: none", flag_values=values)
    flags.DEFINE_integer("people", 8, "people on the contact sheet", lower_bound=1, flag_values=values)
    flags.DEFINE_integer("side", 96, "pixels of a picture on the contact sheet", lower_bound=16, upper_bound=512, flag_values=values)
    flags.DEFINE_integer("workers", 0, "processes; 0: one for each core", lower_bound=0, flag_values=values)
    flags.DEFINE_bool("progress", True, "show a progress bar", flag_values=values)


def main(values):
    from dmljax import preparation

    preparation.prepare(values.config, sheet=values.sheet, people=values.people, side=values.side, workers=values.workers, progress=values.progress)


if __name__ == "__main__":
    cli.run("prepare", sys.modules[__name__].__doc__, define, main)
