"""Nash-MTL: the bargaining solution of the tasks, found by Newton steps."""

from __future__ import annotations

from dmljax.weightings.interface import Weighting
from dmljax.weightings.solvers import balanced, strategy


def build(*, unit: bool = True) -> Weighting:
    """Weighs tasks by Nash's bargaining solution, to which every weighted gradient contributes alike.

    With the Gram matrix G:

        w > 0 with (G w)_k = 1 / w_k

    Navon et al., ICML 2022.

    Where gradients cancel there is no solution, and near to it weights grow without bound: above 100 times
    1 / |g_k|, the weight of a gradient orthogonal to the others, a rising price holds them, and the
    aux value `fallback` is 1.

    DIFFERS: the original linearises the problem and solves it on the host; here damped Newton steps on a
    convex function solve it inside the compiled step. The original also clips the direction to length 1; here
    `unit` sets the scale.

    Needs the Gram matrix of the tasks' gradients. Cost: a forward pass and K pull-backs through the shared
    parameters; with a `representation`, K through what comes after it and one through what comes before.

    Args:
      unit: weights for gradients divided by their mean length, so that they do not shrink as gradients grow.
        Without it the equation holds literally, and weights are of the order of 1 over the gradients' length.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.nash_mtl(unit=False)
      >>> signals = weightings.Signals(jnp.array([1.0, 2.0]), gram=jnp.array([[4.0, 0.0], [0.0, 1.0]]))
      >>> weights = strategy.update(signals, strategy.init(("depth", "normals")))[0]
      >>> [round(float(w), 3) for w in weights]
      [0.5, 1.0]
    """
    power = 0.0 if unit else 0.5
    return strategy(lambda gram, present: balanced(gram, present, 1.0)._replace(power=power))
