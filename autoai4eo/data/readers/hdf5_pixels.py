"""Reads pixels of an HDF5 file: rows of a data set, in few calls."""

from __future__ import annotations

import math
from itertools import pairwise

import h5py
import numpy as np

from autoai4eo.data.readers import hdf5

SKIP_BYTES = 128 * 1024  # reading so much in vain costs less than another call
RUN_BYTES = 64 * 2**20  # most bytes that are read at once
#: Least number of finite values, and of places, that show whether radar is in decibels.
ENOUGH_VALUES, ENOUGH_PLACES = 4096, 16
PLACE_ROWS = 8


def share_below_zero(data: h5py.Dataset, nodata: np.ndarray, band: int) -> float | None:
    """Returns the share of negative values in a sample of a band's finite values.

    Returns None if it has no finite values.
    """
    count = below = 0
    starts = np.arange(0, len(data), PLACE_ROWS)
    for place, start in enumerate(np.random.default_rng(0).permutation(starts)):
        if place >= ENOUGH_PLACES and count >= ENOUGH_VALUES:
            break
        rows = np.arange(start, min(start + PLACE_ROWS, len(data)))
        values = read_rows(data, rows, nodata)[..., band]
        values = values[np.isfinite(values)]
        count += len(values)
        below += int(np.count_nonzero(values < 0))
    return below / count if count else None


def chunk_rows(data: h5py.Dataset) -> int:
    """Returns the number of rows that are stored together and best read together."""
    # rows stored one by one are also read in blocks
    rows = int(data.chunks[0]) if data.chunks else 2
    sample = data.dtype.itemsize * math.prod(data.shape[1:])
    return max(2, min(rows, RUN_BYTES // max(1, sample)))


def runs(rows: np.ndarray, chunk: int, row_bytes: int) -> list[tuple[int, int]]:
    """Splits sorted rows at gaps where a new read is cheaper than reading the gap."""
    skip = max(chunk, SKIP_BYTES // row_bytes)
    longest = max(1, RUN_BYTES // (row_bytes * chunk)) * chunk
    new = (np.diff(rows) > skip) | (np.diff(rows // longest) > 0)
    edges = [0, *(np.flatnonzero(new) + 1).tolist(), len(rows)]
    return list(pairwise(edges))


def may_be_missing(data: h5py.Dataset, nodata: np.ndarray) -> bool:
    """Whether `read_rows` can return NaN."""
    return bool(data.dtype.kind == "f" or len(nodata))


def read_rows(data: h5py.Dataset, rows: np.ndarray, nodata: np.ndarray) -> np.ndarray:
    """Reads rows of a data set, in its type; float32 with NaN if values are missing."""
    kind = data.dtype.newbyteorder("=")
    if may_be_missing(data, nodata):
        kind = np.dtype(np.float32)
    out = np.empty((len(rows), *data.shape[1:]), kind)
    if len(rows) == 0:
        return out
    row_bytes = data.dtype.itemsize * int(np.prod(data.shape[1:]))
    with hdf5.reading(data, f"samples {rows[0]} to {rows[-1]} of "):
        for start, stop in runs(rows, chunk_rows(data), row_bytes):
            low, high = int(rows[start]), int(rows[stop - 1]) + 1
            if high - low == stop - start and data.dtype == kind:
                _read_run(data, low, out[start:stop])
                found = out[start:stop]
            else:
                found = data[low:high][rows[start:stop] - low]
                out[start:stop] = found
            for values in nodata:
                out[start:stop][found == values] = np.nan
    return out


def _read_run(data: h5py.Dataset, low: int, out: np.ndarray) -> None:
    # like `read_direct`, but without its 0.1 ms of selection in Python
    place = data.id.get_space()
    place.select_hyperslab((low, 0, 0, 0), out.shape)
    data.id.read(h5py.h5s.create_simple(out.shape), place, out)
