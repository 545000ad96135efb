"""Vector files that the tests make: polygons in the pixels of a scene of `scenes`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import scenes
import shapely
from rasterio.warp import transform

Corners = Sequence[tuple[float, float]]


def square(column: float, row: float, size: float) -> list[tuple[float, float]]:
    """The corners of a square, in columns and rows."""
    end_column, end_row = column + size, row + size
    return [(column, row), (end_column, row), (end_column, end_row), (column, end_row)]


def moved(corners: Corners, crs: str = "EPSG:4326") -> np.ndarray:
    """Columns and rows of `scenes.UTM` as coordinates (n, 2)."""
    columns, rows = np.array(corners, float).T
    t = scenes.UTM
    x, y = t.a * columns + t.b * rows + t.c, t.d * columns + t.e * rows + t.f
    return np.stack(transform("EPSG:32630", crs, x.tolist(), y.tolist()), axis=1)


def feature(geometry: Any, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def polygon(corners: Corners, **properties: Any) -> dict[str, Any]:
    """A feature of GeoJSON with a polygon of these columns and rows."""
    ring = moved([*corners, corners[0]]).tolist()
    return feature({"type": "Polygon", "coordinates": [ring]}, **properties)


def point(column: float, row: float, **properties: Any) -> dict[str, Any]:
    where = moved([(column, row)])[0].tolist()
    return feature({"type": "Point", "coordinates": where}, **properties)


def write_geojson(path: Path, features: Iterable[dict[str, Any]]) -> Path:
    content = {"type": "FeatureCollection", "features": list(features)}
    path.write_text(json.dumps(content))
    return path


def write_vectors(
    path: Path,
    polygons: Sequence[tuple[Corners, str]],
    *,
    driver: str,
    crs: str | None,
    field: str = "class",
    **how: Any,
) -> Path:
    """A GeoPackage, shapefile or other of polygons in columns and rows."""
    made = [shapely.Polygon(moved(ring, crs or "EPSG:32630")) for ring, _ in polygons]
    pyogrio.raw.write(
        path,
        geometry=shapely.to_wkb(np.array(made, object)),
        field_data=[np.array([name for _, name in polygons], object)],
        fields=[field],
        crs=crs,
        geometry_type="Polygon",
        driver=driver,
        **how,
    )
    return path


def write_kml(path: Path, folders: dict[str, Sequence[tuple[str, Corners]]]) -> Path:
    """KML with a folder for each key, and placemarks with names in it."""
    parts = []
    for folder, placemarks in folders.items():
        inside = ""
        for name, corners in placemarks:
            ring = moved([*corners, corners[0]]).tolist()
            text = " ".join(f"{x:.9f},{y:.9f},0" for x, y in ring)
            inside += (
                f"<Placemark><name>{name}</name><Polygon><outerBoundaryIs><LinearRing>"
                f"<coordinates>{text}</coordinates></LinearRing></outerBoundaryIs>"
                "</Polygon></Placemark>"
            )
        parts.append(f"<Folder><name>{folder}</name>{inside}</Folder>")
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?><kml xmlns="http://www.opengis.net/kml/'
        f'2.2"><Document><name>areas</name>{"".join(parts)}</Document></kml>'
    )
    return path
