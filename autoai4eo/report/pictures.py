"""Pictures inside a page, which then needs no file beside it."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.files import read_npz

_CURE = "restore it from a copy, or remove it: the page is written without it"


def mistakes(path: Path, classes: list[str]) -> list[dict[str, Any]]:
    """The patches of ``RUN/best/mistakes.npz``; none where it is not there.

    Args:
        path: of the file.
        classes: their names.

    Raises:
        UserError: it is damaged.
    """
    if not path.is_file():
        return []
    kept = read_npz(path, _CURE, ("truth", "prediction", "confidence"))
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
