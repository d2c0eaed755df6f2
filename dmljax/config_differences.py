"""What differs between two configurations, and what may: of one run, of runs that are compared."""

from __future__ import annotations

import json

from dmljax import config, run_folder
from dmljax.fields import flatten

# What may differ between runs that are compared: where data lie and how it is computed, not what.
MAY_DIFFER = (
    "dataset.root",
    "dataset.train",
    "dataset.test",
    "split.file",
    "data.feed",
    "data.memory",
    "plugins",
    "train.log_every",
    "train.save_every",
    "train.conflicts_every",
    "train.profile",
    "tracking.",
    "backbone.resnet.convolution",
    "backbone.densenet.convolution",
    "backbone.efficientnet_lite.convolution",
)
# What may differ when a run is continued: also how long it is.
MAY_CHANGE = (*MAY_DIFFER, "train.")


def table_fields() -> tuple[str, ...]:
    """The fields that are paths of small tables, of which a run keeps copies."""
    from dmljax.configs import base

    return tuple(name for name, field in flatten(base.declarations()).items() if field.table)


def may_change() -> tuple[str, ...]:
    """What may differ between two configurations of one run: `MAY_CHANGE`, and where its tables lie, whose
    content is compared elsewhere.
    """
    return (*MAY_CHANGE, *table_fields())


def differences(before: dict, now: dict, may_differ: tuple[str, ...] = MAY_CHANGE) -> list[str]:
    """Lines 'field: before there, now here' for all fields but those that begin with one of `may_differ`.

    Without `may_differ`, for everything that must not change between the parts of one run.
    """
    old, new = flatten(before), flatten(now)
    keys = [k for k in sorted(old.keys() | new.keys()) if not k.startswith(may_differ)]
    missing = "(absent)"
    return [
        f"{k}: {old.get(k, missing)!r} there, {new.get(k, missing)!r} here"
        for k in keys
        if old.get(k, missing) != new.get(k, missing)
    ]


def digest(made) -> str:
    """32 hexadecimal digits, the same for two configurations that one run may have."""
    apart = may_change()
    kept = {key: value for key, value in flatten(config.trimmed(made)).items() if not key.startswith(apart)}
    return run_folder.digest(json.dumps(kept, sort_keys=True).encode())
