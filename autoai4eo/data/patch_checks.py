"""Looks at each patch of a data set once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.statistics import BLOCK_BYTES

#: A patch whose reflectance differs from the usual one by more than this factor has
#: another unit.
_TIMES = 200
_BACKSCATTER = ("decibel", "intensity")
_MEASURED = 0.1  # of the pixels of a patch that is judged
_FILL = 65535.0  # undeclared, see `FILLS`


@dataclass(frozen=True)
class Looked:
    """What each patch of a data set is like.

    Attributes:
        prints: a hash of all its pixels, uint64 (N,); a patch without a valid pixel has
            one of its own, so that it is no copy.
        zero: by input, how many patches are zero throughout.
        empty: how many patches have no valid pixel.
        radar: by input with decibels or intensity, the share of negative values in each
            patch, (N,); NaN without a finite value.
        odd: by input with reflectance, the rows of patches whose reflectance (the mean
            of what is above 0) is over 200 times larger or smaller than that of
            most.
    """

    prints: np.ndarray
    zero: dict[str, int]
    empty: int
    odd: dict[str, np.ndarray]
    radar: dict[str, np.ndarray]


def look(dataset: Dataset) -> Looked:
    """Reads a data set once, in blocks."""
    empty = 0
    prints = np.empty(len(dataset), dtype=np.uint64)
    zero = {spec.name: 0 for spec in dataset.inputs}
    measured = {
        spec.name: [i for i, b in enumerate(spec.bands) if b.quantity == "reflectance"]
        for spec in dataset.inputs
    }
    usual = {n: np.zeros(len(dataset)) for n, bands in measured.items() if bands}
    backscatter = {
        spec.name: [i for i, b in enumerate(spec.bands) if b.quantity in _BACKSCATTER]
        for spec in dataset.inputs
    }
    radar = {n: np.zeros(len(dataset)) for n, bands in backscatter.items() if bands}
    for block in dataset.blocks(max(1, BLOCK_BYTES // dataset.sample_bytes())):
        pixels = dataset.read(block)
        for name, values in pixels.items():
            zero[name] += int((~values.any(axis=(1, 2, 3))).sum())
        for name, found in usual.items():
            values = pixels[name][..., measured[name]]
            known = np.isfinite(values) & (values > 0) & (values != _FILL)
            total = np.where(known, values, 0).sum(axis=(1, 2, 3), dtype=float)
            number = known.sum(axis=(1, 2, 3))
            enough = number > _MEASURED * values[0].size
            found[block] = np.where(enough, total / np.maximum(number, 1), 0)
        for name, found in radar.items():
            values = pixels[name][..., backscatter[name]].reshape(len(block), -1)
            number = np.isfinite(values).sum(axis=1)
            below = (values < 0).sum(axis=1) / np.maximum(number, 1)
            found[block] = np.where(number > 0, below, np.nan)
        for i, index in enumerate(block):
            digest = hashlib.blake2b(digest_size=8)
            for values in pixels.values():
                digest.update(np.ascontiguousarray(values[i]).data)
            if not any(np.isfinite(values[i]).any() for values in pixels.values()):
                empty += 1
                digest.update(f"{dataset.path} {index}".encode(errors="replace"))
            prints[index] = int.from_bytes(digest.digest(), "little")
    odd = {name: _odd(values) for name, values in usual.items()}
    return Looked(
        prints, zero, empty, {n: rows for n, rows in odd.items() if len(rows)}, radar
    )


def _odd(levels: np.ndarray) -> np.ndarray:
    known = levels > 0
    if not known.any():
        return np.empty(0, int)
    usual = np.median(levels[known])
    far = (levels > _TIMES * usual) | (levels < usual / _TIMES)
    return np.flatnonzero(known & far)
