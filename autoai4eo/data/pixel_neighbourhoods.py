"""Statistics of each pixel's neighbourhood: what trees learn masks from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from autoai4eo.data.indices import index_pairs
from autoai4eo.data.patch_statistics import difference
from autoai4eo.data.sensors import band

WINDOWS = (3, 7)  # sides in pixels
_TINY = 1e-9


def pixel_neighbourhoods(
    pixels: Mapping[str, np.ndarray], bands: Mapping[str, Sequence[str]]
) -> np.ndarray:
    """Returns statistics around each pixel, float32 (n, H, W, columns).

    For each input, for each of its bands and then for each spectral index that they
    allow (see `autoai4eo.data.indices`): the value, then mean and standard deviation in
    a window of 3×3 and of 7×7 pixels around it, of its finite pixels inside of the
    patch; NaN where there is none.

    Args:
        pixels: of n patches of equal size, float32 (n, H, W, bands) by input.
        bands: names of the bands by input; their order is that of the columns.
    """
    columns = []
    for name, of_input in bands.items():
        channels = list(np.moveaxis(pixels[name], -1, 0))
        pairs = index_pairs([band(b) for b in of_input])
        channels += [difference(channels[a], channels[b]) for a, b in pairs]
        for channel in channels:
            columns += _statistics(channel)
    return np.stack(columns, axis=-1)


def _statistics(channel: np.ndarray) -> list[np.ndarray]:
    """Returns the statistics of a channel (n, H, W), each float32 (n, H, W)."""
    finite = np.isfinite(channel)
    found = [np.where(finite, channel, np.nan).astype(np.float32)]
    # from the patch's mean, since squares of large numbers would lose digits
    middle = channel[finite].mean(dtype=float) if finite.any() else 0.0
    value = np.where(finite, channel - middle, 0.0)
    for side in WINDOWS:
        share = _mean_around(finite[:1] if finite.all() else finite, side)
        with np.errstate(invalid="ignore"):  # 0 / 0 where no pixel is finite
            mean = _mean_around(value, side) / share
            variance = _mean_around(value * value, side) / share - mean * mean
        std = np.sqrt(np.maximum(variance, 0))
        found += [(mean + middle).astype(np.float32), std.astype(np.float32)]
    return found


def _mean_around(values: np.ndarray, side: int) -> np.ndarray:
    """Returns the mean in a window around each pixel, (n, H, W); 0 beyond the edge."""
    from scipy.ndimage import uniform_filter

    found = uniform_filter(values, (0, side, side), float, mode="constant")
    # running sums leave tiny remainders where all values are 0
    return np.where(np.abs(found) < _TINY, 0.0, found)
