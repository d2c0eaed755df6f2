"""Losses and mining as pure functions of arrays."""
