"""The bands of an image whose file does not name them, and colours of a palette."""

from __future__ import annotations

from typing import Any

import numpy as np

from autoai4eo.data.sensors import RGB, SENTINEL2, Band, band, unknown_bands

# Helber et al. 2019, doi:10.1109/JSTARS.2019.2918242: EuroSAT's files end with B8A.
EUROSAT_BANDS = SENTINEL2.pick(
    *(f"B{i:02d}" for i in range(1, 13)),
    "B8A",
)


def colours_of(image: Any, dtype: np.dtype) -> np.ndarray:
    """Returns R, G and B of an image with a palette; transparent or masked: NaN."""
    table = image.colormap(1)
    colours = np.zeros((max(table) + 1, 4), np.uint8)
    colours[list(table)] = list(table.values())
    indices = np.minimum(image.read(1), len(colours) - 1)
    values = colours[indices, :3].astype(dtype)
    if dtype.kind == "f":
        missing = (colours[indices, 3] == 0) | (image.read_masks(1) == 0)
        values[missing] = np.nan
    return np.moveaxis(values, -1, 0)


def band_of(name: str, kind: str) -> Band:
    """Returns a band of the catalogue; only with 8 bits R, G and B are colours."""
    found = band(name)
    if found.quantity == "colour" and kind != "8 bits":
        return Band(found.name, found.wavelength, "unknown")
    return found


def guessed_bands(count: int, kind: str) -> tuple[Band, ...]:
    """Guesses bands without names: RGB for 8 bits, 13 of EuroSAT, or unknown ones."""
    if count == 3 and kind == "8 bits":
        return RGB.bands
    if count == len(EUROSAT_BANDS):
        return EUROSAT_BANDS
    return unknown_bands(count)
