"""Weighting strategies for several losses, in anybody's training loop.

    strategy = dmljax.weightings.upgrad()
    state = strategy.init(("depth", "normals"))
    value_and_grad = dmljax.weightings.value_and_grad(losses_fn, strategy, shared="trunk")
    (losses, weights, aux), gradients, state = value_and_grad(params, state, batch)

Every file of `dmljax/weightings/strategies/`, and every strategy of one's own that `dmljax.plugins` knows,
is a function here: its name makes the strategy, and its keyword arguments are the strategy's constants.
Wrappers change any of them. Nothing is imported before it is used, and JAX is all that is needed.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dmljax.weightings.gradients import Aux as Aux
    from dmljax.weightings.gradients import ValueAndGrad as ValueAndGrad
    from dmljax.weightings.gradients import value_and_grad as value_and_grad
    from dmljax.weightings.interface import Signals as Signals
    from dmljax.weightings.interface import Weighting as Weighting
    from dmljax.weightings.losses import Losses as Losses
    from dmljax.weightings.products import cosines as cosines
    from dmljax.weightings.products import gram as gram
    from dmljax.weightings.wrappers import clip as clip
    from dmljax.weightings.wrappers import ema as ema
    from dmljax.weightings.wrappers import every as every
    from dmljax.weightings.wrappers import log_losses as log_losses
    from dmljax.weightings.wrappers import normalise as normalise
    from dmljax.weightings.wrappers import rescale as rescale
    from dmljax.weightings.wrappers import shuffle as shuffle
    from dmljax.weightings.wrappers import warmup as warmup
    from dmljax.weightings.wrappers import window as window
    from dmljax.weightings.wrapping import wrap as wrap

# Name -> the file that has it.
_WRAPPERS = ("clip", "ema", "every", "log_losses", "normalise", "rescale", "shuffle", "warmup", "window")
_HOMES = {
    **dict.fromkeys(("value_and_grad", "ValueAndGrad", "Aux"), "gradients"),
    **dict.fromkeys(("Signals", "Weighting"), "interface"),
    "Losses": "losses",
    **dict.fromkeys(("cosines", "gram"), "products"),
    **dict.fromkeys(_WRAPPERS, "wrappers"),
    "wrap": "wrapping",
}


def __getattr__(name: str):
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    if name == "__all__":
        return [*_HOMES, "names", *names()]
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _strategy(name)


def __dir__() -> list[str]:
    return sorted({*_HOMES, *names(), "names"})


def names() -> tuple[str, ...]:
    """The names of all strategies, those of one's own among them.

    Example:
      >>> {"dwa", "famo", "upgrad"} <= set(names())
      True
    """
    from dmljax import plugins

    return plugins.names("weightings")


@functools.cache
def _strategy(name: str):
    """A strategy's `build`, under its own name."""
    from dmljax import plugins
    from dmljax.types import nearest

    known = names()
    if name not in known:
        hint = nearest(name, [*_HOMES, *known])
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}.{hint}")
    module = plugins.load("weightings", name)

    @functools.wraps(module.build)
    def build(**fields):
        takes = inspect.signature(module.build).parameters.values()
        known = [p.name for p in takes if p.kind is not p.VAR_KEYWORD]
        if len(known) == len(takes):
            for field in fields.keys() - known:
                has = ", ".join(known) or "none"
                raise TypeError(f"{name}() has no field '{field}'; it has {has}.{nearest(field, known)}")
        return module.build(**fields)

    build.__name__ = build.__qualname__ = name
    build.__module__ = __name__
    return build
