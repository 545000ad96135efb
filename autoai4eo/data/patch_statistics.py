"""Statistics of the bands and indices of each patch: what trees learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.indices import index_pairs
from autoai4eo.data.sensors import band

PERCENTILES = (5, 25, 50, 75, 95)
_EACH = 2 + len(PERCENTILES)
_BLOCK_BYTES = 32 * 2**20  # of pixels that are in memory at once


def patch_statistics(
    dataset: Dataset, bands: Mapping[str, Sequence[str]]
) -> np.ndarray:
    """Returns statistics of each patch, float32 (N, columns).

    For each input, for each of its bands and then for each spectral index that they
    allow (see `autoai4eo.data.indices`): mean, standard deviation and the percentiles
    5, 25, 50, 75 and 95 over the finite pixels; NaN where a patch has none. Reads the
    patches block by block.

    Args:
        dataset: N patches.
        bands: names of the bands by input; their order is that of the columns.
    """
    pairs = {name: index_pairs([band(b) for b in bands[name]]) for name in bands}
    width = _EACH * sum(len(bands[name]) + len(pairs[name]) for name in bands)
    table = np.empty((len(dataset), width), np.float32)
    for rows in dataset.blocks(_BLOCK_BYTES // dataset.sample_bytes()):
        pixels = dataset.read(rows)
        found = [_statistics(_channels(pixels[n], pairs[n])) for n in bands]
        table[rows] = np.concatenate(found, axis=1)
    return table


def _channels(pixels: np.ndarray, pairs: Sequence[tuple[int, int]]) -> np.ndarray:
    """Returns bands, then indices, (n, channels, pixels); NaN where not finite."""
    of_bands = np.moveaxis(pixels.reshape(len(pixels), -1, pixels.shape[-1]), -1, 1)
    indices = [difference(of_bands[:, a], of_bands[:, b]) for a, b in pairs]
    channels = np.concatenate([of_bands, *(i[:, None] for i in indices)], axis=1)
    channels[~np.isfinite(channels)] = np.nan
    return channels


def difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Returns (a - b) / (a + b), clipped to [-1, 1]; NaN where a + b is 0."""
    with np.errstate(all="ignore"):
        total = a + b
        return np.clip(np.where(total == 0, np.nan, (a - b) / total), -1, 1)


def _statistics(channels: np.ndarray) -> np.ndarray:
    """Returns the statistics of (n, channels, pixels), (n, channels * statistics).

    Sorts the pixels, which is several times as fast as `numpy.nanpercentile`.
    """
    ranked = np.sort(channels, axis=-1)  # NaN comes last
    count = np.isfinite(ranked).sum(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore"):  # 0 / 0 where no pixel is finite
        mean = np.nansum(ranked, axis=-1, keepdims=True, dtype=float) / count
        squares = np.nansum((ranked - mean) ** 2, axis=-1, keepdims=True)
        std = np.sqrt(squares / count)
    last = np.maximum(count - 1, 0)
    place = last * (np.array(PERCENTILES) / 100)
    low = place.astype(int)
    below, above = (
        np.take_along_axis(ranked, i, axis=-1).astype(float)
        for i in (low, np.minimum(low + 1, last))
    )
    levels = below + (above - below) * (place - low)
    return np.concatenate([mean, std, levels], axis=-1).reshape(len(channels), -1)
