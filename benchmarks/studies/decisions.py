"""What the paper leaves open, and its dynamic weights: each decided otherwise than quick decides it."""

import variants
from dmljax.launch import cli

SUMMARY = "Takes each decision that the paper leaves open otherwise, on rendered faces, and compares."
USAGE = """\
    python benchmarks/studies/decisions.py --jobs=2

All runs train on the same 40 rendered people, are tested on the same 100 others, and have the same number of
steps. Goes on where it was stopped; what its file of results holds is not made again.
"""
# The first is quick: hinge on unit embeddings, all anchors, mean x 0.1, margins 0.2, no phases but triplets
# after a tenth, heads on the embedding, DWA with K = T = 2 over blocks of five steps, guarded.
METHODS = {
    "as it is": {},
    "link softplus": {"losses.link": "softplus"},
    "link none": {"losses.link": "none"},
    "embeddings as they are": {"losses.normalise": False},
    "embeddings as they are, link none": {"losses.normalise": False, "losses.link": "none"},
    "anchors of five-tuples": {"losses.anchors": "tuple"},
    "sum over anchors": {"losses.reduction": "sum"},
    "mean over anchors times 1": {"losses.reference_anchors": 1.0},
    "margins 0.05": {"losses.margin_pose": 0.05, "losses.margin_identity": 0.05},
    "margins 0.5": {"losses.margin_pose": 0.5, "losses.margin_identity": 0.5},
    "DWA as printed, no guard": {"weighting.dwa.literal": True},
    "DWA over single steps": {"weighting.dwa.window": 1},
    "DWA over blocks of 20": {"weighting.dwa.window": 20},
    "DWA over a sliding window": {"weighting.dwa.mode": "sliding"},
    "DWA with K = 3": {"weighting.dwa.total": 3.0},
    "DWA with T = 0.5": {"weighting.dwa.temperature": 0.5},
    "DWA's weights shuffled": {"weighting.wrap.shuffle": True},
    "equal weights": {"weighting.name": "equal"},
    "pose branch frozen first": {"phases.first": "10%"},
    "triplets from the start": {"phases.triplet_after": "0 steps"},
    "heads on the fused feature": {"model.expression_input": "fused", "model.pose_input": "fused"},
    "average 0.9999 without warm-up": {"ema.decay": 0.9999, "ema.warmup": False},
}
PEOPLE = 40
CONDITION = {f"{PEOPLE} people": {"dataset.synthetic.identities": variants.tested() + PEOPLE}}
COMPARED = variants.Variants(CONDITION, METHODS)


def define(values) -> None:
    variants.define(values, "decisions")


def run(values) -> None:
    variants.run(COMPARED, values)


if __name__ == "__main__":
    cli.run("benchmarks/studies/decisions.py", SUMMARY, USAGE, define, run)
