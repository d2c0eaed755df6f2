"""Wrappers: changes to any weighting strategy, so that they need not be options of each.

Strategy in, strategy out. They change what the strategy sees (log_losses, normalise, window), when it is
asked (every, warmup), and what becomes of its answer (ema, clip, shuffle, rescale).
"""

from dmljax.weightings.wrappers.answer import RESCALE as RESCALE
from dmljax.weightings.wrappers.answer import clip as clip
from dmljax.weightings.wrappers.answer import ema as ema
from dmljax.weightings.wrappers.answer import rescale as rescale
from dmljax.weightings.wrappers.answer import shuffle as shuffle
from dmljax.weightings.wrappers.lifting import State as State
from dmljax.weightings.wrappers.sight import NORMALISE as NORMALISE
from dmljax.weightings.wrappers.sight import log_losses as log_losses
from dmljax.weightings.wrappers.sight import normalise as normalise
from dmljax.weightings.wrappers.sight import window as window
from dmljax.weightings.wrappers.timing import every as every
from dmljax.weightings.wrappers.timing import warmup as warmup
