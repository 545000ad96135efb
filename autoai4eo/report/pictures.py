"""Pictures that are embedded in a page."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from autoai4eo.data.pictures import STRETCH_IN_WORDS, colours_in_words
from autoai4eo.data.sensors import UNKNOWN_SENSOR
from autoai4eo.runs.reading import Snapshot
from autoai4eo.text import line


def mistakes(
    kept: Mapping[str, np.ndarray], classes: list[str]
) -> list[dict[str, Any]]:
    """Returns the patches of ``RUN/best/mistakes.npz`` for a page.

    Args:
        kept: the arrays from `read_mistakes`, or {}.
        classes: names of the classes.
    """
    if not kept:
        return []
    images = images_of(kept)
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


def images_of(kept: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns the pictures among the arrays of a file, by the name of the input."""
    return {
        name.removeprefix("image_"): values
        for name, values in kept.items()
        if name.startswith("image_")
    }


def views_in_words(run: Snapshot) -> str:
    """Returns what the pictures of each input show, with their colours and stretch."""
    told = []
    for each in run.asked["data"]["training"]["inputs"]:
        is_known = each["sensor"] != UNKNOWN_SENSOR
        sensor = f" ({each['sensor']})" if is_known else ""
        told.append(f"{each['name']}{sensor}: {colours_in_words(each['bands'])}")
    return f"Shown of {'; of '.join(told)}. {STRETCH_IN_WORDS}"


def png(pixels: np.ndarray) -> str:
    """Returns a PNG of pixels, uint8 (H, W, 3), as a data URL."""
    from matplotlib.image import imsave

    file = io.BytesIO()
    imsave(file, pixels, format="png")
    return data_url(file.getvalue())


def data_url(content: bytes) -> str:
    """Returns a PNG file as a data URL."""
    return "data:image/png;base64," + base64.b64encode(content).decode()


def told_in(content: bytes) -> str | None:
    """Returns the description in the metadata of a PNG, or ""; None: it is damaged."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            return line(str(image.info.get("Description", "")))
    except (OSError, ValueError, Image.DecompressionBombError):  # or text too long
        return None
