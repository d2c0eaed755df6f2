"""`dmljax report`: flags, and one call of `runs.page` a run."""

import contextlib
from pathlib import Path

from absl import flags
from dmljax.launch import _define, cli

SUMMARY = "Writes a run's page, RUN/report.html: results, curves, hardest images, features."
USAGE = """\
    dmljax report --run=runs/quick
    dmljax report --run=runs/quick,runs/one_branch --out=runs  # and a page of both, OUT/runs.html

One file, no network. A run that was trained since its last evaluation is evaluated first.
"""


def define(values):
    flags.DEFINE_list("run", [], "run folders", flag_values=values)
    flags.DEFINE_string(
        "out",
        "",
        "folder for the page of several runs; empty: the one that holds the first run",
        flag_values=values,
    )
    _define.root(values)
    flags.DEFINE_bool(
        "features", True, "probe and map the features too (not for folders of folds)", flag_values=values
    )
    _define.progress(values)


def main(values):
    from dmljax import run_folder
    from dmljax.report import run_page
    from dmljax.runs import page, remote
    from dmljax.types import UserError

    if not values.run:
        raise UserError("give one or more run folders: --run=runs/quick")
    if len(values.run) > 1 and not values.out and run_folder.is_url(values.run[0]):
        raise UserError("give a folder for the page of several runs", parameter="out")
    with contextlib.ExitStack() as stack:
        found = [
            stack.enter_context(remote.at_hand(run, print, progress=values.progress)) for run in values.run
        ]
        runs = run_folder.check_trained(at.folder for at in found)
        for run in runs:
            written = page.write(run, root=values.root, features=values.features, progress=values.progress)
            print(f"page: {written}")
        if len(runs) > 1:
            out = Path(values.out) if values.out else runs[0].resolve().parent
            print(f"page: {run_page.side_by_side(runs, out)}")


if __name__ == "__main__":
    cli.run("report", SUMMARY, USAGE, define, main)
