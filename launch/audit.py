"""`dmljax audit`: flags, and one call of `runs.audit`."""

from absl import flags
from dmljax.launch import _define, cli

SUMMARY = "Audits what a run's features tell of expression, pose and identity."
USAGE = """\
    dmljax audit --run=runs/quick
    dmljax audit --run=runs/quick,runs/one_branch --out=runs/audit        # side by side

Before and after metric learning: probes (linear and nearest neighbours) on the test people, retrieval and
silhouette, with chance and intervals; a t-SNE map of each run.
"""


def define(values):
    flags.DEFINE_list("run", [], "run folders", flag_values=values)
    _define.gives(values, "run", "runs")
    flags.DEFINE_string(
        "out", "", "folder for the tables and maps; empty: RUN/audit of the first", flag_values=values
    )
    _define.checkpoint(values)
    _define.root(values)
    flags.DEFINE_bool("maps", True, "draw t-SNE maps", flag_values=values)
    _define.progress(values)


def main(values):
    from dmljax.report import audit as report
    from dmljax.runs import audit

    chosen = {name: values[name].value for name in ("out", "checkpoint", "root", "maps", "progress")}
    audited = audit.audit(values.run, **chosen)
    print(report.terminal(audited.rows))
    print(f"tables and maps: {audited.folder}/")


if __name__ == "__main__":
    cli.run("audit", SUMMARY, USAGE, define, main)
