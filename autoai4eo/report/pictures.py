"""Pictures inside a page, which then needs no file beside it."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

import numpy as np


def mistakes(
    kept: Mapping[str, np.ndarray], classes: list[str]
) -> list[dict[str, Any]]:
    """The patches of ``RUN/best/mistakes.npz``, as `read_mistakes` gives them.

    Args:
        kept: the arrays; there may be none.
        classes: their names.
    """
    if not kept:
        return []
    images = {
        name.removeprefix("image_"): values
        for name, values in kept.items()
        if name.startswith("image_")
    }
    return [
        {
            "truth": classes[truth],
            "prediction": classes[prediction],
            "confidence": float(confidence),
            "views": [(name, png(image[i])) for name, image in images.items()],
        }
        for i, (truth, prediction, confidence) in enumerate(
            zip(kept["truth"], kept["prediction"], kept["confidence"], strict=True)
        )
    ]


def png(pixels: np.ndarray) -> str:
    """A data URL of uint8 (H, W, 3)."""
    from matplotlib.image import imsave

    file = io.BytesIO()
    imsave(file, pixels, format="png")
    return data_url(file.getvalue())


def data_url(content: bytes) -> str:
    """A PNG as a page holds it."""
    return "data:image/png;base64," + base64.b64encode(content).decode()
