"""Trains and tests a support vector machine on a descriptor (LBP, LGBP) on the same split as a network: what
networks are compared with.

    dmljax classical lgbp --config=quick --run=runs/lgbp

The run folder holds config.json, split.json, classical.json and evaluation/ with the same tables and pictures
as a network's.
"""

from pathlib import Path

from absl import flags
from dmljax.launch import cli


def define(values):
    flags.DEFINE_string(
        "descriptor", "lbp", "a file of dmljax/descriptors/; or the first argument", flag_values=values
    )
    cli.positional(values, "descriptor")
    cli.define_config(values, "quick")
    flags.DEFINE_string("run", "runs/classical", "folder for the run", flag_values=values)
    flags.DEFINE_bool("progress", True, "show a progress bar", flag_values=values)


def main(values):
    from dmljax.report import write
    from dmljax.runs import classical

    for folder in classical.fit_folds(
        values.config, Path(values.run), values.descriptor, progress=values.progress
    ):
        print(write.report(folder))


if __name__ == "__main__":
    cli.run(__file__, define, main)
