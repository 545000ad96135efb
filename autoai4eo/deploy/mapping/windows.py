"""The cells of a map, and the windows and tiles that they are computed from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

TILE = 512  # pixels along the edge of a tile, without what its windows overlap


@dataclass(frozen=True)
class Tile:
    """Some rows and columns of cells, and the pixels that their windows cover.

    Attributes:
        number: from 0, row by row.
        row, column: its first cell.
        rows, columns: how many cells.
        top, left: the first pixel of its first window, negative outside of the scene.
        height, width: pixels that all its windows cover.
    """

    number: int
    row: int
    column: int
    rows: int
    columns: int
    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True)
class WindowGrid:
    """A map of cells of `stride` × `stride` pixels that covers a scene.

    A cell's class is that of the window centred on it: the window's first pixel is the
    cell's centre minus half the window, rounded down.

    Attributes:
        scene: its height and width in pixels.
        window: height and width of a window.
        stride: of a cell, in pixels.
    """

    scene: tuple[int, int]
    window: tuple[int, int]
    stride: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of cells; the last of each may reach over the scene."""
        height, width = self.scene
        return -(-height // self.stride), -(-width // self.stride)

    @property
    def per_tile(self) -> tuple[int, int]:
        """Rows and columns of cells in a tile; the last of each may have fewer."""
        rows, columns = self.shape
        return self._part(rows), self._part(columns)

    def _part(self, cells: int) -> int:
        """Tiles alike: a last one of a few cells would be mostly overlap."""
        return -(-cells // max(1, round(cells * self.stride / TILE)))

    def first_pixel(self, cell: int, axis: int) -> int:
        """Where the window of a cell begins."""
        return (2 * cell * self.stride + self.stride - self.window[axis]) // 2

    def tiles(self) -> Iterator[Tile]:
        """All cells, tile by tile."""
        number = 0
        height, width = self.window
        most_rows, most_columns = self.per_tile
        for row in range(0, self.shape[0], most_rows):
            rows = min(most_rows, self.shape[0] - row)
            for column in range(0, self.shape[1], most_columns):
                columns = min(most_columns, self.shape[1] - column)
                yield Tile(
                    number,
                    row,
                    column,
                    rows,
                    columns,
                    self.first_pixel(row, 0),
                    self.first_pixel(column, 1),
                    (rows - 1) * self.stride + height,
                    (columns - 1) * self.stride + width,
                )
                number += 1


def windows(pixels: np.ndarray, window: tuple[int, int], stride: int) -> np.ndarray:
    """All windows of a tile as a view, (rows, columns, height, width, bands).

    Args:
        pixels: (h, w, bands) of a tile.
        window: height and width.
        stride: between windows.
    """
    found = np.lib.stride_tricks.sliding_window_view(pixels, window, axis=(0, 1))
    return np.moveaxis(found[::stride, ::stride], 2, -1)


def valid_cells(valid: np.ndarray, window: tuple[int, int], stride: int) -> np.ndarray:
    """The cells of a tile at least half of whose window has data, bool (rows, columns).

    Args:
        valid: which pixels of the tile have data, bool (h, w).
        window: height and width.
        stride: between windows.
    """
    height, width = window
    total = np.zeros((valid.shape[0] + 1, valid.shape[1] + 1), np.int64)
    total[1:, 1:] = valid.cumsum(axis=0).cumsum(axis=1)
    inside = (
        total[height:, width:]
        - total[:-height, width:]
        - total[height:, :-width]
        + total[:-height, :-width]
    )[::stride, ::stride]
    return np.asarray(2 * inside >= height * width)
