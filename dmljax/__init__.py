"""DML-Net in JAX: pose-aware and identity-invariant facial expression recognition."""

__version__ = "0.1.0"
