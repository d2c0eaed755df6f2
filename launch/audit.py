"""`dmljax audit`: flags, and one call of `report.audit` on the features of runs."""

from pathlib import Path

from absl import flags
from dmljax.launch import cli

from dmljax.types import CHECKPOINTS

SUMMARY = "Audits what a run's features tell of expression, pose and identity."
USAGE = """\
    dmljax audit --run=runs/quick
    dmljax audit --run=runs/quick,runs/one_branch --out=runs/audit        # side by side

Before and after metric learning: probes (linear and nearest neighbours) on the test people, retrieval and
silhouette, with chance and intervals; a t-SNE map of each run.
"""


def define(values):
    flags.DEFINE_list("run", [], "run folders", flag_values=values)
    flags.DEFINE_string(
        "out", "", "folder for the tables and maps; empty: RUN/audit of the first", flag_values=values
    )
    flags.DEFINE_enum("checkpoint", CHECKPOINTS[0], CHECKPOINTS, "which checkpoint", flag_values=values)
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
    from dmljax.runs import features, trained

    if not values.run:
        raise UserError("give one or more run folders: --run=runs/quick")
    names = {Path(run).name: run for run in values.run}
    if len(names) < len(values.run):
        raise UserError("the run folders must have different names; they name the rows")
    opened = trained.open_runs(
        map(Path, names.values()), checkpoint=values.checkpoint, root=values.root, progress=values.progress
    )
    found = {name: features.extract(one) for name, one in zip(names, opened)}
    out = Path(values.out or Path(values.run[0]) / "audit")
    print(audit.terminal(audit.write(out, found, maps=values.maps)))
    print(f"tables and maps: {out}/")


if __name__ == "__main__":
    cli.run("audit", SUMMARY, USAGE, define, main)
