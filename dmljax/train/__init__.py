"""Training: state, optimizer, phases, the step, checkpoints, the loop."""
