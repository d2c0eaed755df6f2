"""`dmljax sweep`: flags, and one call of `studies.sweep`."""

import sys

from absl import flags
from dmljax.launch import _define, _studies, cli

SUMMARY = "Tries values of configuration fields and writes the best, by validation people."
USAGE = """\
    dmljax sweep --config=quick --over optimizer.learning_rate=1e-3..1e-2:log losses.margin_pose=0.1..0.5
    dmljax sweep --config=quick --over weighting.name=dwa,famo,equal --trials=0 --seeds=0,1 --jobs=2
    dmljax train --config=runs/sweep/best.json --run=runs/best

A range LOW..HIGH of a number, LOW..HIGH:log by its logarithm, or values with commas; names of a field that
holds several are written NAME+NAME. The same command goes on where it was stopped; with more trials it is
prolonged. No run is judged by the people who test in it; of several seeds or folds these choose in others.
"""


def define(values):
    _define.config(values, "quick")
    flags.DEFINE_multi_string(
        "over", [], "fields with what to try, FIELD=LOW..HIGH[:log]", flag_values=values
    )
    _define.several(values, "over")
    flags.DEFINE_integer(
        "trials", 20, "how many trials; 0: every combination, of values alone", flag_values=values
    )
    flags.DEFINE_string(
        "measure",
        "accuracy/expression",
        "what is sought on the validation people: accuracy/expression, accuracy/pose, error/angles, loss,"
        " loss/expression, loss/pose or loss/angles",
        flag_values=values,
    )
    flags.DEFINE_bool(
        "prune", True, "stop a trial that is behind the median of those before it", flag_values=values
    )
    _studies.define(values, run="runs/sweep", seeds="0")


def main(values):
    from dmljax.studies import sweep as sweeping

    found = sweeping.sweep(
        values.config,
        values.over,
        _studies.options(values),
        trials=values.trials,
        measure=values.measure,
        prune=values.prune,
    )
    failed = [one for one in found.trials if one.state == "failed"]
    for one in failed:
        print(f"failed: trial {one.number}: {one.reason}", file=sys.stderr)
    if found.config is not None:
        chosen = ", ".join(f"{field}={value}" for field, value in found.best.items())
        print(f"best {values.measure} of the validation people: {found.score:.4f} with {chosen}")
        print(f"its configuration: {found.config}")
    print(f"tables and page: {found.page}")
    return 1 if failed else 0


if __name__ == "__main__":
    cli.run("sweep", SUMMARY, USAGE, define, main)
