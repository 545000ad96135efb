"""Grids of pixels, and the choice of a scene's grid."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from autoai4eo.errors import UserError

_FAR, _POINT = 1e12, 1e-12  # of any unit: no place on the Earth, no pixel
_ALIKE = 1.05  # pixels up to 5 % larger than the finest are as fine


def is_on_earth(crs: Any) -> bool:
    """Whether a coordinate reference system gives places on the Earth."""
    return crs is not None and (crs.is_geographic or crs.is_projected)


@dataclass(frozen=True)
class Grid:
    """Where pixels lie: ``transform`` is from (column, row) to coordinates."""

    crs: Any
    transform: Any
    height: int
    width: int

    @classmethod
    def of(cls, source: Any) -> Grid:
        """The grid of an open raster.

        Raises:
            UserError: its transform gives pixels no place.
        """
        grid = cls(source.crs, source.transform, source.height, source.width)
        t = source.transform
        near = all(abs(number) < _FAR for number in t[:6])  # NaN is not
        if not (near and abs(t.a * t.e - t.b * t.d) > _POINT**2):
            raise UserError(
                f"{source.name}: expected pixels with a place and a size, found the "
                f"transform {', '.join(f'{n:g}' for n in t[:6])}; georeference it anew"
            )
        return grid

    def holds(self, other: Grid) -> bool:
        """Whether the other's pixels are these, to a hundredth of one."""
        size = (other.height, other.width) == (self.height, self.width)
        if not size or other.crs != self.crs:
            return False
        there = np.array(other.transform).reshape(3, 3)
        here = np.array(self.transform).reshape(3, 3)
        corners = np.array([[0, 0, 1], [self.width, 0, 1], [0, self.height, 1]]).T
        off = np.linalg.solve(here, there @ corners) - corners
        return self.crs is None or bool(np.abs(off).max() < 0.01)

    def coarser(self, stride: int) -> Grid:
        """The grid of cells of `stride` × `stride` pixels that covers this one."""
        t = self.transform
        columns, rows = (t.a * stride, t.d * stride), (t.b * stride, t.e * stride)
        return Grid(
            self.crs,
            type(t)(columns[0], rows[0], t.c, columns[1], rows[1], t.f),
            -(-self.height // stride),
            -(-self.width // stride),
        )

    def metres(self) -> float:
        """The longer edge of a pixel, in metres; of a geographic CRS, at the centre.

        Without a CRS on the Earth the coordinates are taken for metres.
        """
        t = self.transform
        if self.crs is not None and self.crs.is_geographic:
            latitude = t.d * self.width / 2 + t.e * self.height / 2 + t.f
            # of a degree on the WGS 84 ellipsoid, to 1 m
            phi = math.radians(latitude)
            x = 111_413 * math.cos(phi) - 94 * math.cos(3 * phi)
            y = 111_133 - 560 * math.cos(2 * phi)
        else:
            projected = self.crs is not None and self.crs.is_projected
            x = y = self.crs.linear_units_factor[1] if projected else 1.0
        return max(math.hypot(t.a * x, t.d * y), math.hypot(t.b * x, t.e * y))


def finest(grids: Mapping[str, Grid]) -> Grid:
    """The grid that a scene takes, whatever the order of its files.

    The one with the smallest pixels in metres. Of those up to 5 % larger than that, a
    projected one goes before a geographic one, then the first name in the alphabet.

    Args:
        grids: by the name of a file's first band.
    """
    smallest = min(grid.metres() for grid in grids.values())
    fine = {n: g for n, g in grids.items() if g.metres() <= _ALIKE * smallest}

    def rank(name: str) -> tuple[bool, str]:
        crs = fine[name].crs
        return (crs is None or not crs.is_projected, name)

    return fine[min(fine, key=rank)]
