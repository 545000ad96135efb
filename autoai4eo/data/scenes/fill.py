"""Finds values of a scene that are probably fill, though its files do not declare it.

Such values are read as measurements: only the user knows what they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from autoai4eo.data.raster_files import gdal_name
from autoai4eo.data.scenes.grid import Grid
from autoai4eo.data.scenes.masks import QUALITY
from autoai4eo.data.scenes.rasters import zero_kind
from autoai4eo.data.scenes.stored_bands import StoredBands
from autoai4eo.data.sensors import band
from autoai4eo.data.statistics import FILLS, undeclared_fill

PLACES, SIZE = 4, 64  # 4 × 4 windows of so many pixels are looked at
OF = "of the pixels in 16 windows spread over the scene"
_SOME = 1e-3  # share of zeros in one radar band that is told
_FILES = 3  # that a sentence lists

Fill = tuple[float, float]


def windows(grid: Grid) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Yields 16 small windows, evenly spread: ((first row, end), (column, end))."""
    for row in np.linspace(0, max(0, grid.height - SIZE), PLACES).astype(int):
        for column in np.linspace(0, max(0, grid.width - SIZE), PLACES).astype(int):
            yield (
                (int(row), int(min(row + SIZE, grid.height))),
                (int(column), int(min(column + SIZE, grid.width))),
            )


def find_fill(
    bands: StoredBands, names: Sequence[str], raw: Mapping[str, np.ndarray]
) -> dict[str, Fill]:
    """Returns, for bands with a value that is probably fill, this value and its share.

    See `undeclared_fill`; in radar power also 0, if it is not taken for nodata: other
    radar bands have data there. Bands that are resampled are judged by the pixels of
    their files, since resampling mixes fill with measurements.

    Args:
        bands: of a scene.
        names: of the bands that are read.
        raw: a sample of their stored values on the scene's grid, (n,), finite.
    """
    stored = dict(raw)
    for group in bands.rasters:
        here = [name for name in names if name in group.slots]
        if here and not bands.grid.holds(group.grid):
            read = [group.read(here, group.grid, w).values for w in windows(group.grid)]
            for i, name in enumerate(here):
                values = np.concatenate([one[i].ravel() for one in read])
                stored[name] = values[~np.isnan(values)]
    found = {}
    for name in names:
        values = stored[name]
        if name in QUALITY or not len(values):
            continue
        candidates = {float(values.min()), float(values.max()), *FILLS}
        counts = {c: float(np.count_nonzero(values == c)) for c in candidates}
        value, count = undeclared_fill(values, counts)
        if not count and band(name).quantity in ("decibel", "intensity"):
            value, count = 0.0, float(np.count_nonzero(values == 0))
            count *= _SOME <= count / len(values) < 1
        if count:
            found[name] = (value, count / len(values))
    return found


def has_black_edge(black: np.ndarray, window: Any, grid: Grid) -> bool:
    """Returns whether a window lies at an edge of a scene that is black throughout.

    Args:
        black: which of its pixels are, bool (height, width).
        window: ((first row, end), (first column, end)).
        grid: of the scene.
    """
    (top, bottom), (left, right) = window
    edges = (
        (top == 0, black[:1]),
        (bottom == grid.height, black[-1:]),
        (left == 0, black[:, :1]),
        (right == grid.width, black[:, -1:]),
    )
    return any(is_edge and bool(line.all()) for is_edge, line in edges)


def zeros_are_values(names: Sequence[str]) -> list[str]:
    """Returns the bands, such as colours, in which 0 is a value like others."""
    return [n for n in names if not zero_kind(n) and n not in QUALITY]


def fill_notes(
    scene: str, bands: StoredBands, fill: Mapping[str, Fill], black: float
) -> list[str]:
    """Returns sentences on values that are probably fill, and what to do.

    Args:
        scene: its name.
        bands: of the scene.
        fill: see `find_fill`.
        black: share of pixels, 0 to 1, that are 0 in all bands in which 0 is a value,
            if an edge of the scene is.
    """
    found = []
    for value in dict.fromkeys(value for value, _ in fill.values()):
        shares = {n: share for n, (v, share) in fill.items() if v == value}
        each = ", ".join(f"{n} {share:.1%}" for n, share in shares.items())
        found.append(
            f"{scene}: {value:g}, probably fill that is not declared, in {each} of the "
            f"values in {PLACES**2} windows spread over the scene: it is read as a "
            f"measurement; {_cure(bands, list(shares), value)}"
        )
    if black:
        found.append(
            f"{scene}: {black:.1%} {OF} are 0 in all bands, along an edge of the scene,"
            " and are read as black; if that is a border without data, "
            + _cure(bands, zeros_are_values(list(bands.slots)), 0.0)
        )
    return found


def _cure(bands: StoredBands, names: Sequence[str], value: float) -> str:
    slots = [bands.slots[name] for name in names]
    files = list(dict.fromkeys(gdal_name(slot.path) for slot in slots))
    more = f" and {len(files) - _FILES} more" if len(files) > _FILES else ""
    where = ", ".join(files[:_FILES]) + more
    declared = {slot.source.nodatavals[slot.number - 1] for slot in slots} - {None}
    if declared:
        which = " and ".join(f"{one:g}" for one in sorted(declared))
        return f"write {which}, the declared nodata, in its place in {where}"
    command = f"rio edit-info --nodata {value:.17g} FILE"
    return f"declare it as nodata in {where} ({command}), or write NaN"
