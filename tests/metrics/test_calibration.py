"""Temperature and calibration error against explicit references in float64."""

import numpy as np
import pytest
from scipy import optimize

from dmljax.metrics import calibration


def loss(logits, labels, temperature):
    """Mean cross-entropy of softmax(logits / T), loop by loop."""
    total, count = 0.0, 0
    for row, label in zip(np.asarray(logits, np.float64), labels):
        if label >= 0:
            powers = [np.exp((value - max(row)) / temperature) for value in row]
            total -= np.log(powers[label] / sum(powers))
            count += 1
    return total / count


def drawn(rng, count, temperature, classes=4):
    """Logits whose labels are drawn from softmax(logits / temperature), some labels unknown."""
    logits = rng.normal(size=(count, classes)) * 3
    powers = np.exp(logits / temperature)
    labels = [rng.choice(classes, p=row / row.sum()) for row in powers]
    return logits, np.where(rng.random(count) < 0.1, -1, labels)


@pytest.mark.parametrize("true", [0.5, 1.0, 3.0])
def test_the_temperature_has_the_smallest_cross_entropy(rng, true):
    logits, labels = drawn(rng, 300, true)
    found = calibration.temperature(logits, labels)
    reference = optimize.minimize_scalar(
        lambda log: loss(logits, labels, np.exp(log)),
        bounds=(-3, 3),
        method="bounded",
        options={"xatol": 1e-9},
    )
    assert found == pytest.approx(np.exp(reference.x), rel=1e-5)
    for other in (0.99, 1.01):
        assert loss(logits, labels, found) < loss(logits, labels, found * other)


def test_the_temperature_that_labels_were_drawn_by_is_found(rng):
    assert calibration.temperature(*drawn(rng, 20_000, 2.0)) == pytest.approx(2.0, rel=0.05)


def test_scaled_logits_have_a_scaled_temperature_and_the_same_probabilities(rng):
    logits, labels = drawn(rng, 200, 1.5)
    one = calibration.temperature(logits, labels)
    assert calibration.temperature(7 * logits, labels) == pytest.approx(7 * one, rel=1e-6)
    assert calibration.temperature(logits + 100.0, labels) == pytest.approx(one, rel=1e-6)


def test_samples_that_determine_no_temperature(rng):
    logits = rng.normal(size=(30, 3))
    best, worst = logits.argmax(1), logits.argmin(1)
    assert calibration.temperature(logits, best) is None  # ever smaller ones are better
    assert calibration.temperature(logits, worst) is None  # ever larger ones are better
    assert calibration.temperature(logits, np.full(30, -1)) is None
    assert calibration.temperature(np.zeros((0, 3)), np.zeros(0, int)) is None


def test_the_error_is_that_of_the_formula(rng):
    logits, labels = drawn(rng, 400, 2.0)
    powers = np.exp(logits - logits.max(1, keepdims=True))
    probability = powers / powers.sum(1, keepdims=True)
    members = [[] for _ in range(calibration.BINS)]
    for row, label in zip(probability, labels):
        if label >= 0:
            sure = row.max()
            m = next(m for m in range(calibration.BINS) if sure <= (m + 1) / calibration.BINS)
            members[m].append((float(row.argmax() == label), sure))
    total = sum(map(len, members))
    expected = sum(
        len(one) / total * abs(np.mean([hit for hit, _ in one]) - np.mean([sure for _, sure in one]))
        for one in members
        if one
    )
    bins = calibration.bins(probability, labels)
    assert calibration.error(bins) == pytest.approx(expected, rel=1e-12)
    assert bins["counts"] == [len(one) for one in members] and sum(bins["hits"]) == int(
        (probability.argmax(1) == labels).sum()
    )


def test_edges_of_bins():
    """Bin m has (m / M, (m + 1) / M]."""
    probability = np.array([[0.5, 0.5], [0.75, 0.25], [1.0, 0.0], [0.51, 0.49]])
    found = calibration.bins(probability, np.array([0, 0, 1, -1]), count=4)
    assert found == {"counts": [0, 1, 1, 1], "hits": [0, 1, 1, 0], "confidence": [0.0, 0.5, 0.75, 1.0]}
    assert calibration.error(found) == pytest.approx((0.5 + 0.25 + 1.0) / 3)
    assert np.isnan(calibration.error(calibration.bins(probability, np.full(4, -1))))


def test_folds_are_pooled_by_their_counts(rng):
    parts = [drawn(rng, count, 2.0) for count in (60, 90)]
    heads = [{"pose": calibration.of_head(*part, by)} for part, by in zip(parts, (2.0, 3.0))]
    pooled = calibration.pool(heads)["pose"]
    assert pooled["temperature"] == [2.0, 3.0]
    whole = calibration.of_head(*(np.concatenate(two) for two in zip(*parts)), None)["bins"]
    assert pooled["bins"]["counts"] == whole["counts"] and pooled["bins"]["hits"] == whole["hits"]
    np.testing.assert_allclose(pooled["bins"]["confidence"], whole["confidence"])
    assert sum(pooled["bins_calibrated"]["counts"]) == sum(whole["counts"])
    heads[1]["pose"].pop("bins_calibrated")
    assert "bins_calibrated" not in calibration.pool(heads)["pose"]
