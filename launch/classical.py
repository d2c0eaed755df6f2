"""`dmljax classical`: flags, and one call of `runs.classical`."""

from absl import flags
from dmljax.launch import _define, cli

SUMMARY = "Trains and tests a support vector machine on a descriptor, beside a network."
USAGE = """\
    dmljax classical lgbp --config=quick --run=runs/lgbp

On the same split as a network. The run folder holds config.json, split.json, classical.json and evaluation/
with the same tables and pictures as a network's.
"""


def define(values):
    flags.DEFINE_string(
        "descriptor", "lbp", "a file of dmljax/descriptors/; or the first argument", flag_values=values
    )
    _define.positional(values, "descriptor")
    _define.config(values, "quick")
    flags.DEFINE_string("run", "runs/classical", "folder for the run", flag_values=values)
    _define.progress(values)


def main(values):
    from dmljax.report import write
    from dmljax.runs import classical

    whole = classical.fit_folds(values.config, values.run, values.descriptor, progress=values.progress)
    for evaluation in (*whole.folds, whole):
        print(write.report(evaluation.folder))


if __name__ == "__main__":
    cli.run("classical", SUMMARY, USAGE, define, main)
