"""`dmljax evaluate`: flags, and one call of `runs.evaluate`."""

from absl import flags
from dmljax.launch import _define, cli

SUMMARY = "Evaluates a run folder: tables (CSV, Markdown) and plots under RUN/evaluation."
USAGE = """\
    dmljax evaluate --run=runs/quick
    dmljax evaluate --run=runs/cmu --checkpoint=best --yaw=-45,45
    dmljax evaluate --run=runs/quick --test=folder:FOLDER      # on other people's images

A folder of folds is evaluated fold by fold and then as a whole, with mean and deviation.
"""


def define(values):
    flags.DEFINE_string("run", "runs/quick", "folder of the run", flag_values=values)
    _define.root(values)
    other = "another set to test on, NAME:FOLDER; into RUN/evaluation_on_NAME"
    flags.DEFINE_string("test", "", other, flag_values=values)
    _define.checkpoint(values)
    flags.DEFINE_list(
        "yaw", [], "only poses from MIN to MAX degrees of yaw: --yaw=MIN,MAX", flag_values=values
    )
    flags.DEFINE_bool(
        "flip",
        False,
        "predict by the mean over each image and its mirror image; into RUN/evaluation_flip",
        flag_values=values,
    )
    _define.progress(values)


def main(values):
    from dmljax.report import write
    from dmljax.runs import evaluate, remote

    chosen = {key: values[key].value for key in ("checkpoint", "yaw", "flip", "test", "root", "progress")}
    with remote.at_hand(values.run, print, progress=values.progress) as at:
        whole = evaluate.evaluate(at.folder, **chosen)
        for evaluation in (*whole.folds, whole):
            print(write.report(evaluation.folder))


if __name__ == "__main__":
    cli.run("evaluate", SUMMARY, USAGE, define, main)
