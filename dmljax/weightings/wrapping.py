"""Several wrappers around a strategy by their names, as a configuration says it."""

from __future__ import annotations

from dmljax.weightings import wrappers
from dmljax.weightings.interface import Weighting

NONE = "none"


def wrap(
    base: Weighting,
    *,
    log_losses: bool = False,
    normalise: str = NONE,
    window: int = 1,
    every: int = 1,
    warmup: int = 0,
    ema: float = 0.0,
    low: float = 0.0,
    high: float = 0.0,
    shuffle: bool = False,
    rescale: str = NONE,
) -> Weighting:
    """The strategy in several wrappers; itself where there is none.

    Args:
      base: the strategy.
      log_losses: it sees log L_k and the gradients of it.
      normalise: it sees gradients divided by their norm ('unit'), by their loss ('loss'), or made as long as
        the longest ('max'); 'none': as they are.
      window: it sees means of the losses over so many steps; 1: the losses. Sliding; with `every` the same,
        block by block.
      every: it is asked every so many steps; 1: always.
      warmup: so many steps with weight 1 for every task, in which the strategy is already asked.
      ema: share of the former weights that is kept at each answer, 0..1 (CR-MOGM: 0.9); 0: none.
      low, high: bounds on each active weight; high 0: none.
      shuffle: the weights are dealt to the tasks at random at every step, as a control.
      rescale: the weights' sum is made 1 ('sum_1') or the number of tasks ('sum_K'), or the weighted gradient
        as long as that of equal weights ('match_equal'); 'none': the strategy's own.

    Raises:
      ValueError: a value out of its range, or a wrapper that the strategy cannot take.

    Example:
      >>> from dmljax import weightings
      >>> calm = weightings.wrap(weightings.rlw(), ema=0.9, rescale="sum_K")
      >>> sorted(calm.needs)
      ['rng']
    """
    if log_losses:
        base = wrappers.log_losses(base)
    if normalise != NONE:
        base = wrappers.normalise(base, normalise)
    if every != 1:
        base = wrappers.every(base, every)
    if window != 1:  # outside of `every`: the window fills at every step
        base = wrappers.window(base, window)
    if ema:
        base = wrappers.ema(base, ema)
    if low or high:
        base = wrappers.clip(base, low, high or float("inf"))
    if shuffle:
        base = wrappers.shuffle(base)
    if warmup:
        base = wrappers.warmup(base, warmup)
    return base if rescale == NONE else wrappers.rescale(base, rescale)
