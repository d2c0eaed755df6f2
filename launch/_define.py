"""Flags that several commands have, and what a flag may be beside its name: first, repeated, a field."""

from __future__ import annotations

from absl import flags

from dmljax.types import CHECKPOINTS

CONFIG = "config"  # name of the flag that holds the configuration


def gives(values, flag: str, parameter: str) -> None:
    """This flag gives a parameter or a configuration's field of another name."""
    values[flag].parameter = parameter


def positional(values, flag: str) -> None:
    """A first argument that is no flag is the value of this one."""
    values[flag].positional = True


def several(values, flag: str) -> None:
    """Arguments that follow this flag and are no flags are further values of it: --over A=1 B=2."""
    values[flag].several = True


def rest(values, flag: str) -> None:
    """All arguments that are no flags are values of this one."""
    values[flag].rest = True


def root(values) -> None:
    """The flag --root of a command that opens trained runs."""
    place = "where a run's dataset lies now, if it was moved; of joined sets NAME:FOLDER,NAME:FOLDER"
    flags.DEFINE_string("root", "", place, flag_values=values)


def checkpoint(values) -> None:
    """The flag --checkpoint of a command that opens trained runs."""
    flags.DEFINE_enum("checkpoint", CHECKPOINTS[0], CHECKPOINTS, "which checkpoint", flag_values=values)


def model(values) -> None:
    """The flags of a command that predicts faces by a trained run."""
    checkpoint(values)
    by_mirror = "predict by the mean over each face and its mirror image"
    flags.DEFINE_bool("flip", False, by_mirror, flag_values=values)
    by_temperature = (
        "probabilities by the temperature that an evaluation fitted on validation people, if there is one"
    )
    flags.DEFINE_bool("calibrated", True, by_temperature, flag_values=values)


def progress(values) -> None:
    """The flag --progress of a command whose work takes long."""
    said = "show a progress bar; where stderr is no terminal, a line now and then"
    flags.DEFINE_bool("progress", True, said, flag_values=values)


def config(values, default: str) -> None:
    """The flag --config=NAME_OR_FILE[:PRESET], and --config.FIELD=VALUE for every field of it."""
    flags.DEFINE_string(
        CONFIG,
        default,
        "configuration: a name, with :preset behind it; a .json or .yaml file with fields; or a .py file,"
        " which is run. --config.FIELD=VALUE changes a field (see dmljax fields)",
        flag_values=values,
    )
