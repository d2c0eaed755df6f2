"""Every field of a run: what it means, its default, and what it may be.

Experiments start from `get_config` and change what they need; `dmljax fields` lists the fields. Two presets,
`safe` (the default) and `paper`, are chosen with `--config=NAME:paper`. Here they differ only where the paper
is silent or, taken literally, does not hold: link, normalisation, reduction, guard of the dynamic weights,
warm-up of the moving average. Configurations of the paper's sets have a recipe of their own, which `paper`
leaves out.
"""

from dmljax.configs import _images, _losses, _network, _training
from ml_collections import ConfigDict

from dmljax import fields, plugins
from dmljax.fields import Field
from dmljax.types import UserError, nearest

PRESETS = ("safe", "paper")


def get_config(preset: str = "safe") -> ConfigDict:
    """The base configuration: DML-Net at 224 pixels as in Table 1, on the embedded default set."""
    if preset not in PRESETS:
        raise UserError(
            f"unknown preset '{preset}'; there are {', '.join(PRESETS)}.{nearest(preset, PRESETS)}"
        )
    config = fields.config_dict(declarations())
    config.preset = preset
    if preset == "paper":
        config.losses.link = "none"
        config.losses.normalise = False
        config.losses.reduction = "sum"
        config.weighting.dwa.literal = True
        config.ema.warmup = False
    return config.lock()


def declarations() -> dict:
    """All fields as nested dicts of `Field`, plug-ins' options among them; defaults are those of `safe`."""
    seeded = "Seed of split, data order, initial weights and augmentation."
    own = {
        "seed": Field(0, seeded, least=0, most=2**32 - 1),
        "preset": Field("safe", "The preset that the other fields started from.", choices=PRESETS),
        "plugins": Field(plugins.folders(), "Folders with plug-ins of one's own."),
    }
    return own | _images.sections() | _network.sections() | _losses.sections() | _training.sections()
