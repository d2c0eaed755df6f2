"""One training step and what it is made of: objective, state, optimizer, phases, augmentation, checkpoints,
log.
"""
