"""Writes tables as CSV, Parquet, GeoPackage or GeoJSON, by the ending of the file."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from autoai4eo.deploy.vectors import check_vector_path, vectors
from autoai4eo.errors import UserError
from autoai4eo.files import check_can_write, check_replaceable, check_utf8
from autoai4eo.text import cell

LONGITUDE, LATITUDE = "longitude", "latitude"
#: A pandas table.
Table = Any


@dataclass(frozen=True)
class Format:
    """A format of tables.

    Attributes:
        write: writes a table, given in parts, to a path; the last argument is the name
            of its layer.
        packages: modules that it needs.
        extra: that installs them; empty without packages.
        needs_places: whether every row must have a longitude and a latitude.
    """

    write: Callable[[Path, Iterator[Table], str], None]
    packages: tuple[str, ...] = ()
    extra: str = ""
    needs_places: bool = False


def check(out: Path, overwrite: bool) -> None:
    """Checks that a table can be written.

    Raises:
        UserError: the ending is unknown, a package is missing, or the file exists or
            cannot be written.
    """
    kind = FORMATS.get(out.suffix.lower())
    if kind is None:
        raise UserError(
            f"{out}: expected a name that ends with {', '.join(FORMATS)}, found "
            f"{out.suffix or 'no ending'}; choose one of them"
        )
    missing = [name for name in kind.packages if not importlib.util.find_spec(name)]
    if missing:
        raise UserError(
            f"{out}: expected {' and '.join(kind.packages)} to write it, found that "
            f"{missing[0]} is not installed; `pip install 'autoai4eo[{kind.extra}]'`, "
            "or write .csv"
        )
    check_can_write(out)
    if kind.needs_places:
        check_vector_path(out)
    elif kind.packages:
        check_utf8(out)
    check_replaceable(out, overwrite)


def _csv(path: Path, parts: Iterator[Table], layer: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        for number, part in enumerate(parts):
            # spreadsheets do not read its text as formulas
            safe = part.rename(columns=cell)
            for name in safe.select_dtypes(exclude="number"):
                safe[name] = safe[name].map(cell)
            safe.to_csv(file, index=False, header=number == 0)


def _parquet(path: Path, parts: Iterator[Table], layer: str) -> None:
    _whole(parts).to_parquet(path, engine="pyarrow", index=False)


def _points(driver: str) -> Callable[[Path, Iterator[Table], str], None]:
    def write(path: Path, parts: Iterator[Table], layer: str) -> None:
        import pyogrio
        import shapely

        table = _whole(parts)
        points = shapely.points(table.pop(LONGITUDE), table.pop(LATITUDE))
        with vectors():
            pyogrio.raw.write(
                path,
                geometry=shapely.to_wkb(points),
                field_data=[_plain(table[name]) for name in table],
                fields=list(table),
                layer=layer,
                crs="EPSG:4326",
                geometry_type="Point",
                driver=driver,
            )

    return write


def _whole(parts: Iterator[Table]) -> Table:
    return pd.concat(list(parts), ignore_index=True)


def _plain(column: Any) -> np.ndarray:
    """Returns the values of a column; text as objects, as GDAL takes it."""
    values = column.to_numpy()
    return values if values.dtype.kind in "iuf" else values.astype(object)


def _vectors(driver: str) -> Format:
    return Format(_points(driver), ("pyogrio", "shapely"), "vectors", True)


#: By the ending of the file.
FORMATS = {
    ".csv": Format(_csv),
    ".parquet": Format(_parquet, ("pyarrow",), "parquet"),
    ".gpkg": _vectors("GPKG"),
    ".geojson": _vectors("GeoJSON"),
}
