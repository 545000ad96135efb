"""Masks as coloured pictures: each colour is a class.

A colour is stored as one number, 65,536 · red + 256 · green + blue, so that black is 0;
the order of the numbers is that of the colours. A class without a name is called as its
colour in HTML, ``#1f78b4``.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from autoai4eo.data.class_colours import Rgb, rgb_of

#: More different colours are a picture, or the classes are blurred (JPEG).
MOST_COLOURS = 64
_HEX = re.compile("#[0-9a-fA-F]{6}")


def is_coloured(source: Any, bands: list[int]) -> bool:
    """Returns whether bands of an open raster are red, green and blue, of 8 bits."""
    return len(bands) == 3 and {source.dtypes[i - 1] for i in bands} == {"uint8"}


def as_values(colours: np.ndarray) -> np.ndarray:
    """Returns the number of each colour, int32 (height, width).

    Args:
        colours: red, green and blue, uint8 (3, height, width).
    """
    red, green, blue = colours.astype(np.int32)
    return np.asarray(65536 * red + 256 * green + blue)


def colour_of(value: int) -> Rgb:
    """Returns red, green and blue of a number."""
    return value // 65536, value // 256 % 256, value % 256


def value_of(text: str) -> int | None:
    """Returns the number of a colour such as ``#1f78b4``; None: it is no such text."""
    if not _HEX.fullmatch(text):
        return None
    red, green, blue = rgb_of(text)
    return 65536 * red + 256 * green + blue
