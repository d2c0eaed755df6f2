"""`dmljax demo`: flags, and one call of `demo.demo`, which serves until it is interrupted."""

import functools

from absl import flags
from dmljax.launch import _define, cli

SUMMARY = "Shows a trained run on a local page: faces, probabilities, the nearest training people."
USAGE = """\
    dmljax demo --run=runs/quick
    dmljax demo --run=runs/quick --port=0 --neighbours=500
    dmljax demo --run=runs/faces --checkpoint=best --flip --root=FOLDER

Open the address that it prints. The page is for this machine alone (127.0.0.1), and nothing leaves it. Where
the run's set is not there, it does without the nearest people. Ctrl-C ends it.
"""


def define(values):
    from dmljax.demo.demo import COMPARED, PORT

    flags.DEFINE_string("run", "runs/quick", "folder of the run", flag_values=values)
    _define.positional(values, "run")
    flags.DEFINE_integer(
        "port",
        PORT,
        "of the page; 0: any that is free",
        lower_bound=0,
        upper_bound=65_535,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "neighbours",
        COMPARED,
        "training images at most, a random choice, among which the nearest people are looked for; 0: none",
        lower_bound=0,
        flag_values=values,
    )
    _define.model(values)
    _define.root(values)
    _define.progress(values)


def main(values):
    from dmljax.demo.demo import demo

    chosen = "port checkpoint flip calibrated neighbours root progress".split()
    how = {name: values[name].value for name in chosen}
    demo(values.run, say=functools.partial(print, flush=True), **how)


if __name__ == "__main__":
    cli.run("demo", SUMMARY, USAGE, define, main)
