"""How far plain pixels go on a set: two classifiers without a network."""

import json

import numpy as np
from dmljax.launch import _define, cli

from dmljax.data import splits
from dmljax.data.reading import read_all
from dmljax.preparation.opening import open_samples

SUMMARY = "How far plain pixels go on a set, all folds by identity."
USAGE = """\
    python benchmarks/pixels.py --config=quick [--config.FIELD=VALUE ...]

The nearest class mean, and a linear classifier (ridge regression). A rendered set is well made if
these stay far below a small network. Prints one JSON line per method.
"""

SIDE = 24  # pixels; the pictures are shrunk to grey ones of this size and standardised
RIDGES = (1.0, 10.0, 100.0, 1000.0)  # the best one on the test people counts, which flatters the baseline


def nearest_mean(train, labels, test, classes):
    means = np.stack([train[labels == k].mean(0) for k in range(classes)])
    return [((test[:, None] - means) ** 2).sum(-1).argmin(1)]


def linear(train, labels, test, classes):
    """Predictions of ridge regression onto one-hot labels, one array per ridge; solved in the dual."""
    kernel, onto = train @ train.T, np.eye(classes)[labels] - 1 / classes
    return [
        (test @ (train.T @ np.linalg.solve(kernel + ridge * np.eye(len(kernel)), onto))).argmax(1)
        for ridge in RIDGES
    ]


def main(values):
    config = values.config
    samples, images = read_all(open_samples(config), SIDE, progress=False)
    pixels = images.astype(np.float64).mean(-1).reshape(len(samples), -1)
    pixels = (pixels - pixels.mean(1, keepdims=True)) / pixels.std(1, keepdims=True)
    for method in (nearest_mean, linear):
        line = {"set": samples.name, "method": method.__name__, "side": SIDE, "images": len(samples)}
        for head, labels, names in (
            ("expression", samples.expression, samples.expression_names),
            ("pose", samples.pose, samples.pose_names),
        ):
            hits = np.zeros((config.split.folds, len(RIDGES) if method is linear else 1))
            for fold in range(config.split.folds):
                split = splits.make(
                    samples, seed=config.seed, **{**config.split, "kind": "folds", "fold": fold}
                )
                found = method(pixels[split.train], labels[split.train], pixels[split.test], len(names))
                hits[fold] = [(labels[split.test] == one).sum() for one in found]
            line[f"{head}_percent"] = round(100 * float(hits.sum(0).max()) / len(samples), 1)
            line[f"{head}_chance"] = round(100 / len(names), 1)
        print(json.dumps(line))


if __name__ == "__main__":
    cli.run("pixels", SUMMARY, USAGE, lambda values: _define.config(values, "quick"), main)
