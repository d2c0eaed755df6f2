"""Tables and plots from run files; never JAX."""
