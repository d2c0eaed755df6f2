"""`dmljax power`: flags, and the table of `report.power` from what `studies.tested` reads."""

from absl import flags
from dmljax.launch import cli

SUMMARY = "Tells how many people and seeds it takes to see a difference of some points."
USAGE = """\
    dmljax power --run=runs/a_seed_0,runs/a_seed_1 --against=runs/b_seed_0,runs/b_seed_1
    dmljax power --run=runs/quick --points=2,5

Runs have to be evaluated. With --against the variances are those of the differences, run by run in the order
given, each tested on the same people as the other. Without, they are twice that of the one method, less what
the other shares with it (--correlation). Several runs have to be seeds tested on the same people.
"""


def define(values):
    flags.DEFINE_list("run", [], "run folders of one method, one a seed", flag_values=values)
    flags.DEFINE_list("against", [], "those of another method, in the same order", flag_values=values)
    flags.DEFINE_list("points", ["1", "2", "5"], "true differences, in points", flag_values=values)
    flags.DEFINE_list("seeds", ["1", "3", "5", "10"], "numbers of seeds", flag_values=values)
    flags.DEFINE_float(
        "power", 0.8, "chance of telling it", lower_bound=0.1, upper_bound=0.999, flag_values=values
    )
    flags.DEFINE_float(
        "correlation",
        0.5,
        "of two methods, without --against",
        lower_bound=0,
        upper_bound=0.99,
        flag_values=values,
    )


def main(values):
    from dmljax.report import parts, power
    from dmljax.studies.tested import variances

    points = _numbers(values.points, "points", float, 100)
    seeds = _numbers(values.seeds, "seeds", int, 10_000)
    for name in ("power", "correlation"):  # whose bounds let nan through
        _numbers([str(values[name].value)], name, float, 1, least=-1)
    found, given = variances(values.run, values.against, values.correlation)
    print(parts.terminal(power.shown(found, points, seeds, values.power, given)))


def _numbers(texts, name, kind, most, *, least=0):
    """Different numbers between the bounds, in the order given."""
    from dmljax.types import UserError

    try:
        found = [kind(text) for text in texts]
    except ValueError:
        found = []
    if not found or not all(least < number < most for number in found):
        raise UserError(
            f"must be numbers above {least} and below {most:,}, separated by commas; got '{','.join(texts)}'",
            parameter=name,
        )
    return list(dict.fromkeys(found))


if __name__ == "__main__":
    cli.run("power", SUMMARY, USAGE, define, main)
