"""The grid of a raster file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from autoai4eo.data.raster_files import gdal_name, is_remote
from autoai4eo.data.scenes.grid import Grid, is_on_earth
from autoai4eo.data.scenes.opening import opened
from autoai4eo.errors import UserError
from autoai4eo.files import check_regular


def grid_of(
    path: str | Path, allow_no_crs: bool = False, allow_remote: bool = False
) -> Grid:
    """Returns the grid of a raster file.

    Raises:
        UserError: it cannot be read, may refer to other files, which is not allowed, or
            has no coordinate reference system.
    """
    path = Path(path)
    check_regular(path)
    if not (os.path.isfile(path) or is_remote(path)):
        raise UserError(
            f"{path}: expected a raster whose grid the map takes, found nothing of "
            "this name; check the path"
        )
    with opened(path, vrt=True, allow_remote=allow_remote) as source:
        if not allow_no_crs:
            check_crs(path, source)
        return Grid.of(source)


def check_crs(path: Path, source: Any) -> None:
    """Checks that a raster has a place on the Earth.

    Raises:
        UserError: it has none.
    """
    if not is_on_earth(source.crs):
        found = "one without a place on the Earth" if source.crs else "none"
        raise UserError(
            f"{gdal_name(path)}: expected a coordinate reference system, found {found};"
            " georeference it, or take it as it is with --allow-no-crs"
        )
