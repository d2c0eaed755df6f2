"""Fields that are set and are not read: whoever sets one believes that it counts."""

from __future__ import annotations

from dmljax import config as configuration
from dmljax import plugins
from dmljax.types import UserError

# Fields that name a file or folder, the field that says whether it is read, and its values where it is.
UNREAD = (
    ("crop.table", "crop.rule", ("views", "boxes")),
    ("split.file", "split.kind", ("list",)),
    ("split.file", "dataset.test", ("",)),
    ("dataset.root", "dataset.train", ("",)),
)

# Not these sections: configurations set options of several sets and networks, for whichever will be chosen.
PREPARED = ("dataset", "backbone")
SHARED = ("b1", "b2", "epsilon")  # fields of the section optimizer that are passed on to who takes them


def check_paths(config) -> None:
    """Raises UserError of a field that names a file or folder and would not be read."""
    for field, chooser, readers in UNREAD:
        section, key = field.split(".")
        by, choice = chooser.split(".")
        if config[section][key] and config[by][choice] not in readers:
            otherwise = f", or set {chooser} to {' or '.join(readers)}" if any(readers) else ""
            raise UserError(
                f"is not read with {chooser}={config[by][choice]}; leave it empty{otherwise}", parameter=field
            )


def idle(config) -> list[str]:
    """A line for each option that no chosen plug-in takes and that differs from the base configuration."""
    from dmljax.configs import base

    before, lines = base.get_config(config.preset), []
    for section, family in configuration.SECTIONS.items():
        used, field = configuration.chosen(config[section]), _chooser(config[section])
        others = [name for name in plugins.names(family) if name not in used]
        for name in others if section not in PREPARED else ():
            options = configuration.options_of(config, section, name)
            told = " and ".join(used) or "empty"
            lines += [
                f"{section}.{name}.{option}={value} has no effect: {section}.{field} is {told}"
                for option, value in options.items()
                if value != configuration.options_of(before, section, name)[option]
            ]
    return lines + _not_taken(config, before) + _not_shared(config)


def _not_shared(config) -> list[str]:
    """Of groups of devices that are set where each device has its own statistics."""
    group = config.model.batch_norm_group
    if config.model.sync_batch_norm or group <= 1:
        return []
    return [f"model.batch_norm_group={group} has no effect: model.sync_batch_norm is False"]


def _chooser(section) -> str:
    """The field of a section that chooses."""
    return next((key for key in configuration.SEVERAL if key in section), "name")


def _not_taken(config, before) -> list[str]:
    """Of the fields that all optimizers share, those that are set and that the chosen one does not take."""
    name = config.optimizer.name
    taken = plugins.takes("optimizers", plugins.load("optimizers", name))
    return [
        f"optimizer.{key}={config.optimizer[key]} has no effect: {name} does not take it"
        for key in SHARED
        if key not in taken and config.optimizer[key] != before.optimizer[key]
    ]
