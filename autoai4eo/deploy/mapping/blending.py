"""Computes a map of pixels from overlapping tiles, blended by a window function.

Tiles of a network that pads are less accurate near their edges, so each pixel is the
mean over the tiles that cover it, weighted by Hann's window (Pielawski and Wählby 2020,
"Introducing Hann windows for reducing edge-effects in patch-based image segmentation",
doi:10.1371/journal.pone.0229839).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace

import numpy as np

from autoai4eo.cost.mapping import tiles_at_once
from autoai4eo.data.scenes.scene import Scene
from autoai4eo.deploy.mapping.layers import MapKind
from autoai4eo.deploy.mapping.sampling import read
from autoai4eo.deploy.mapping.tile_grid import TileGrid
from autoai4eo.deploy.mapping.tile_store import TileStore
from autoai4eo.deploy.mapping.tiles import CACHE, read_ahead
from autoai4eo.deploy.mapping.windows import Tile
from autoai4eo.deploy.predictors.base import Pixels, Predictor
from autoai4eo.log import tracked

_ROW_BYTES = 128 * 2**20  # of the pixels and sums of a row of tiles

#: The pixels of a row of tiles, (h, w, bands) by input, and which are valid, (h, w).
Row = tuple[dict[str, np.ndarray], np.ndarray]
Place = tuple[slice, slice]


def in_bounded_memory(
    grid: TileGrid, scenes: Sequence[Scene], predictor: Predictor
) -> TileGrid:
    """Returns the grid with swaths whose rows of tiles fit into the memory meant.

    Also the blocks of files that a row touches fit into GDAL's cache, so that the row
    below finds those that it shares.
    """
    names = [name for some in predictor.bands.values() for name in some]
    height, width = grid.window
    values = len(scenes) * len(names) + len(predictor.target.classes) + 1

    def fits(columns: int) -> bool:
        across = width + (columns - 1) * grid.columns.step
        blocks = sum(s.block_bytes(height, across, names) for s in scenes)
        return height * across * values * 4 <= _ROW_BYTES and blocks <= CACHE

    number = len(grid.columns.starts)
    most = next((n for n in range(number, 0, -1) if fits(n)), 0)
    # blocks as wide as the scene: narrower swaths would not help
    if not most:
        most = max(1, _ROW_BYTES // (height * grid.columns.step * values * 4))
    swaths = -(-number // min(most, number))
    return replace(grid, per_swath=-(-number // swaths))


def compute_blended(
    predictor: Predictor,
    scenes: Sequence[Scene],
    grid: TileGrid,
    kind: MapKind,
    tiles: TileStore,
    verbose: int,
) -> None:
    """Computes the pieces of a map that the store lacks.

    Weighted sums are kept for one row of tiles: when the row below is begun, the pixels
    above it are final. Pixels with data get outputs, however few a tile has: gaps
    would else have the shape of tiles. Several scenes are averaged like tiles.

    Args:
        predictor: for ``mask``.
        scenes: of the map, on one grid.
        grid: the tiles; see `in_bounded_memory`.
        kind: of the map.
        tiles: the store.
        verbose: 0: prints nothing.

    Raises:
        UserError: a scene cannot be read, or the network fails.
    """
    lacking = tiles.missing(grid.tiles())
    missing = {tile.number for tile in lacking}
    needed = grid.needed(lacking)
    ahead = read_ahead(needed, lambda tile: [read(s, tile, predictor) for s in scenes])
    sums = _Sums(grid, len(predictor.target.classes))
    # closed here also after an error: nothing reads files that are closed then
    with closing(ahead):
        for piece, seasons in tracked(ahead, "mapping", len(needed), verbose):
            sums.move_to(piece)
            for row in seasons:
                for place, found, weights in row_outputs(predictor, grid, piece, row):
                    sums.add(place, found, weights)
            if piece.number in missing:
                tiles.keep(piece, kind.split(sums.means(piece)))


class _Sums:
    """Weighted sums of outputs for the pixels of one row of tiles in a swath."""

    def __init__(self, grid: TileGrid, classes: int) -> None:
        self._size, self._classes = grid.rows.size, classes
        self._row, self._column = 0, -1
        self._total = self._weight = np.zeros(0, np.float32)

    def move_to(self, piece: Tile) -> None:
        """Drops what is above a piece; forgets all at the beginning of a swath."""
        if piece.column != self._column:
            shape = (self._size, piece.columns)
            self._total = np.zeros((*shape, self._classes), np.float32)
            self._weight = np.zeros(shape, np.float32)
        else:
            done = min(piece.row - self._row, self._size)
            for array in (self._total, self._weight):
                array[: self._size - done] = array[done:]
                array[self._size - done :] = 0
        self._row, self._column = piece.row, piece.column

    def add(self, place: Place, outputs: np.ndarray, weights: np.ndarray) -> None:
        """Adds outputs (h, w, classes) with weights (h, w) at a place in the row."""
        known = weights > 0  # elsewhere an output may be NaN
        weighted = np.where(known[..., None], outputs * weights[..., None], 0)
        self._total[place] += weighted
        self._weight[place] += weights

    def means(self, piece: Tile) -> np.ndarray:
        """Returns the means (rows, columns, classes) of a piece, NaN without data."""
        weight = self._weight[: piece.rows, :, None]
        known = weight > 0
        divisor = np.where(known, weight, 1)
        return np.where(known, self._total[: piece.rows] / divisor, np.float32(np.nan))


def row_outputs(
    predictor: Predictor, grid: TileGrid, piece: Tile, row: Row
) -> Iterator[tuple[Place, np.ndarray, np.ndarray]]:
    """Predicts for the row of tiles that begins with a piece.

    Args:
        predictor: for ``mask``.
        grid: the tiles.
        piece: of the map.
        row: pixels of the scene that the tiles cover, as the piece says.

    Yields:
        For each tile its place from the piece's first pixel on, as far as it is in the
        swath, its outputs (h, w, classes) there and their weights (h, w).
    """
    pixels, valid = row
    rows, columns = grid.rows, grid.columns
    known = valid[rows.margin : rows.margin + rows.size]
    wanted = []
    for start in grid.tiles_of_row(piece):
        left = start - columns.margin - piece.left
        here = known[:, left + columns.margin :][:, : columns.size]
        if here.any():
            wanted.append((start - piece.column, left, here))
    views = [
        {
            name: values[:, left : left + columns.window]
            for name, values in pixels.items()
        }
        for _, left, _ in wanted
    ]
    size = min(tiles_at_once(grid.window), len(columns.starts))
    outputs = predicted(predictor, views, size)
    weights = rows.weights[:, None] * columns.weights
    for (at, _, here), found in zip(wanted, outputs, strict=True):
        begin, end = max(0, at), min(piece.columns, at + columns.size)
        part = np.s_[:, begin - at : end - at]
        yield np.s_[:, begin:end], found[part], np.where(here, weights, 0)[part]


def predicted(
    predictor: Predictor, windows: Sequence[Pixels], size: int
) -> Iterator[np.ndarray]:
    """Yields the outputs for each window, in batches of one size.

    Args:
        predictor: for ``mask``.
        windows: (height, width, bands) by input.
        size: of a batch.
    """
    for first in range(0, len(windows), size):
        some = list(windows[first : first + size])
        # padded: a batch of another size would compile the network again
        full = some + some[-1:] * (size - len(some))
        batch = {name: np.stack([one[name] for one in full]) for name in full[0]}
        yield from predictor.predict(batch)[: len(some)]
