"""Which samples go where: an epoch as an array of sample indices, a pure function of (labels, seed, epoch).

Every process computes the whole order and takes its own part of it, so hosts need not talk to each other.
"""

from __future__ import annotations

import numpy as np

from dmljax.data.tuples import REASONS, Report, draw_epoch
from dmljax.types import EXPRESSION, LABELS, MISSING, POSE, TUPLE_SIZE, Samples, UserError


def epoch_tuples(
    samples: Samples, train: np.ndarray, *, seed: int, epoch: int, leftovers: bool
) -> tuple[np.ndarray, Report]:
    """The five-tuples of an epoch as indices into the set, int32 [N, 5], and their report.

    Args:
      train: indices of the training samples.
      leftovers: also pass on the samples that are in no tuple, in groups of five among the tuples. They train
        the classification heads; relations that do not hold for them are masked by their labels.
    """
    tuples, report = draw_epoch(
        samples.expression[train], samples.pose[train], samples.identity[train], seed=seed, epoch=epoch
    )
    if leftovers:
        rng = np.random.default_rng(np.random.SeedSequence([seed, epoch, 1]))
        rest = rng.permutation(np.setdiff1d(np.arange(len(train)), tuples))
        groups = rest[: len(rest) // TUPLE_SIZE * TUPLE_SIZE].reshape(-1, TUPLE_SIZE)
        tuples = rng.permutation(np.concatenate([tuples, groups.astype(np.int32)]))
    return train[tuples].astype(np.int32), report


def alone(samples: Samples, train: np.ndarray) -> dict[str, str]:
    """column -> the one class that all training samples have, quoted, or '' where none is known; of columns
    that tell nothing apart.
    """
    columns = zip(
        LABELS,
        (samples.expression, samples.pose, samples.identity),
        (samples.expression_names, samples.pose_names, samples.identity_names),
    )
    found = {}
    for column, labels, names in columns:
        classes = np.unique(labels[train][labels[train] >= 0])
        if len(classes) < 2:
            found[column] = f"'{names[classes[0]]}'" if len(classes) else ""
    return found


def classes_in_words(few: dict[str, str]) -> str:
    """What `alone` found: 'one pose only, '0', and no identity that is known'."""
    return ", and ".join(
        f"one {column} only, {name}" if name else f"no {column} that is known" for column, name in few.items()
    )


def check_tuples(
    samples: Samples,
    train: np.ndarray,
    tuples: np.ndarray,
    report: Report,
    *,
    tuples_per_step: int,
    accumulate: int,
    leftovers: bool,
) -> None:
    """Raises UserError if an epoch holds fewer tuples than a step takes; says which condition failed, and
    what is possible.
    """
    needed = tuples_per_step * accumulate
    if len(tuples) >= needed:
        return
    if (few := alone(samples, train)) and not leftovers:
        raise UserError(
            f"{samples.name}: no five-tuple can be formed from {len(train)} training samples:"
            f" {_without_tuples(few)}"
        )
    lines = []
    for reason, count in report.left.items():
        k = int(train[report.examples[reason]])
        names = (samples.expression_names, samples.pose_names, samples.identity_names)
        labels = (samples.expression[k], samples.pose[k], samples.identity[k])
        said = ", ".join(
            f"{column} {'missing' if v < 0 else repr(n[v])}" for column, n, v in zip(LABELS, names, labels)
        )
        lines.append(f"{count} samples: {REASONS[reason]} (e.g. '{samples.references[k]}': {said})")
    what = (
        "no five-tuple can be formed"
        if not len(tuples)
        else f"only {len(tuples)} five-tuples can be formed, a step needs {needed}"
    )
    possible = ["bring more samples"]
    if len(tuples):
        several = f" or data.accumulate={accumulate}" if accumulate > 1 else ""
        possible.append(f"lower data.tuples_per_step={tuples_per_step}{several}")
    if not leftovers:
        possible.append("set data.leftovers=True to train the heads on the rest")
    raise UserError(
        f"{samples.name}: {what} from {len(train)} training samples; {'; '.join(lines)}. What is possible:"
        f" {', or '.join(possible)}"
    )


def _without_tuples(few: dict[str, str]) -> str:
    """Why there are no five-tuples where a column has no two classes, and what can be trained without."""
    heads = [column for column in (EXPRESSION, POSE) if column not in few]
    possible = (
        f"; without them data.leftovers=True trains {' and '.join(heads)}, and the triplets that a batch"
        " happens to hold"
    )
    return (
        "one takes two expressions, two poses and two people, and these have"
        f" {classes_in_words(few)}. Bring samples of others{possible if heads else ''}"
    )


def steps(
    batches: np.ndarray,
    *,
    accumulate: int,
    process: int,
    processes: int,
    local_devices: int,
) -> np.ndarray:
    """The steps of an epoch for the devices of one process.

    A step takes `accumulate` mini-batches, each of which goes to the devices in blocks, so the global batch
    is the same however many devices there are. Mini-batches that do not fill a step are left out.

    Args:
      batches: int [N, images of a mini-batch over all devices].

    Returns:
      sample indices, int32 [steps, local devices, accumulate, images per device].
    """
    devices, count = processes * local_devices, len(batches) // accumulate
    grid = batches[: count * accumulate].reshape(count, accumulate, devices, batches.shape[1] // devices)
    grid = grid.transpose(0, 2, 1, 3)
    mine = grid[:, process * local_devices : (process + 1) * local_devices]
    return np.ascontiguousarray(mine, np.int32)


def check_divides(size: int, devices: int, *, together: int = 1, field: str) -> None:
    """Raises UserError if a mini-batch of `size` images cannot be shared equally among the devices.

    Args:
      together: consecutive images that stay on one device; a five-tuple's five.
      field: sets the size, counted in what stays together.
    """
    units = size // together
    if units < 1 or units % devices:
        fit = max(devices, units // devices * devices)
        whole = f", which share it by whole five-tuples; set it to a multiple of {devices}"
        what = f"{field}={units} (a batch of {size} images)" if together > 1 else f"a batch of {size} images"
        raise UserError(
            f"{what} does not divide among {devices} devices"
            + (whole if together > 1 else f"; set {field} so that it is a multiple of {devices}")
            + f", e.g. {fit}"
        )


def every_sample_once(
    indices: np.ndarray, *, per_device: int, process: int, processes: int, local_devices: int
) -> np.ndarray:
    """Batches for evaluation: each index once, the last batch filled with MISSING.

    Returns:
      int32 [batches, local devices, 1, per_device] of this process.
    """
    devices = processes * local_devices
    count = -(-len(indices) // (devices * per_device))
    padded = np.full(count * devices * per_device, MISSING, np.int32)
    padded[: len(indices)] = indices
    grid = padded.reshape(count, devices, 1, per_device)
    return grid[:, process * local_devices : (process + 1) * local_devices]
