"""Datasets, one file each: how a set lies on disk -> Samples. No JAX, no TensorFlow."""
