"""Fields of the training: optimizer, learning rate, moving average, phases, duration, trackers."""

from dmljax.configs._parts import of_family, stated

from dmljax import fields, plugins
from dmljax.durations import ABSOLUTE, RELATIVE
from dmljax.fields import Field
from dmljax.training import finetune, optimizer, schedules
from dmljax.training.step import Program


def sections() -> dict:
    """How the weights are moved, for how long, and where that is told."""
    return {
        "optimizer": _optimizer(),
        "schedule": schedules.FIELDS,
        "ema": _ema(),
        "phases": _phases(),
        "finetune": _finetune(),
        "train": _train(),
        "tracking": _tracking(),
    }


def _optimizer() -> dict:
    own = optimizer.FIELDS | {
        "decay_every": Field("20 epochs", "Length of a stair, not given in Table 1.", unit=RELATIVE),
        "warmup": Field("0 steps", "How long the learning rate rises from 0.", unit=RELATIVE),
        "rates": optimizer.RATES,
    }
    return of_family("optimizers", "adam", "The optimizer, one of dmljax/optimizers/.", own)


def _ema() -> dict:
    default = stated(Program)
    rising = "The moving average decays by (1 + t) / (10 + t) while that is less; Table 1 has a fixed 0.9999."
    return {
        "decay": Field(default["ema"], "Decay of the weights' moving average (Table 1).", least=0, below=1),
        "warmup": Field(default["ema_warmup"], rising),
    }


def _phases() -> dict:
    first = (
        "How long the pose branch is frozen (section 3.4), no length in the paper; '0 steps': no such phase."
    )
    turn = "How long FER and JEFL train in turn in that phase; the paper says 'interactively'."
    lead = "The heads' lead before mining, none in the paper; it collapses an embedding not yet formed."
    return {
        "first": Field("10%", first, unit=RELATIVE),
        "turn": Field("1 steps", turn, unit=RELATIVE),
        "triplet_after": Field("0 steps", lead, unit=RELATIVE),
    }


def _finetune() -> dict:
    until = "When the frozen stages begin to train; '0 steps': never."
    return finetune.FIELDS | {"until": Field("0 steps", until, unit=RELATIVE)}


def _train() -> dict:
    conflicts = "Interval between logs of norms and cosines of the tasks' gradients on the trunk; 0: never."
    profile = (
        "Steps whose JAX profile is written to RUN/profile, first and last, such as '100:105'; empty: none."
    )
    patience = "Stop after so long without a fall of the total loss, no length in the paper; 0: never."
    return {
        "duration": Field("500 epochs", "Length of the run (Table 1).", unit=ABSOLUTE, above=0),
        "log_every": Field("10 steps", "Interval between logged lines.", unit=RELATIVE),
        "save_every": Field("1 epochs", "Interval between checkpoints.", unit=RELATIVE),
        "conflicts_every": Field("0 steps", conflicts, unit=RELATIVE),
        "profile": Field("", profile),
        "patience": Field(0, patience, unit="epochs", least=0),
        "least_fall": Field(1e-4, "What counts as a fall.", unit="share of the loss", least=0, below=1),
    }


def _tracking() -> dict:
    meaning = "Where the numbers of train.jsonl go besides, of dmljax/trackers/."
    choices = plugins.names("trackers")
    options = {
        name: fields.of_plugin(
            f"trackers/{name}", plugins.defaults("trackers", name), plugins.meanings("trackers", name)
        )
        for name in plugins.usable("trackers")
    }
    return {"trackers": Field(("tensorboard",), meaning, choices=choices)} | options
