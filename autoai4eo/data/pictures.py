"""Pictures of patches: true colour, or a composite of radar bands."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autoai4eo.data.readers.base import InputSpec

_REFLECTANCE = ("B04", "B03", "B02")
#: Red, green and blue; the last are those of Sentinel-2's product of this name.
TRUE_COLOUR = (_REFLECTANCE, ("R", "G", "B"), ("TCI_R", "TCI_G", "TCI_B"))
_GAMMA = 0.6
_RADAR = (("VV", "VH"), ("VV_intensity", "VH_intensity"))
#: Percentiles that become black and white.
_STRETCH = (2.0, 98.0)
STRETCH_IN_WORDS = (
    "Each colour reaches from the 2nd to the 98th percentile of these pictures "
    "together, so that they compare."
)


def pictures(pixels: np.ndarray, spec: InputSpec) -> np.ndarray:
    """Returns patches as red, green and blue, uint8 (N, H, W, 3).

    In true colour if the bands exist; for radar, VV, VH and their difference in
    decibels; otherwise the first band in grey. The stretch is the same for all patches,
    from the 2nd to the 98th percentile of each colour.

    Args:
        pixels: (N, H, W, bands).
        spec: the input, with its bands.
    """
    names = [band.name for band in spec.bands]
    shown = _shown(names)
    chosen = pixels[..., [names.index(name) for name in shown]].astype(float)
    if shown in _RADAR:
        if shown[0].endswith("intensity"):
            chosen = 10 * np.log10(np.maximum(chosen, 1e-6))
        colours = np.concatenate([chosen, chosen[..., :1] - chosen[..., 1:]], axis=-1)
    else:
        colours = np.broadcast_to(chosen, (*chosen.shape[:-1], 3)).copy()
    colours[~np.isfinite(colours)] = np.nan
    if np.isnan(colours).all():
        return np.zeros(colours.shape, np.uint8)
    low, high = np.nanpercentile(colours, _STRETCH, axis=(0, 1, 2))
    stretched = (colours - low) / np.where(high > low, high - low, 1.0)
    shares = np.clip(np.nan_to_num(stretched), 0, 1)
    if shown == _REFLECTANCE:
        shares **= _GAMMA  # forests are dark beside bare soil
    return np.asarray(255 * shares, np.uint8)


def colours_in_words(names: Sequence[str]) -> str:
    """Returns what `pictures` shows of bands, such as "red B04, green B03, blue B02".

    Args:
        names: of the input's bands.
    """
    shown = _shown(names)
    if shown in _RADAR:
        co, cross = (name.removesuffix("_intensity") for name in shown)
        return f"red {co}, green {cross}, blue {co} − {cross}, in decibels"
    if len(shown) == 1:
        return f"{shown[0]} in grey"
    red, green, blue = shown
    brighter = f", brightened by a gamma of {_GAMMA}" if shown == _REFLECTANCE else ""
    return f"true colour (red {red}, green {green}, blue {blue}){brighter}"


def _shown(names: Sequence[str]) -> tuple[str, ...]:
    """Returns the bands that a picture shows: three, two of radar, or one."""
    known = (n for n in (*TRUE_COLOUR, *_RADAR) if set(n) <= set(names))
    return next(known, tuple(names[:1]))
