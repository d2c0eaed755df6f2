"""FairGrad: alpha-fair progress of the tasks, found by Newton steps."""

from __future__ import annotations

from dmljax.weightings.interface import Weighting
from dmljax.weightings.parts import require
from dmljax.weightings.solvers import balanced, strategy


def build(*, alpha: float = 2.0, unit: bool = True) -> Weighting:
    """Weighs tasks so that their gains are alpha-fair.

    With the Gram matrix G:

        w > 0 with (G w)_k = w_k^(-1 / alpha)

    Ban and Ji, ICML 2024. An alpha of 1 is Nash-MTL, 0 would be equal weights, and a large one nears max-min
    fairness.

    Where gradients cancel there is no solution; above 100 times the weights of gradients orthogonal to each
    other a rising price holds them, as in `nash_mtl`, and the aux value `fallback` is 1.

    DIFFERS: damped Newton steps inside the compiled step take the place of least squares on the host, and
    `unit` sets the scale.

    Needs the Gram matrix of the tasks' gradients. Cost: a forward pass and K pull-backs through the shared
    parameters; with a `representation`, K through what comes after it and one through what comes before.

    Args:
      alpha: the fairness, 0.5 <= alpha <= 10.
      unit: weights for gradients divided by their mean length, so that they do not shrink as gradients grow.

    Raises:
      ValueError: an alpha out of its range.

    Example:
      >>> import jax.numpy as jnp
      >>> from dmljax import weightings
      >>> strategy = weightings.fairgrad(alpha=2.0, unit=False)
      >>> signals = weightings.Signals(jnp.array([1.0, 2.0]), gram=jnp.array([[8.0, 0.0], [0.0, 1.0]]))
      >>> weights = strategy.update(signals, strategy.init(("depth", "normals")))[0]
      >>> [round(float(w), 3) for w in weights]
      [0.25, 1.0]
    """
    require(alpha=(alpha, 0.5 <= alpha <= 10, "from 0.5 to 10"))
    power = 0.0 if unit else alpha / (alpha + 1)
    return strategy(lambda gram, present: balanced(gram, present, alpha)._replace(power=power))
