"""How much runs differ, learnt from all differences of a page together: moderated variances.

Of three seeds a variance is known badly. Where it comes out small by chance, its difference looks certain,
and of twenty differences some will. Smyth (2004), Linear models and empirical Bayes methods for assessing
differential expression, takes the variances themselves as drawn, from a scaled inverse chi-square, whose mean
and spread all of them tell: each is drawn towards the common one, the more, the more alike they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import optimize, special, stats

APART = 0.8  # quantile of F above which a variance is not taken for one like the others
_TINY = (
    0.01  # of the median: what a variance is at least, so that one zero among many does not set them apart
)
_RANGE = 1e-3, 1e6  # of half the prior's degrees of freedom


class Variance(NamedTuple):
    """An estimate and its degrees of freedom."""

    value: float
    freedom: float


def moderated(found: Sequence[Variance]) -> list[Variance]:
    """The variances, each drawn towards what all have in common; in the given order.

    The prior has the value v_0 and d_0 degrees of freedom:

        e_k = log v_k - digamma(d_k / 2) + log(d_k / 2)
        trigamma(d_0 / 2) = var(e) - mean trigamma(d_k / 2)
        log v_0 = mean(e) + digamma(d_0 / 2) - log(d_0 / 2)

    or, where the e_k spread no more than those of one variance, d_0 is infinite and v_0 the mean of the v_k.
    v_k becomes (d_0 v_0 + d_k v_k) / (d_0 + d_k) with d_0 + d_k degrees of freedom. DIFFERS from Smyth:
    differences from the same method share its runs, so that n variances of d degrees of freedom are worth
    4 d n / (n + 3) and no more; logarithms are of at least a hundredth of the median; and a v_k above v_0 by
    more than the quantile `APART` of F(d_k, d_0) stays as it is.

    One variance alone, a median of zero, or one that is not known, says nothing of others: they stay as they
    are. A zero among few is drawn up by little: of 0 and 1 the second stays as it is.
    """
    values, own = (np.array(column, float) for column in (list(zip(*found)) or ([], [])))
    told = np.isfinite(values).all() and (own > 0).all()
    if len(values) < 2 or not told or not (middle := np.median(values)) > 0:
        return list(found)
    known = np.maximum(values, _TINY * middle)
    logs = np.log(known) - special.digamma(own / 2) + np.log(own / 2)
    common, prior = _prior(values, logs, own)
    prior = min(prior, own.mean() * (4 * len(own) / (len(own) + 3) - 1))
    drawn = (prior * common + own * values) / (prior + own)
    apart = values > common * stats.f.ppf(APART, own, prior)
    return [
        Variance(float(v), float(d))
        for v, d in zip(np.where(apart, values, drawn), np.where(apart, own, prior + own))
    ]


def _prior(values: np.ndarray, logs: np.ndarray, own: np.ndarray) -> tuple[float, float]:
    """(v_0, d_0), see `moderated`."""
    spread = np.var(logs, ddof=1) - special.polygamma(1, own / 2).mean()
    low, high = _RANGE
    if spread <= special.polygamma(1, high):
        return float(np.average(values, weights=own)), 2 * high
    beyond = lambda half: special.polygamma(1, half) - spread
    half = low if beyond(low) < 0 else optimize.brentq(beyond, low, high)
    return float(np.exp(logs.mean() + special.digamma(half) - np.log(half))), 2 * half
