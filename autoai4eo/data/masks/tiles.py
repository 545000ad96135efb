"""Tiles: the windows of a scene that are samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autoai4eo.errors import UserError

TILE = 128  # pixels along the edge
_LARGEST = 8192
_RUN_PIXELS = 2**22  # of tiles that are read together


@dataclass(frozen=True)
class Tiles:
    """Tiles of a scene, row by row.

    Attributes:
        places: row and column of the first pixel of each, int64 (n, 2).
        repeated: number of its first rows and first columns that the tile before it
            has as well, int64 (n, 2). They are ignored in its mask, so that no pixel
            counts twice.
    """

    places: np.ndarray
    repeated: np.ndarray


@dataclass(frozen=True)
class TilePlaces:
    """Where tiles lie in their scenes.

    Attributes:
        scenes: a name of the scene of each tile, (n,), unlike those of other data.
        grounds: a name of the ground of each scene, (n,): scenes of several dates of
            one place have the same.
        first: row and column of the first pixel of each, int64 (n, 2).
        once: whether no pixel counts in two tiles, since masks ignore what is repeated.
    """

    scenes: np.ndarray
    grounds: np.ndarray
    first: np.ndarray
    once: bool = False

    def of(self, rows: np.ndarray) -> TilePlaces:
        """Returns the places of some tiles."""
        return TilePlaces(
            self.scenes[rows], self.grounds[rows], self.first[rows], self.once
        )


def check_tile(tile: int, stride: int | None) -> None:
    """Checks the size of tiles.

    Raises:
        UserError: it or the stride is no possible number of pixels.
    """
    for option, number in (("tile", tile), ("tile-stride", stride)):
        if number is not None and not 1 <= number <= _LARGEST:
            raise UserError(
                f"--{option}: expected 1 to {_LARGEST:,}"
                f" pixels, found {number}; {TILE} is usual"
            )
    if stride is not None and stride > tile:
        raise UserError(
            f"--tile-stride: expected at most the tile's {tile} pixels,"
            f" found {stride}, which leaves pixels out; give a smaller one"
        )


def cut(height: int, width: int, tile: int, stride: int | None, scene: str) -> Tiles:
    """Returns the tiles of a scene.

    The last tile of a row or column is shifted so that it lies inside. A scene that is
    smaller than a tile, but at least half as high and wide, has one that extends beyond
    it: the pixels there are reflected at the edge, and ignored in the mask.

    Args:
        height, width: of the scene, in pixels.
        tile: height and width of a tile.
        stride: pixels from tile to tile; None: the tile's size. With a smaller one
            tiles overlap, and pixels count in each of them; see `each_pixel_once`.
        scene: its name, for messages.

    Raises:
        UserError: the scene is smaller than half a tile.
    """
    if 2 * min(height, width) < tile:
        raise UserError(
            f"{scene}: expected a scene of at least half a tile, {-(-tile // 2)} × "
            f"{-(-tile // 2)} pixels, found {height} × {width}; give a smaller "
            "--tile, or leave the scene out"
        )
    rows, rows_before = _along(height, tile, stride)
    columns, columns_before = _along(width, tile, stride)
    return Tiles(_pairs(rows, columns), _pairs(rows_before, columns_before))


def side_by_side(scenes: np.ndarray, first: np.ndarray, tile: int) -> list[np.ndarray]:
    """Returns which tiles are best read together: neighbours in a row of a scene.

    Args:
        scenes: number of the scene of each tile, (n,).
        first: row and column of its first pixel, int64 (n, 2), row by row.
        tile: height and width of a tile.

    Returns:
        Numbers of the tiles of each run, which has at most 4 million pixels.
    """
    new = (np.diff(scenes) != 0) | (np.diff(first[:, 0]) != 0)
    rows = np.split(np.arange(len(first)), np.flatnonzero(new) + 1)
    most = max(1, _RUN_PIXELS // tile**2)
    return [row[i : i + most] for row in rows for i in range(0, len(row), most)]


def _along(length: int, tile: int, stride: int | None) -> tuple[np.ndarray, np.ndarray]:
    if length <= tile:
        return np.zeros(1, np.int64), np.zeros(1, np.int64)
    first = np.arange(0, length - tile + 1, stride or tile, dtype=np.int64)
    if first[-1] != length - tile:
        first = np.append(first, length - tile)
    repeated = np.zeros(len(first), np.int64)
    if stride is None or stride == tile:
        repeated[1:] = np.maximum(0, first[:-1] + tile - first[1:])
    return first, repeated


def _pairs(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
