"""Comparisons of weighting strategies: many runs, planned and carried out as plain commands."""
