"""Where an expression goes with one pose in training: what showing, and asking for, the other poses does."""

import parts
import variants
from dmljax.launch import cli

SUMMARY = "How often the rare pairs of pose and expression are drawn, and how much triplets weigh there."
USAGE = """\
    python benchmarks/studies/counterexamples.py --jobs=2

80 people train, pose and expression correlated by 0.9: nine images of ten are at their expression's own pose.
Five-tuples want the same expression at two poses, so they draw the others far more often; mini-batches at
random do not. Goes on where it was stopped; what its file of results holds is not made again.
"""
AT_RANDOM = {"sampler.name": "uniform", "data.batch_size": 30}  # as many images as six five-tuples
NO_TRIPLETS = {"losses.triplets": ()}
METHODS = {
    "five-tuples": {},
    "five-tuples and the images that are in none": {"data.leftovers": True},
    "mini-batches at random": AT_RANDOM,
    "five-tuples, no triplet loss": NO_TRIPLETS,
    "mini-batches at random, no triplet loss": AT_RANDOM | NO_TRIPLETS,
    "five-tuples, triplets times 3": {"losses.reference_anchors": 0.3},
    "five-tuples, triplets times 10": {"losses.reference_anchors": 1.0},
}
CONDITION = parts.Condition(80, 0.3, 0.9)
COMPARED = variants.Variants({str(CONDITION): CONDITION.changes}, METHODS)


def define(values) -> None:
    variants.define(values, "counterexamples")


def run(values) -> None:
    variants.run(COMPARED, values)


if __name__ == "__main__":
    cli.run("benchmarks/studies/counterexamples.py", SUMMARY, USAGE, define, run)
