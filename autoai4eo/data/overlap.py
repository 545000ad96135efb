"""Finds patches that show the same ground: copies, and windows that overlap.

Of all squares of 4 × 4 pixels of a patch some 32 are kept, chosen by a hash of their
content alone, so that two patches that share ground keep the same squares wherever
these lie in them ("winnowing", Schleimer et al. 2003, doi:10.1145/872757.872770). Two
patches overlap if three such squares lie apart by the same shift.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.statistics import BLOCK_BYTES

_SIDE = 4  # of a square, in pixels
_KEPT = 32  # squares of a patch
_AGREE = 3  # squares with one shift that show that two patches overlap
_STEPS = 200  # of rounding, for each standard deviation of a band
_LARGEST = 2.0**60  # of rounded values
_COMMON = 200  # a square that the sought patches have more often tells nothing
#: Most patches that are read; more are drawn at random.
MOST, MOST_OF_OTHER = 20_000, 5_000


@dataclass(frozen=True)
class Overlap:
    """Patches of a data set whose ground another data set shows, too.

    Attributes:
        looked_at: how many patches of the data set were compared.
        among: with how many of the other data set.
        copies: rows that are equal to one of the other after rounding.
        shifted: rows that share a part of their pixels with one of the other.
        example: a row that is shifted, then that of the other; None without one.
    """

    looked_at: int
    among: int
    copies: np.ndarray
    shifted: np.ndarray
    example: tuple[int, int] | None


def overlap(
    dataset: Dataset,
    other: Dataset | None = None,
    seed: int = 0,
    everything: bool = False,
) -> Overlap:
    """Compares the first input of two data sets whose inputs have the same shape.

    Values are rounded to a 200th of their band's standard deviation. Of patches that
    share a quarter 24 of 25 are found, of those that share more nearly all. Of more
    than 5,000 patches of the data set and 20,000 of the other so many are drawn at
    random. Ground without structure (a constant value, no data) is not compared.

    Args:
        dataset: whose patches are sought, such as validation data.
        other: where they are sought, such as training data; None: in the same data,
            each patch in all others.
        seed: of the drawing.
        everything: compares all patches, however many.
    """
    where = dataset if other is None else other
    rng = np.random.default_rng(seed)
    most, most_others = MOST_OF_OTHER, MOST
    if everything:
        most, most_others = len(dataset), len(where)
    rows = _drawn(len(dataset), most, rng)
    others = _drawn(len(where), most_others, rng)
    spec = dataset.inputs[0]
    height, width, bands = spec.shape
    if not len(rows) or not len(others) or min(height, width) < _SIDE:
        nothing = np.empty(0, int)
        return Overlap(len(rows), len(others), nothing, nothing, None)
    step = _step(dataset, rows)
    factors = rng.integers(1, 2**63, (bands + _SIDE**2,), dtype=np.uint64) | np.uint64(
        1
    )
    wanted = [
        np.concatenate(part)
        for part in zip(*_squares(dataset, rows, step, factors), strict=True)
    ]
    order = np.argsort(wanted[0], kind="stable")
    hashes, mine, places = (part[order] for part in wanted)
    pairs = [np.empty((0, 4), int)]
    for found, theirs, at in _squares(where, others, step, factors):
        begin = np.searchsorted(hashes, found, "left")
        number = np.searchsorted(hashes, found, "right") - begin
        number[number > _COMMON] = 0
        again = np.repeat(np.arange(len(found)), number)
        first = np.cumsum(number) - number
        hit = np.arange(len(again)) - first[again] + begin[again]
        shift = places[hit] - at[again]
        both = np.column_stack([mine[hit], theirs[again], shift])
        if other is None:
            both = both[both[:, 0] != both[:, 1]]
        pairs.append(_agreeing(both))
    agreeing = np.concatenate(pairs)
    same = ~agreeing[:, 2:].any(axis=1)
    copies = np.unique(agreeing[same, 0])
    moved = agreeing[~same]
    shifted = np.setdiff1d(moved[:, 0], copies)
    moved = moved[np.isin(moved[:, 0], shifted)]
    example = (int(moved[0, 0]), int(moved[0, 1])) if len(moved) else None
    return Overlap(len(rows), len(others), copies, shifted, example)


def _drawn(number: int, most: int, rng: np.random.Generator) -> np.ndarray:
    if number <= most:
        return np.arange(number)
    return np.sort(rng.choice(number, most, replace=False))


def _step(dataset: Dataset, rows: np.ndarray) -> np.ndarray:
    """What the values of each band are rounded to (bands,)."""
    few = dataset.read(rows[:: max(1, len(rows) // 200)])[dataset.inputs[0].name]
    values = few.reshape(-1, few.shape[-1]).astype(np.float64)
    values[~np.isfinite(values)] = np.nan
    known = np.isfinite(values).any(axis=0)
    step = np.ones(values.shape[1])
    step[known] = np.nanstd(values[:, known], axis=0) / _STEPS
    return np.where(step > 0, step, 1.0)


def _squares(
    dataset: Dataset, rows: np.ndarray, step: np.ndarray, factors: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The kept squares of each block of rows: hash (n,), row (n,), place (n, 2)."""
    name, bands = dataset.inputs[0].name, len(step)
    size = max(1, BLOCK_BYTES // dataset.sample_bytes())
    for begin in range(0, len(rows), size):
        block = rows[begin : begin + size]
        pixels = dataset.read(block)[name]
        rounded = np.clip(pixels / step, -_LARGEST, _LARGEST)
        whole = np.rint(np.nan_to_num(rounded, nan=2 * _LARGEST)).astype(np.int64)
        whole = whole.view(np.uint64)
        each = (whole * factors[:bands]).sum(axis=-1, dtype=np.uint64)
        height, width = (n - _SIDE + 1 for n in each.shape[1:])
        found = np.zeros((len(block), height, width), np.uint64)
        flat = np.ones(found.shape, bool)
        corner = each[:, :height, :width]
        for i in range(_SIDE):
            for j in range(_SIDE):
                part = each[:, i : i + height, j : j + width]
                found += part * factors[bands + _SIDE * i + j]
                flat &= part == corner
        found = _mixed(found)
        share = min(1.0, _KEPT / (height * width))
        kept = (found >> np.uint64(32)) < np.uint64(share * 2**32)
        of, row, column = np.nonzero(kept & ~flat)
        yield found[of, row, column], block[of], np.column_stack([row, column])


def _mixed(values: np.ndarray) -> np.ndarray:
    """Spreads each bit over all others (the finaliser of SplitMix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(values ^ (values >> np.uint64(31)))


def _agreeing(pairs: np.ndarray) -> np.ndarray:
    """The rows (row, row of the other, shift) that occur three times or more."""
    if not len(pairs):
        return pairs
    unlike, number = np.unique(pairs, axis=0, return_counts=True)
    return np.asarray(unlike[number >= _AGREE])
