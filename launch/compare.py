"""`dmljax compare`: flags, and one call of `studies.compare`."""

from absl import flags
from dmljax.launch import _define, _studies, cli

SUMMARY = "Compares weighting strategies over seeds and folds: table, plots and a page."
USAGE = """\
    dmljax compare --config=quick --strategies=dwa,uncertainty,famo --seeds=0,1,2 --run=runs/compare
    dmljax compare --config=cmu_faces --config.dataset.root=FOLDER --strategies=dwa --folds=0,1,2,3,4 --jobs=2
    dmljax compare --strategies=dwa,dwa+shuffle,mgda+normalise=unit --seeds=0,1,2,3,4
    dmljax compare --strategies=dwa,famo --over optimizer.learning_rate=1e-3..2e-2:log --trials=8
    dmljax compare --strategies=dwa,cagrad --over weighting.cagrad.c=0.2,0.5,0.8 --trials=8 --tune=once \\
        --trial_duration="10 epochs"
    dmljax compare --config=quick --strategies=dwa --run=runs/compare --jobs=50 --cluster=slurm \\
        --cluster_options=slurm_partition=gpu,gpus_per_node=1,timeout_min=60

Equal weights, random weights and single-task runs are always among them. NAME+WRAPPER[=VALUE] is a strategy
in wrappers, the fields of weighting.wrap. A strategy's own constants are tuned for that strategy alone. The
same command goes on where it was stopped.
"""


def define(values):
    _define.config(values, "quick")
    flags.DEFINE_list("strategies", ["dwa"], "weightings to compare", flag_values=values)
    _studies.define_tuning(values)
    _studies.define(values, run="runs/compare", seeds="0,1,2")


def main(values):
    from dmljax.report.parts import Table
    from dmljax.studies import compare as comparing

    options, tune = _studies.options(values), _studies.tuning(values)
    outcome = comparing.compare(values.config, values.strategies, options, tune)
    return _studies.show(outcome, [part for part in outcome.parts if isinstance(part, Table)])


if __name__ == "__main__":
    cli.run("compare", SUMMARY, USAGE, define, main)
