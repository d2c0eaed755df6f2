"""Optimizers, one file each: what a gradient is made before the learning rate multiplies it."""
