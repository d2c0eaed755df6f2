"""From samples to batches: reading, splitting, sampling, feeding. No JAX."""
