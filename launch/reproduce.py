"""Reproduces a table of the paper: plans the runs, does what is missing, writes the table in the paper's form beside its numbers.

    dmljax reproduce table8 --config=quick --seeds=0,1,2,3,4 --run=runs/reproduce --jobs=2
    dmljax reproduce table8 --config=kdef --config.dataset.root=prepared --seeds=0,1,2 --run=runs/kdef8

Items: the files of dmljax/experiments/. The same command goes on where it was stopped; finished runs are not run again.
"""
import sys

from absl import flags

from dmljax import cli


def define(values):
    flags.DEFINE_string("item", "", "what to reproduce; or the first argument", flag_values=values)
    cli.positional("item")
    cli.define_config(values, "quick")
    cli.define_members(values, run="runs/reproduce", seeds="0,1,2,3,4")


def main(values):
    from dmljax import reproduction

    return reproduction.reproduce(values.item, values.config, cli.members_options(values))


if __name__ == "__main__":
    cli.run("reproduce", sys.modules[__name__].__doc__, define, main)
