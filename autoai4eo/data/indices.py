"""Spectral indices: normalised differences of two bands of Sentinel-2."""

from __future__ import annotations

from collections.abc import Sequence

from autoai4eo.data.sensors import Band, canonical

# Normalised differences (a - b) / (a + b) by Sentinel-2 band names.
INDICES = {
    "NDVI": ("B08", "B04"),  # Tucker 1979, vegetation
    "NDWI": ("B03", "B08"),  # McFeeters 1996, open water
    "NDBI": ("B11", "B08"),  # Zha et al. 2003, built-up land
}
STAND_INS = {"B08": "B8A"}


def index_pairs(bands: Sequence[Band]) -> list[tuple[int, int]]:
    """Returns positions (a, b) in `bands` of each index that they allow."""
    places = {canonical(b.name): i for i, b in enumerate(bands)}
    for name, stand_in in STAND_INS.items():
        if name not in places and stand_in in places:
            places[name] = places[stand_in]
    return [
        (places[a], places[b]) for a, b in INDICES.values() if {a, b} <= places.keys()
    ]
