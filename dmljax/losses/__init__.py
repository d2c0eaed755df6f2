"""Losses and mining as pure functions of arrays: distances, relations, batch-hard triplets and their rivals.

All of them run under `jit`, `vmap`, `pmap` and `shard_map`, have finite gradients everywhere, and take masks
where labels are missing. Those with an `axis_name` return a device's share of a loss over a batch that is
spread over devices: differentiate the share, and average the gradients over the devices. An array of another
shape is refused by its name.
"""

from dmljax.losses.angles import angle_difference, binned_angles, huber_angles
from dmljax.losses.classification import cross_entropy, effective_number, inverse_frequency
from dmljax.losses.contrastive import contrastive_loss, identity_aware_loss
from dmljax.losses.distances import normalise, squared_distances
from dmljax.losses.island import island_loss
from dmljax.losses.reduce import masked_mean, masked_sum, sum_over_devices
from dmljax.losses.relations import class_relation, identity_relation, pose_relation, relation
from dmljax.losses.triplet import batch_hard, hardest, violation
from dmljax.losses.tuplet import tuplet_loss

__all__ = [
    "angle_difference",
    "batch_hard",
    "binned_angles",
    "contrastive_loss",
    "cross_entropy",
    "effective_number",
    "hardest",
    "huber_angles",
    "identity_aware_loss",
    "class_relation",
    "identity_relation",
    "inverse_frequency",
    "island_loss",
    "masked_mean",
    "masked_sum",
    "normalise",
    "pose_relation",
    "relation",
    "squared_distances",
    "sum_over_devices",
    "tuplet_loss",
    "violation",
]
