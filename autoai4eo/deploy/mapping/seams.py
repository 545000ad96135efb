"""Measures the seams of a map: what is wrong along the borders of its tiles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from autoai4eo.data.scenes.scene import Scene
from autoai4eo.deploy.mapping.blending import predicted
from autoai4eo.deploy.mapping.tile_grid import Axis, TileGrid
from autoai4eo.deploy.mapping.tile_store import TileStore
from autoai4eo.deploy.predictors.base import Predictor

NEAR = 8  # pixels from a border
_PLACES = 16  # borders that a map is looked at


@dataclass(frozen=True)
class Seams:
    """In how many pixels two maps of classes disagree near borders, and elsewhere.

    Attributes:
        near: pixels within `NEAR` of a border that both maps have.
        near_differing: those of them with different classes.
        far, far_differing: the same elsewhere.
    """

    near: int = 0
    near_differing: int = 0
    far: int = 0
    far_differing: int = 0

    def __add__(self, other: Seams) -> Seams:
        return Seams(
            self.near + other.near,
            self.near_differing + other.near_differing,
            self.far + other.far,
            self.far_differing + other.far_differing,
        )

    @property
    def at_borders(self) -> float | None:
        """Share of pixels near borders that differ; None without any."""
        return self.near_differing / self.near if self.near else None

    @property
    def elsewhere(self) -> float | None:
        """Share of the other pixels that differ; None without any."""
        return self.far_differing / self.far if self.far else None

    @property
    def tags(self) -> dict[str, str]:
        """The shares that are known, as a map tells them."""
        shares = {
            "SEAM_DISAGREEMENT": self.at_borders,
            "ELSEWHERE_DISAGREEMENT": self.elsewhere,
        }
        return {k: f"{share:.5f}" for k, share in shares.items() if share is not None}

    def __str__(self) -> str:
        """The shares as a sentence, if there are pixels near borders."""
        if self.at_borders is None:
            return "no pixel near a border of tiles has a class"
        far = (
            "no pixel lies elsewhere"
            if self.elsewhere is None
            else f"{self.elsewhere:.2%} elsewhere"
        )
        return (
            "classes differ from tiles laid across tile borders in "
            f"{self.at_borders:.2%} of the pixels within {NEAR} pixels of a border, "
            f"{far}"
        )


def seams(
    classes: np.ndarray,
    reference: np.ndarray,
    rows: Sequence[int],
    columns: Sequence[int],
) -> Seams:
    """Compares a map with a reference near the borders of its tiles, and elsewhere.

    Args:
        classes: of the map, (height, width); 0 where there is none.
        reference: the same from a network that saw no borders there.
        rows: where borders between rows are, in pixels from the first row.
        columns: where borders between columns are.
    """
    near = np.zeros(classes.shape, bool)
    for border in rows:
        near[max(0, border - NEAR) : max(0, border + NEAR)] = True
    for border in columns:
        near[:, max(0, border - NEAR) : max(0, border + NEAR)] = True
    known = (classes > 0) & (reference > 0)
    differ = known & (classes != reference)
    return Seams(
        *(int(np.count_nonzero(x)) for x in (known & near, differ & near)),
        *(int(np.count_nonzero(x)) for x in (known & ~near, differ & ~near)),
    )


def measured_seams(
    predictor: Predictor, scenes: Sequence[Scene], grid: TileGrid, tiles: TileStore
) -> Seams | None:
    """Compares a map with tiles laid across its borders, in the middle half of them.

    There such a tile is far from its own edge. Its centre is an eighth of a tile beside
    the border: tiles that overlap by half have their centres on the borders of others.
    Up to 16 places are drawn by chance, always the same for one grid.

    Args:
        predictor: that made the map.
        scenes: of the map.
        grid: of the map.
        tiles: all pieces of the map.

    Returns:
        What was found; None if the map has no borders, or no data at those drawn.

    Raises:
        UserError: a piece was removed meanwhile, or the network fails.
    """
    tiles.wait()
    found = Seams()
    for top, left in _places(grid):
        reference = _classes(predictor, scenes, grid, top, left)
        down, across = grid.rows.size // 4, grid.columns.size // 4
        middle = np.s_[
            down : grid.rows.size - down, across : grid.columns.size - across
        ]
        seen = reference[middle]
        first_row, first_column = top + down, left + across
        found += seams(
            _piecewise(grid, tiles, first_row, first_column, seen.shape),
            seen,
            [border - first_row for border in grid.rows.borders],
            [border - first_column for border in grid.columns.borders],
        )
    return found if found.near else None


def _places(grid: TileGrid) -> Iterator[tuple[int, int]]:
    """Yields the first pixels of tiles that lie across borders."""
    axes = grid.rows, grid.columns
    borders = [axis.borders for axis in axes]
    if not any(borders):
        return
    # where one axis has no border, its only tile
    crossings = [(r, c) for r in borders[0] or [0] for c in borders[1] or [0]]
    rng = np.random.default_rng(0)
    for i in rng.permutation(len(crossings))[:_PLACES]:
        row, column = (
            _across(axis, border)
            for axis, border in zip(axes, crossings[i], strict=True)
        )
        yield row, column


def _across(axis: Axis, border: int) -> int:
    """Returns where a tile begins whose centre is an eighth of it after a border."""
    period = axis.period or 1
    first = border - axis.size * 3 // 8 // period * period
    return int(np.clip(first, 0, axis.last))


def _classes(
    predictor: Predictor, scenes: Sequence[Scene], grid: TileGrid, top: int, left: int
) -> np.ndarray:
    """Returns the classes of one tile, (rows, columns), from 1; 0 without data."""
    size = grid.rows.size, grid.columns.size
    margin = grid.rows.margin, grid.columns.margin
    total = np.zeros((*size, len(predictor.target.classes)), np.float32)
    number = np.zeros(size, np.int64)
    for scene in scenes:
        pixels, valid = scene.read(
            top - margin[0], left - margin[1], *grid.window, predictor.bands
        )
        known = valid[margin[0] :, margin[1] :][: size[0], : size[1]]
        if known.any():
            (outputs,) = predicted(predictor, [pixels], 1)
            total[known] += outputs[known]
            number += known
    return np.where(number > 0, total.argmax(axis=-1) + 1, 0)


def _piecewise(
    grid: TileGrid, tiles: TileStore, row: int, column: int, shape: tuple[int, ...]
) -> np.ndarray:
    """Returns the classes of a part of the map from the pieces that it lies in."""
    found = np.zeros(shape, np.uint8)
    for piece in grid.tiles():
        top, left = max(row, piece.row), max(column, piece.column)
        bottom = min(row + shape[0], piece.row + piece.rows)
        right = min(column + shape[1], piece.column + piece.columns)
        if top < bottom and left < right:
            classes = tiles.read(piece)["class"]
            found[top - row : bottom - row, left - column : right - column] = classes[
                top - piece.row : bottom - piece.row,
                left - piece.column : right - piece.column,
            ]
    return found
