"""Backbones, one file each: images -> features."""
