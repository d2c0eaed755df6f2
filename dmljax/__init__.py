"""DML-Net in JAX: pose-aware and identity-invariant facial expression recognition."""
from pathlib import Path

__version__ = "0.1.0"

# `configs` and `launch` lie beside this package in a checkout and inside it once installed; both are `dmljax.configs`.
_checkout = Path(__file__).resolve().parent.parent
if (_checkout / "configs" / "base.py").is_file():
    __path__.append(str(_checkout))
