"""Configurations: base.py and one short file an experiment."""
