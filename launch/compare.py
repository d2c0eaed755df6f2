"""Compares weighting strategies over seeds and folds: table, plots and a page under RUN.

    dmljax compare --config=quick --strategies=dwa,uncertainty,famo --seeds=0,1,2 --run=runs/compare
    dmljax compare --config=cmu_faces --config.dataset.root=FOLDER --strategies=dwa --folds=0,1,2,3,4 --run=runs/cmu_compare --jobs=2

    dmljax compare --config=quick --strategies=dwa --run=runs/compare --jobs=50 --cluster=slurm \\
        --cluster_options=slurm_partition=gpu,gpus_per_node=1,timeout_min=60

Equal weights, random weights and single-task runs are always among them. The same command goes on where it was stopped.
"""
import sys
from pathlib import Path

from absl import flags

from dmljax import cli


def define(values):
    cli.define_config(values, "quick")
    flags.DEFINE_list("strategies", ["dwa"], "weightings to compare", flag_values=values)
    flags.DEFINE_list("seeds", ["0", "1", "2"], "seeds of data order, initial weights and augmentation", flag_values=values)
    flags.DEFINE_list("folds", ["0"], "test folds by person", flag_values=values)
    flags.DEFINE_integer("jobs", 1, "runs at a time", lower_bound=1, flag_values=values)
    flags.DEFINE_string("cluster", "", "empty: processes of this machine; slurm: jobs through submitit (dmljax[cluster]); local: such jobs, here",
                        flag_values=values)
    flags.DEFINE_list("cluster_options", [], "submitit's parameters, such as timeout_min=60,slurm_partition=gpu", flag_values=values)
    flags.DEFINE_string("run", "runs/compare", "folder of the comparison", flag_values=values)
    flags.DEFINE_bool("progress", True, "show a progress bar", flag_values=values)


def main(values):
    from dmljax.compare import engines, members
    from dmljax.report import comparison

    run = Path(values.run)
    seeds, folds = cli.whole_numbers("seeds", values.seeds), cli.whole_numbers("folds", values.folds)
    planned = members.plan(values.config, values.strategies, seeds, folds, run)
    members.record(run, members.own_arguments(), planned)
    how = {"jobs": values.jobs, "progress": values.progress}
    if values.cluster:
        how |= {"name": values.cluster, "options": values.cluster_options, "logs": run / "jobs"}
    failed = (engines.cluster if values.cluster else engines.processes)(planned, members.own_arguments(), **how)
    rows = members.read_results(planned)
    lost = [(str(member.folder), said) for member, said in failed]
    for folder, said in lost:
        print(f"failed: {folder}: {said}", file=sys.stderr)
    if rows:
        print(comparison.write(run, rows, lost, len(planned)))
        print(f"tables, pictures and page: {run}/comparison.html")
    return 1 if failed else 0


if __name__ == "__main__":
    cli.run("compare", sys.modules[__name__].__doc__, define, main)
