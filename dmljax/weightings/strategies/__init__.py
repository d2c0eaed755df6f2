"""Weighting strategies, one file each: losses of the tasks -> their weights."""
