"""Augmentations, one file each: a step that changes one image by a random key."""
