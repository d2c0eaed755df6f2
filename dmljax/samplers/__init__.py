"""Samplers, one file each: labels of the training samples -> mini-batches of an epoch."""
