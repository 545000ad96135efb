"""The overlapping tiles of a map that has a class for each pixel of the scene."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from autoai4eo.deploy.mapping.windows import Tile


@dataclass(frozen=True)
class Axis:
    """The tiles along one axis of a scene, in pixels.

    Attributes:
        length: of the scene.
        window: what the network takes.
        size: what it predicts, in the centre of the window.
        step: from one tile to the next; at most `size`.
        period: of an unpadded network, see `unpadded_period`; None: of others. The last
            tile ends where the scene does, and overlaps the one before more; with a
            period up to that less one beyond, so that it starts at a multiple of it.
    """

    length: int
    window: int
    size: int
    step: int
    period: int | None

    @property
    def margin(self) -> int:
        """Pixels of a window on either side of those that it predicts."""
        return (self.window - self.size) // 2

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """The first pixel that each tile predicts."""
        number = 1 + max(0, -(-(self.length - self.size) // self.step))
        return tuple(min(i * self.step, self.last) for i in range(number))

    @property
    def last(self) -> int:
        """Where the last tile starts."""
        period = self.period or 1
        return -(-max(0, self.length - self.size) // period) * period

    def strip(self, first: int, last: int | None = None) -> tuple[int, int]:
        """Returns the pixels from the start of a tile to the start after `last`.

        Args:
            first: number of a tile.
            last: number of another; None: the same.
        """
        after = (first if last is None else last) + 1
        more = after < len(self.starts)
        return self.starts[first], self.starts[after] if more else self.length

    def covering(self, strip: tuple[int, int]) -> list[int]:
        """Returns the numbers of the tiles that predict any of these pixels."""
        begin, end = strip
        return [
            i for i, s in enumerate(self.starts) if s < end and s + self.size > begin
        ]

    @property
    def borders(self) -> list[int]:
        """Where tiles begin and end inside of the scene: pixels left of the border."""
        found = {edge for s in self.starts for edge in (s, s + self.size)}
        return sorted(edge for edge in found if 0 < edge < self.length)

    @cached_property
    def weights(self) -> np.ndarray:
        """The weight of each predicted pixel, float32 (size,).

        It is Hann's window, sin² of the distance from the tile's edge. Tiles that
        overlap by half then add up to 1. Unpadded tiles agree, so all weigh 1.
        """
        if self.period:
            return np.ones(self.size, np.float32)
        where = (np.arange(self.size) + 0.5) / self.size
        return np.asarray(np.sin(np.pi * where) ** 2, np.float32)


@dataclass(frozen=True)
class TileGrid:
    """The tiles of a map whose pixels are those of the scene.

    The map is computed in pieces, each from the rows of tiles that reach into it: a
    piece extends from where one row of tiles starts to where the next does, and over
    the width of a swath.

    Attributes:
        rows, columns: the tiles along each axis.
        per_swath: columns of tiles that start in a swath.
        overlap: of neighbouring tiles, as a share of their size.
    """

    rows: Axis
    columns: Axis
    per_swath: int
    overlap: float

    stride = 1

    @property
    def window(self) -> tuple[int, int]:
        """Height and width of what the network takes."""
        return self.rows.window, self.columns.window

    @property
    def tags(self) -> dict[str, str]:
        """What the map tells of its tiles."""
        size = f"{self.rows.window}x{self.columns.window}"
        return {"WINDOW": size, "STRIDE": "1", "OVERLAP": f"{self.overlap:g}"}

    @property
    def swaths(self) -> int:
        """How many swaths there are."""
        return -(-len(self.columns.starts) // self.per_swath)

    def columns_of(self, swath: int) -> tuple[int, int]:
        """Returns the first pixel of a swath, and the one after its last."""
        first = swath * self.per_swath
        last = min(first + self.per_swath, len(self.columns.starts)) - 1
        return self.columns.strip(first, last)

    def tiles(self) -> Iterator[Tile]:
        """Yields the pieces of the map, row by row, and the scene that each row covers.

        The scene pixels are those of one row of tiles, the last that a piece needs.
        """
        number = 0
        for row in range(len(self.rows.starts)):
            for swath in range(self.swaths):
                yield self.piece(number, row, swath)
                number += 1

    def piece(self, number: int, row: int, swath: int) -> Tile:
        """Returns a piece; see `tiles`."""
        top, bottom = self.rows.strip(row)
        left, right = self.columns_of(swath)
        covering = self.columns.covering((left, right))
        first, last = (self.columns.starts[covering[i]] for i in (0, -1))
        return Tile(
            number,
            top,
            left,
            bottom - top,
            right - left,
            top - self.rows.margin,
            first - self.columns.margin,
            self.rows.window,
            last - first + self.columns.window,
        )

    def tiles_of_row(self, piece: Tile) -> list[int]:
        """Returns where each tile of a piece's row starts, in columns of the scene."""
        strip = (piece.column, piece.column + piece.columns)
        return [self.columns.starts[i] for i in self.columns.covering(strip)]

    def needed(self, missing: Sequence[Tile]) -> list[Tile]:
        """Returns the pieces whose rows of tiles reach into missing pieces.

        They are in the order of swaths, from top to bottom in each.
        """
        pieces = list(self.tiles())
        found: set[int] = set()
        for tile in missing:
            row, swath = divmod(tile.number, self.swaths)
            reach = self.rows.covering(self.rows.strip(row))
            found.update(i * self.swaths + swath for i in reach)
        return sorted((pieces[i] for i in found), key=lambda t: (t.column, t.row))


def tile_grid(
    scene: tuple[int, int],
    window: tuple[int, int],
    size: tuple[int, int],
    overlap: float,
    period: int | None,
) -> TileGrid:
    """Returns the tiles of a scene, in one swath.

    Args:
        scene: height and width.
        window: height and width of what the network takes.
        size: height and width of what it predicts.
        overlap: share of a tile that the next one covers, too; 0 to below 1.
        period: of an unpadded network, see `unpadded_period`; None: of others.
    """
    axes = []
    for length, taken, given in zip(scene, window, size, strict=True):
        step = max(1, round(given * (1 - overlap)))
        if period is not None:
            step = max(period, step // period * period)
        axes.append(Axis(length, taken, given, step, period))
    rows, columns = axes
    return TileGrid(rows, columns, len(columns.starts), overlap)
