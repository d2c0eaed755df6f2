"""Evaluation: predictions of a run, and what they say."""
