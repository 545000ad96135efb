"""Areas with a class: the polygons and points of a vector file, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.data.polygons.class_fields import classes_of
from autoai4eo.data.polygons.vector_files import Features, read_features
from autoai4eo.errors import UserError, warn

_LISTED = 3  # invalid features that a message describes


@dataclass(frozen=True)
class Areas:
    """Polygons and points of a vector file.

    Attributes:
        path: of the file.
        crs: rasterio's CRS of the coordinates.
        class_names: names of the classes.
        names: of each area: the number of its feature in the file, from 1; of a feature
            with several parts ``"12.2"`` for the second.
        classes: class number of each area, int64 (N,).
        geometries: of each area, a polygon or a point of shapely, object (N,).
    """

    path: Path
    crs: Any
    class_names: tuple[str, ...]
    names: np.ndarray
    classes: np.ndarray
    geometries: np.ndarray


def read_areas(
    path: str | Path,
    field: str | None = None,
    *,
    layer: str | None = None,
    crs: str | None = None,
    lcz: bool | None = None,
    repair: bool = False,
    reference: bool = False,
) -> Areas:
    """Reads the polygons and points of a vector file, with their classes.

    Args:
        path: KML, KMZ, GeoJSON, GeoPackage or a shapefile.
        field: that holds the class; None: see `classes_of`.
        layer: name of a layer, or of a folder of KML.
        crs: what the coordinates refer to; None: as the file says.
        lcz: see `classes_of`.
        repair: whether polygons that cross themselves are made valid.
        reference: see `classes_of`.

    Raises:
        UserError: see `read_features` and `classes_of`; a geometry is invalid, or is a
            line; the coordinate reference system is not known.

    Warns:
        AutoAI4EOWarning: what was chosen, left out or repaired.
    """
    features = read_features(Path(path), layer)
    found_crs = _crs(features, crs)
    classes = classes_of(features, field, lcz, reference)
    told = list(classes.told)
    rows = np.flatnonzero(classes.numbers >= 0)
    found = _geometries(features, rows, repair, told)
    names: list[str] = []
    numbers: list[int] = []
    geometries: list[Any] = []
    for row, geometry in zip(rows.tolist(), found, strict=True):
        parts = _parts(features, row, geometry)
        for i, part in enumerate(parts, start=1):
            names.append(f"{row + 1}.{i}" if len(parts) > 1 else f"{row + 1}")
            numbers.append(int(classes.numbers[row]))
            geometries.append(part)
    if empty := sum(geometry is None for geometry in found):
        told.append(
            f"{features.path}: {empty} of {len(found)} features have no geometry, and "
            "are left out"
        )
    for sentence in told:
        warn(sentence)
    if len(set(numbers)) < (1 if reference else 2):
        raise UserError(
            f"{features.path}: expected polygons or points of "
            f"{'a class' if reference else 'two classes'} or more, found "
            f"{len(geometries)} of {len(set(numbers))}; draw more"
        )
    areas = Areas(
        features.path,
        found_crs,
        classes.names,
        np.array(names),
        np.array(numbers, np.int64),
        _objects(geometries),
    )
    _check_degrees(areas, features.crs if crs is not None else None)
    return areas


def _crs(features: Features, given: str | None) -> Any:
    import rasterio
    from rasterio.crs import CRS
    from rasterio.warp import transform

    told = given if given is not None else features.crs
    if told is None:
        raise UserError(
            f"{features.path}: expected a coordinate reference system, found none (a "
            "shapefile has it in its .prj); name it with --labels-crs, such as "
            "EPSG:4326"
        )
    try:
        with rasterio.Env():  # else PROJ writes its errors to the terminal
            crs = CRS.from_user_input(told)
            on_earth = crs.is_geographic or crs.is_projected
            # one of another body, such as Mars, cannot be converted
            transform(CRS.from_epsg(4326), crs, [0.0], [0.0])
    except Exception as cause:  # PROJ's errors have no common class
        raise UserError(
            f"{features.path}: expected a coordinate reference system that PROJ knows, "
            f"found {told[:60]} ({cause}); name it with --labels-crs, such as EPSG:4326"
        ) from None
    if not on_earth:
        raise UserError(
            f"{features.path}: expected coordinates on the Earth, found {told[:60]}; "
            "name their system with --labels-crs, such as EPSG:4326"
        )
    return crs


def _geometries(
    features: Features, rows: np.ndarray, repair: bool, told: list[str]
) -> list[Any]:
    """Returns the valid geometry of each of these features; None: it has none."""
    import shapely

    found: list[Any] = []
    invalid: list[str] = []
    for row in rows:
        wkb = features.wkb[row]
        if wkb is None:
            found.append(None)
            continue
        geometry = shapely.from_wkb(wkb, on_invalid="ignore")
        why = _fault(geometry)
        if why and repair:
            geometry = shapely.from_wkb(wkb, on_invalid="fix")
            if geometry is not None:
                geometry = shapely.make_valid(geometry)
            left = _fault(geometry)
            if not left:
                told.append(f"{features.path}: feature {row + 1} is repaired ({why})")
            why = left
        if why:
            invalid.append(f"feature {row + 1} ({why})")
        found.append(None if why or geometry.is_empty else geometry)
    if invalid:
        more = f" and {len(invalid) - _LISTED} more" if len(invalid) > _LISTED else ""
        advice = "correct them" if repair else "correct them, or give --repair"
        raise UserError(
            f"{features.path}: expected valid geometries, found that of "
            f"{', '.join(invalid[:_LISTED])}{more} invalid; {advice}"
        )
    return found


def _fault(geometry: Any) -> str:
    """Returns what is wrong with a geometry; empty if nothing is."""
    import shapely

    if geometry is None:
        return "a ring that is not closed, or of too few points"
    bounds = geometry.bounds
    if not geometry.is_empty and not np.isfinite(bounds).all():
        return "coordinates that are no numbers"
    return "" if geometry.is_valid else str(shapely.is_valid_reason(geometry))


def _parts(features: Features, row: int, geometry: Any) -> list[Any]:
    """Returns the polygons and points that a geometry is made of.

    Raises:
        UserError: it has lines, and nothing else.
    """
    import shapely

    if geometry is None:
        return []
    parts = [geometry]
    while any(hasattr(part, "geoms") for part in parts):
        parts = list(shapely.get_parts(parts))
    kept = [p for p in parts if p.geom_type in ("Polygon", "Point") and not p.is_empty]
    if not kept:
        kinds = ", ".join(sorted({part.geom_type for part in parts}))
        raise UserError(
            f"{features.path}: expected polygons or points, found {kinds} in feature "
            f"{row + 1}; draw a polygon around it, or delete it"
        )
    return kept


def _check_degrees(areas: Areas, own: str | None) -> None:
    """Refuses longitudes and latitudes that are none.

    Args:
        areas: to check.
        own: the file's reference system, if the user named another.
    """
    import shapely

    if not areas.crs.is_geographic:
        return
    left, bottom, right, top = shapely.total_bounds(areas.geometries)
    if max(abs(left), abs(right)) > 540 or max(abs(bottom), abs(top)) > 90.001:
        raise UserError(
            f"{areas.path}: expected longitudes and latitudes, found x {left:g} to "
            f"{right:g}, y {bottom:g} to {top:g}; "
            + (
                "name the coordinate reference system with --labels-crs"
                if own is None
                else "the file names another reference system; leave --labels-crs out"
            )
        )


def _objects(values: Sequence[Any]) -> np.ndarray:
    """Returns an array of objects, whatever they look like to NumPy."""
    found = np.empty(len(values), object)
    found[:] = values
    return found
