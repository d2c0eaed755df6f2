"""Cross-entropy of a head, with missing labels, label smoothing, focusing and class weights."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from dmljax.losses import shapes


def cross_entropy(
    logits: jax.Array,
    labels: jax.Array,
    *,
    smoothing: float = 0.0,
    gamma: float = 0.0,
    weights: jax.Array | None = None,
) -> tuple[jax.Array, jax.Array]:
    """-log softmax(logits)[label] of every row, with smoothed labels, focus and class weights by choice.

        w_label sum_c q_c (1 - p_c)^gamma (-log p_c),  p = softmax(logits),  q_c = (1 - s) [c = label] + s / C

    with label smoothing s (Szegedy et al., arXiv:1512.00567), the focal loss's gamma (Lin et al.,
    arXiv:1708.02002) and a weight w of each class.

    Args:
      logits: float [N, C].
      labels: int [N], 0..C-1; negative where missing. The loss of a label of C or more is nan.
      smoothing: s, 0 to below 1.
      gamma: at least 0; 0: every row counts alike, however sure the network is of it.
      weights: w, float [C]; None: 1 for all.

    Returns:
      (loss float32 [N], valid bool [N]); the loss and its gradient are 0 where the label is missing.

    Raises:
      ValueError: an array of another shape, or a number out of its range.
      TypeError: labels that are no integers.

    Example:
      >>> import jax.numpy as jnp
      >>> loss, valid = cross_entropy(jnp.zeros((2, 4)), jnp.array([3, -1]))
      >>> [round(float(value), 4) for value in loss], valid.tolist()  # log 4; no label
      ([1.3863, 0.0], [True, False])
    """
    shapes.require(logits=(logits, "N C"), labels=(labels, "N"))
    shapes.integers(labels=labels)
    if not (0 <= smoothing < 1 and gamma >= 0):
        raise ValueError(
            f"smoothing must be at least 0 and below 1, gamma at least 0; got {smoothing} and {gamma}"
        )
    valid = labels >= 0
    label = jnp.where(valid, labels, 0)
    log_probability = jax.nn.log_softmax(logits.astype(jnp.float32))
    each = log_probability if gamma == 0 else _focus(log_probability, gamma) * log_probability
    loss = -jnp.take_along_axis(each, label[:, None], axis=1)[:, 0]
    if smoothing:
        loss = (1 - smoothing) * loss - smoothing * each.mean(1)
    if weights is not None:
        shapes.require(logits=(logits, "N C"), weights=(weights, "C"))
        loss = jnp.asarray(weights, jnp.float32)[label] * loss
    return jnp.where(valid, loss, 0.0), valid


def _focus(log_probability, gamma):
    """(1 - p)^gamma, whose gradient is 0 where p is 1."""
    rest = -jnp.expm1(log_probability)
    below = rest > 1e-12
    return jnp.where(below, jnp.where(below, rest, 1.0) ** gamma, 0.0)


def inverse_frequency(counts) -> np.ndarray:
    """Weights of classes by the inverse of their numbers of samples: float32 [C], 1 on average over samples.

    Args:
      counts: int [C]; a class without samples gets the weight 0.

    Raises:
      ValueError: counts are of another shape, or there is no sample.

    Example:
      >>> inverse_frequency([1, 3]).tolist()
      [2.0, 0.6666666865348816]
    """
    counts = _counted(counts)
    return _on_average_one(1 / np.maximum(counts, 1), counts)


def effective_number(counts, *, beta: float = 0.999) -> np.ndarray:
    """Weights of classes by (1 - beta) / (1 - beta^n): float32 [C], 1 on average over samples.

    Cui et al., "Class-balanced loss based on effective number of samples", arXiv:1901.05555. With beta = 0
    all weights are 1; with beta towards 1 they are those of `inverse_frequency`.

    Args:
      counts: int [C]; a class without samples gets the weight 0.
      beta: at least 0, below 1.

    Raises:
      ValueError: counts are of another shape, there is no sample, or beta is out of its range.

    Example:
      >>> [round(float(weight), 3) for weight in effective_number([1, 3], beta=0.5)]  # as 1 / 1 : 1 / 1.75
      [1.474, 0.842]
    """
    if not 0 <= beta < 1:
        raise ValueError(f"beta must be at least 0 and below 1; got {beta}")
    counts = _counted(counts)
    return _on_average_one((1 - beta) / (1 - beta ** np.maximum(counts, 1)), counts)


def _counted(counts) -> np.ndarray:
    counts = np.asarray(counts, np.float64)
    if counts.ndim != 1 or not counts.sum() > 0 or (counts < 0).any():
        raise ValueError(f"counts must be numbers of samples [C], not all 0; got {counts.tolist()}")
    return counts


def _on_average_one(weights: np.ndarray, counts: np.ndarray) -> np.ndarray:
    weights = np.where(counts > 0, weights, 0.0)
    return (weights * counts.sum() / (weights * counts).sum()).astype(np.float32)
