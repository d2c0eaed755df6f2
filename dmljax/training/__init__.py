"""One training step: objective, state, optimizer, phases, augmentation, checkpoints, log."""
