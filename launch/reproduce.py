"""`dmljax reproduce`: flags, and one call of `studies.reproduce`."""

from absl import flags
from dmljax.launch import _define, _studies, cli

SUMMARY = "Reproduces the paper's tables and figures beside its numbers."
USAGE = """\
    dmljax reproduce all --run=runs/reproduce --jobs=2
    dmljax reproduce table8 --config=kdef --config.dataset.root=prepared --seeds=0,1,2 --run=runs/kdef8
    dmljax reproduce table9 --config=bu3dfe --config.dataset.root=prepared --test=sfew:FOLDER --run=runs/cross
    dmljax reproduce table8 --over optimizer.learning_rate=1e-3..1e-2:log --trials=6 --tune=once

Items: table2 to table9, fig6 to fig15, all. Plans the runs, does what is missing, and writes the items in the
paper's form. The same command goes on where it was stopped; finished runs are not run again, and items share
them. The default configuration is the quick one at a quarter of its length.
"""


def define(values):
    flags.DEFINE_string("item", "", "what to reproduce; or the first argument", flag_values=values)
    _define.positional(values, "item")
    _define.config(values, "brief")
    flags.DEFINE_string("test", "", "another set to test on, NAME:FOLDER, for table9", flag_values=values)
    _studies.define_tuning(values)
    _studies.define(values, run="runs/reproduce", seeds="0,1,2,3,4")


def main(values):
    from dmljax.studies import reproduce as reproduction

    options, tune = _studies.options(values), _studies.tuning(values)
    outcome = reproduction.reproduce(values.item, values.config, options, test=values.test, tune=tune)
    return _studies.show(outcome, outcome.parts)


if __name__ == "__main__":
    cli.run("reproduce", SUMMARY, USAGE, define, main)
