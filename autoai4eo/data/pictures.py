"""Pictures of patches: true colour, or a composite of radar bands."""

from __future__ import annotations

import numpy as np

from autoai4eo.data.readers.base import InputSpec

_REFLECTANCE = ("B04", "B03", "B02")
_TRUE_COLOUR = (_REFLECTANCE, ("R", "G", "B"))
_GAMMA = 0.6
_RADAR = (("VV", "VH"), ("VV_intensity", "VH_intensity"))
#: Percentiles that become black and white.
_STRETCH = (2.0, 98.0)


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

    def pick(wanted: tuple[str, ...]) -> np.ndarray:
        return pixels[..., [names.index(name) for name in wanted]].astype(float)

    shown = next((n for n in _TRUE_COLOUR if set(n) <= set(names)), None)
    radar = next((n for n in _RADAR if set(n) <= set(names)), None)
    if shown is not None:
        colours = pick(shown)
    elif radar is not None:
        both = pick(radar)
        if radar[0].endswith("intensity"):
            both = 10 * np.log10(np.maximum(both, 1e-6))
        colours = np.concatenate([both, both[..., :1] - both[..., 1:]], axis=-1)
    else:
        colours = np.repeat(pixels[..., :1].astype(float), 3, axis=-1)
    colours[~np.isfinite(colours)] = np.nan
    if np.isnan(colours).all():
        return np.zeros(colours.shape, np.uint8)
    low, high = np.nanpercentile(colours, _STRETCH, axis=(0, 1, 2))
    stretched = (colours - low) / np.where(high > low, high - low, 1.0)
    shares = np.clip(np.nan_to_num(stretched), 0, 1)
    if shown == _REFLECTANCE:
        shares **= _GAMMA  # forests are dark beside bare soil
    return np.asarray(255 * shares, np.uint8)
