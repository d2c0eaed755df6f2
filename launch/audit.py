"""Audits what a run's features tell: can expression, pose and identity be read off them, before and after
metric learning?

    dmljax audit --run=runs/quick
    dmljax audit --run=runs/quick,runs/one_branch --out=runs/audit        # side by side

Probes (linear and nearest neighbours) on the test people, retrieval and silhouette, with chance and
intervals; a t-SNE map of each run.
"""

from pathlib import Path

from absl import flags
from dmljax.launch import cli


def define(values):
    flags.DEFINE_list("run", [], "run folders", flag_values=values)
    flags.DEFINE_string(
        "out", "", "folder for the tables and maps; empty: RUN/audit of the first", flag_values=values
    )
    flags.DEFINE_string("checkpoint", "last", "last or best", flag_values=values)
    flags.DEFINE_string(
        "root", "", "where the dataset lies, if not where the run's configuration says", flag_values=values
    )
    flags.DEFINE_bool("maps", True, "draw t-SNE maps", flag_values=values)
    flags.DEFINE_bool("progress", True, "show a progress bar", flag_values=values)


def main(values):
    from dmljax import extras
    from dmljax.types import UserError

    extras.require("report", "matplotlib", "sklearn", purpose="the audit")
    from dmljax.report import audit
    from dmljax.runs import features

    if not values.run:
        raise UserError("give one or more run folders: --run=runs/quick")
    names = {Path(run).name: run for run in values.run}
    if len(names) < len(values.run):
        raise UserError("the run folders must have different names; they name the rows")
    found = {
        name: features.extract(run, checkpoint=values.checkpoint, root=values.root, progress=values.progress)
        for name, run in names.items()
    }
    out = Path(values.out or Path(values.run[0]) / "audit")
    print(audit.write(out, found, maps=values.maps))
    print(f"tables and maps: {out}/")


if __name__ == "__main__":
    cli.run(__file__, define, main)
