"""The coordinate reference system that a GeoJSON file names.

RFC 7946 knows only longitudes and latitudes of WGS 84; the GeoJSON of 2008 names others
in a member ``crs``, and many programs still do. GDAL takes WGS 84 for a name that it
does not know.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

#: End of the usual name of WGS 84's longitudes and latitudes, EPSG:4326 to GDAL.
_LONLAT = ":CRS84"


def crs_of_geojson(content: Mapping[str, Any], read: str | None) -> str | None:
    """Returns the coordinate reference system of a GeoJSON file, as text.

    Args:
        content: of the file.
        read: what GDAL took for it.

    Returns:
        `read`; but the name in the member ``crs``, or the member itself, if GDAL did
        not read its coordinates so.
    """
    import rasterio
    from rasterio.crs import CRS
    from rasterio.errors import CRSError

    told = content.get("crs")
    if told is None or read is None:
        return read
    name = _name(told)
    if name is None:
        return json.dumps(told)
    if name.upper().endswith(_LONLAT):
        return read
    with rasterio.Env():  # else PROJ writes its errors to the terminal
        try:
            named = CRS.from_user_input(name)
        except (CRSError, ValueError):
            return name
        return read if named == CRS.from_user_input(read) else name


def _name(member: Any) -> str | None:
    """Returns the name in a member ``crs``: of a name, a code, or a bare text.

    None if it has another form, such as a link, which is not followed.
    """
    if isinstance(member, str):
        return member
    about = member.get("properties") if isinstance(member, dict) else None
    if isinstance(about, dict):
        if isinstance(about.get("name"), str):
            return str(about["name"])
        if "code" in about:
            return f"EPSG:{about['code']}"
    return None
