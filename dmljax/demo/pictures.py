"""A small picture as a text that a page shows without asking for a file."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

QUALITY = 90  # of JPEG


def as_text(pixels: np.ndarray) -> str:
    """The address of a picture that holds the picture itself.

    Args:
      pixels: uint8 [H, W, 3], RGB.
    """
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
