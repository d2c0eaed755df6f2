"""Which samples go where: an epoch as an array of sample indices, a pure function of (labels, seed, epoch).

Every process computes the whole order and takes its own part of it, so hosts need not talk to each other.
"""

from __future__ import annotations

import numpy as np

from dmljax.data.tuples import REASONS, Report, draw_epoch
from dmljax.types import LABELS, MISSING, TUPLE_SIZE, Samples, UserError


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


def check_tuples(
    samples: Samples, train: np.ndarray, tuples: np.ndarray, report: Report, needed: int
) -> None:
    """Raises UserError if an epoch holds fewer than `needed` tuples, one step's worth; says which condition
    failed.
    """
    if len(tuples) >= needed:
        return
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
    raise UserError(
        f"{samples.name}: {what} from {len(train)} training samples; {'; '.join(lines)}. Bring more samples,"
        " set data.tuples_per_step lower, or data.leftovers=True to train the heads on the rest"
    )


def steps(
    tuples: np.ndarray,
    *,
    tuples_per_step: int,
    accumulate: int,
    process: int,
    processes: int,
    local_devices: int,
) -> np.ndarray:
    """The steps of an epoch for the devices of one process.

    A step takes `accumulate` x `tuples_per_step` tuples; micro-batch by micro-batch they go to the devices in
    blocks, so the global batch is the same however many devices there are. Tuples that do not fill a step are
    left out.

    Returns:
      sample indices, int32 [steps, local devices, accumulate, tuples per device * 5].
    """
    devices = processes * local_devices
    check_divides(tuples_per_step, devices)
    count = len(tuples) // (tuples_per_step * accumulate)
    grid = tuples[: count * tuples_per_step * accumulate].reshape(count, accumulate, devices, -1)
    grid = grid.transpose(0, 2, 1, 3)
    return np.ascontiguousarray(grid[:, process * local_devices : (process + 1) * local_devices])


def check_divides(tuples_per_step: int, devices: int) -> None:
    """Raises UserError if a step's tuples cannot be shared equally among the devices."""
    if tuples_per_step < 1 or tuples_per_step % devices:
        fit = max(devices, tuples_per_step // devices * devices)
        raise UserError(
            f"data.tuples_per_step={tuples_per_step} (a batch of {tuples_per_step * TUPLE_SIZE} images) does"
            f" not divide among {devices} devices, which share it by whole five-tuples; set it to a multiple"
            f" of {devices}, e.g. {fit}"
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
