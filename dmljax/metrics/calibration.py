"""Whether probabilities are what they say: temperature, calibration error, and bins of confidence."""

from __future__ import annotations

import numpy as np
from scipy import optimize, special

BINS = 15  # as Guo et al. have them
LEAST, MOST = 0.01, 100.0  # temperatures between which one is looked for


def temperature(logits: np.ndarray, labels: np.ndarray) -> float | None:
    """The T > 0 whose softmax(logits / T) has the smallest mean cross-entropy (Guo, Pleiss, Sun & Weinberger,
    2017, section 4.2).

    The cross-entropy is convex in 1 / T, so that this is the only one.

    Args:
      logits: float [N, classes].
      labels: int [N]; negative ones are left out.

    Returns:
      T; None where these samples do not determine it: none has a label, all are classified right, so that the
      smallest would be best, or so badly that the largest would.
    """
    known = labels >= 0
    if not known.any():
        return None
    values, true = logits[known].astype(np.float64), labels[known]
    above = values - values[np.arange(len(values)), true][:, None]  # logit by logit over that of the label

    def slope(log_beta: float) -> float:
        """Derivative of the mean cross-entropy by 1 / T, which rises with 1 / T."""
        return float((special.softmax(np.exp(log_beta) * above, axis=1) * above).sum(1).mean())

    low, high = -np.log(MOST), -np.log(LEAST)
    if not slope(low) < 0 < slope(high):
        return None
    return float(np.exp(-optimize.brentq(slope, low, high, xtol=1e-9)))


def bins(probability: np.ndarray, labels: np.ndarray, count: int = BINS) -> dict[str, list]:
    """Predictions by their confidence, the probability of the likeliest class.

    Bin m of M has the confidences in (m / M, (m + 1) / M]; the first one also 0.

    Args:
      probability: float [N, classes].
      labels: int [N]; negative ones are left out.
      count: how many bins, M.

    Returns:
      'counts' int, 'hits' int and 'confidence' float, [M] each: samples, those classified right, and sums of
      their confidences.
    """
    known = labels >= 0
    confidence = probability[known].max(1).astype(np.float64)
    right = probability[known].argmax(1) == labels[known]
    place = np.clip(np.ceil(confidence * count).astype(int) - 1, 0, count - 1)
    total = lambda weights=None: np.bincount(place, weights, minlength=count)
    return {
        "counts": total().tolist(),
        "hits": total(right.astype(float)).astype(int).tolist(),
        "confidence": total(confidence).tolist(),
    }


def error(found: dict[str, list]) -> float:
    """Expected calibration error 0..1: mean over samples of |accuracy - mean confidence| of their bin (Guo et
    al., 2017, eq. 3); nan of no sample.
    """
    total = sum(found["counts"])
    gaps = np.abs(np.array(found["hits"], float) - np.array(found["confidence"], float))
    return float(gaps.sum() / total) if total else float("nan")


def summed(several: list[dict[str, list]]) -> dict[str, list]:
    """The bins of several sets of predictions as those of one."""
    return {key: np.sum([one[key] for one in several], 0).tolist() for key in several[0]}


def of_head(logits: np.ndarray, labels: np.ndarray, by: float | None) -> dict:
    """How well probabilities of one head are calibrated, before and after a temperature.

    Returns:
      'temperature' (None: there is none), 'bins', and with a temperature 'bins_calibrated'; see `bins`.
    """
    wide = logits.astype(np.float64)
    found: dict = {"temperature": by, "bins": bins(special.softmax(wide, axis=1), labels)}
    if by is not None:
        found["bins_calibrated"] = bins(special.softmax(wide / by, axis=1), labels)
    return found


def pool(folds: list[dict]) -> dict:
    """Of each head the bins of all folds; 'temperature' is a list, one a fold. Calibrated bins only where
    every fold has a temperature.
    """
    pooled: dict[str, dict] = {}
    for head in folds[0]:
        of = [fold[head] for fold in folds if head in fold]
        pooled[head] = {"temperature": [one["temperature"] for one in of]}
        for key in ("bins", "bins_calibrated"):
            if all(key in one for one in of):
                pooled[head][key] = summed([one[key] for one in of])
    return pooled
