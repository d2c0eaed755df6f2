"""What scores say beside the counts: who was tested, and how many of these were trained on."""

import numpy as np

from dmljax.datasets import synthetic
from dmljax.metrics import scores
from dmljax.types import EXPRESSION, INDEX


def test_people_on_both_sides_are_counted(rng):
    samples = synthetic.samples(identities=5)
    test = np.flatnonzero(np.isin(samples.identity, (0, 1, 2)))[::2]
    found = {INDEX: test, EXPRESSION: rng.normal(size=(len(test), len(samples.expression_names)))}
    for trained, both in (((3, 4), 0), ((2, 3), 1), ((0, 2, 4), 2), ((), 0)):
        score = scores.summarise(found, samples, np.flatnonzero(np.isin(samples.identity, trained)))
        assert (score["people"], score["people_trained"]) == (3, both)
    pooled = scores.pool(
        [score | {"checkpoint": "last", "run": "a"}, score | {"people_trained": 2, "run": "b"}]
    )
    assert (pooled["people"], pooled["people_trained"]) == (6, 2)
    assert scores.summarise(found, samples, None)["people_trained"] is None


def test_samples_without_a_label_have_no_loss(rng):
    samples = synthetic.samples(identities=2)
    rows = np.arange(6)
    found = {INDEX: rows, EXPRESSION: rng.normal(size=(6, len(samples.expression_names)))}
    unknown = samples.replace(expression=np.full(len(samples), -1, np.int32))
    assert scores.validation_scores(found, unknown, unit=10.0) == {}
    assert scores.validation_scores(found, samples, unit=10.0)["loss"] > 0
