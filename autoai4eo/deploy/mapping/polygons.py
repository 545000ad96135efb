"""Writes a map of classes as polygons: one for each connected area of a class."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autoai4eo.data.scenes.grid import Grid
from autoai4eo.deploy.mapping.connected import Area, Joined, Strip
from autoai4eo.deploy.mapping.pixel_areas import pixel_areas
from autoai4eo.deploy.mapping.products import (
    MadeMap,
    check_on_earth,
    check_product,
)
from autoai4eo.deploy.mapping.strip_polygons import strip_polygons
from autoai4eo.deploy.mapping.strips import strips
from autoai4eo.deploy.predictors.base import Predictor
from autoai4eo.deploy.vectors import check_vector_path, vectors
from autoai4eo.errors import UserError
from autoai4eo.text import line

_FIELDS = ("class", "value", "area_m2", "confidence")


@dataclass(frozen=True)
class Polygons:
    """Where a map's polygons go, and which.

    Attributes:
        path: of the GeoPackage.
        tolerance: of their simplification, in units of the map's CRS; 0: none.
        min_area: in square metres; smaller areas are left out.
    """

    path: Path
    tolerance: float = 0.0
    min_area: float = 0.0

    def check(self, predictor: Predictor, overwrite: bool) -> None:
        """Checks whether they can be made, before the map is.

        Raises:
            UserError: an option is wrong, the map has no classes, packages are missing,
                or the file cannot be written.
        """
        try:
            import pyogrio  # noqa: F401
            import shapely  # noqa: F401
        except ImportError as cause:
            raise UserError(
                f"polygons: expected pyogrio and shapely to write them, found that "
                f"{cause.name} is not installed; `pip install 'autoai4eo[vectors]'`, "
                "and rerun"
            ) from cause
        for name in ("tolerance", "min_area"):
            if not 0 <= getattr(self, name) < np.inf:
                raise UserError(
                    f"{name}: expected a number from 0, got {getattr(self, name):g}"
                )
        check_product(self.path, "polygons", (".gpkg",), predictor, overwrite)
        check_vector_path(self.path)

    def check_place(self, grid: Grid) -> None:
        """Checks that the map's pixels have an area, and the tolerance is of its unit.

        Raises:
            UserError: the scene has no coordinate reference system, or the tolerance is
                wider than the map.
        """
        check_on_earth(grid, "polygons")
        transform = grid.transform
        width = min(
            grid.width * math.hypot(transform.a, transform.d),
            grid.height * math.hypot(transform.b, transform.e),
        )
        if self.tolerance >= width:
            raise UserError(
                "tolerance: expected less than the map's shorter side, "
                f"{width:.3g} in units of its coordinate reference system, found "
                f"{self.tolerance:g}; of a scene in degrees give degrees: 0.0001 is "
                "about 10 m"
            )

    def write(self, made: MadeMap, path: Path) -> int:
        """Writes the polygons of a finished map.

        The map is read in strips. Beside the polygons of one strip, only those of areas
        that reach into the next one are in memory.

        Args:
            made: the map.
            path: where they are written.

        Returns:
            How many there are.
        """
        import rasterio

        number = 0
        with rasterio.open(made.path) as file:
            grid = Grid.of(file)
            joined = Joined()
            self._append(path, [], grid, made.classes)
            for strip in _strips(made.path, made.confidence, grid):
                shapes = strip_polygons(
                    strip.labels,
                    strip.values,
                    self._wanted(strip),
                    self.tolerance / _edge(grid),
                    strip.first,
                )
                done = [a for a in joined.add(strip, shapes) if a.size >= self.min_area]
                self._append(path, done, grid, made.classes)
                number += len(done)
        return number

    def _wanted(self, strip: Strip) -> np.ndarray:
        """Whether each connected area is large enough, or may reach elsewhere."""
        return strip.at_edge | (strip.sizes >= self.min_area)

    def _append(
        self, path: Path, areas: Sequence[Area], grid: Grid, classes: Sequence[str]
    ) -> None:
        import pyogrio
        import shapely

        t = np.array(grid.transform).reshape(3, 3)
        shapes = np.array([area.polygon() for area in areas], object)
        placed = shapely.transform(shapes, lambda xy: xy @ t[:2, :2].T + t[:2, 2])
        fields = [
            np.array([line(classes[area.value - 1]) for area in areas], object),
            np.array([area.value for area in areas], np.int32),
            np.array([area.size for area in areas], np.float64),
            np.array([area.confidence for area in areas], np.float64),
        ]
        with vectors():
            pyogrio.raw.write(
                path,
                geometry=shapely.to_wkb(placed),
                field_data=fields,
                fields=list(_FIELDS),
                layer=self.path.stem,
                crs=grid.crs.to_wkt(),
                geometry_type="Polygon",
                driver="GPKG",
                append=path.exists(),
            )


def _edge(grid: Grid) -> float:
    """The edge of a square as large as a pixel, in units of the CRS."""
    t = grid.transform
    return float(np.sqrt(abs(t.a * t.e - t.b * t.d)))


def _strips(out: Path, confidence: Path, grid: Grid) -> Iterator[Strip]:
    import rasterio

    with rasterio.open(out) as one, rasterio.open(confidence) as other:
        for window in strips(grid.height, grid.width):
            first, last = window.row_off, window.row_off + window.height
            yield Strip.of(
                one.read(1, window=window),
                other.read(1, window=window),
                pixel_areas(grid, first, last),
                first,
                last == grid.height,
            )
