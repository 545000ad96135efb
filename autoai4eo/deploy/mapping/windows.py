"""The pixels of a map, and the windows and tiles that they are computed from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from autoai4eo.data.scenes.window_places import first_pixel

TILE = 512  # scene pixels along the edge of a tile, without overlap of windows


@dataclass(frozen=True)
class Tile:
    """A rectangle of map pixels, and the scene pixels that their windows cover.

    Attributes:
        number: from 0, row by row.
        row, column: its first map pixel.
        rows, columns: its size in map pixels.
        top, left: the first scene pixel of its first window, negative outside of the
            scene.
        height, width: size of what its windows cover, in scene pixels.
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
    """The pixels of a map, each `stride` × `stride` pixels of the scene.

    The class of a map pixel is that of the window centred on it: the window begins at
    the centre of the map pixel minus half the window, rounded down.

    Attributes:
        scene: its height and width in pixels.
        window: height and width of a window.
        stride: edge of a map pixel, in pixels of the scene.
    """

    scene: tuple[int, int]
    window: tuple[int, int]
    stride: int

    @property
    def tags(self) -> dict[str, str]:
        """What the map tells of its windows."""
        return {"WINDOW": "{}x{}".format(*self.window), "STRIDE": str(self.stride)}

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the map; the last ones may reach beyond the scene."""
        height, width = self.scene
        return -(-height // self.stride), -(-width // self.stride)

    @property
    def per_tile(self) -> tuple[int, int]:
        """Rows and columns of a tile; the last tiles may have fewer."""
        rows, columns = self.shape
        return self._part(rows), self._part(columns)

    @property
    def tile_size(self) -> tuple[int, int]:
        """Height and width of what the windows of a tile cover, in scene pixels."""
        height, width = (
            (cells - 1) * self.stride + window
            for cells, window in zip(self.per_tile, self.window, strict=True)
        )
        return height, width

    def _part(self, cells: int) -> int:
        """Divides evenly: a last tile of a few pixels would be mostly overlap."""
        return -(-cells // max(1, round(cells * self.stride / TILE)))

    def first_pixel(self, cell: int, axis: int) -> int:
        """Returns where the window of a map pixel begins, in scene pixels."""
        return first_pixel(cell, self.stride, self.window[axis])

    def tiles(self) -> Iterator[Tile]:
        """Yields the tiles, which cover all map pixels."""
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


def in_swaths(tiles: Iterable[Tile], columns: int) -> list[Tile]:
    """Returns tiles in the order of vertical swaths, row by row in each.

    Args:
        tiles: of one grid.
        columns: how many columns of tiles a swath has.
    """
    tiles = list(tiles)
    starts = sorted({tile.column for tile in tiles})
    swath = {start: i // columns for i, start in enumerate(starts)}
    return sorted(tiles, key=lambda tile: (swath[tile.column], tile.number))


def windows(pixels: np.ndarray, window: tuple[int, int], stride: int) -> np.ndarray:
    """Returns all windows of a tile, a view (rows, columns, height, width, bands).

    Args:
        pixels: (h, w, bands) of a tile.
        window: height and width.
        stride: between windows.
    """
    found = np.lib.stride_tricks.sliding_window_view(pixels, window, axis=(0, 1))
    return np.moveaxis(found[::stride, ::stride], 2, -1)


def valid_cells(valid: np.ndarray, window: tuple[int, int], stride: int) -> np.ndarray:
    """Whether at least half of each window of a tile has data, bool (rows, columns).

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
