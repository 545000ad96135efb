"""Names and colours of the classes of a raster, by their value.

Looked for in this order: tags ``CLASS_1``, ``CLASS_2``, … of the band, as maps of
this package have; a tag ``class_names`` of the band or the file, names from 0 with
commas between them; and beside the file, in ``.aux.xml``, GDAL's category names or its
raster attribute table. A table of colours has no names, but the colours of maps.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from autoai4eo.data.class_colours import Rgb
from autoai4eo.data.readers.hdf5_targets import strings

_CLASS = re.compile(r"CLASS_(\d+)")
# GDAL's usages of columns of a raster attribute table
_NAME, _VALUES = "2", ("5", "3")


def names_of(path: Path, source: Any) -> dict[int, str] | None:
    """Returns the name of each value, or None.

    Args:
        path: of the raster; what lies beside it was checked on opening.
        source: the open raster.
    """
    tags = [source.tags(1), source.tags()]
    named = {
        int(told[1]): name
        for key, name in tags[0].items()
        if (told := _CLASS.fullmatch(key))
    }
    if named:
        return named
    for some in tags:
        names = strings(some.get("class_names"))
        if names:
            return dict(enumerate(names))
    beside = path.with_name(path.name + ".aux.xml")
    if not beside.is_file():
        return None
    band = ElementTree.parse(beside).getroot().find("PAMRasterBand[@band='1']")
    if band is None:
        return None
    names = [one.text or "" for one in band.findall("CategoryNames/Category")]
    found = {i: name.strip() for i, name in enumerate(names) if name.strip()}
    return found or _of_table(band.find("GDALRasterAttributeTable")) or None


def colours_in(source: Any) -> dict[int, Rgb]:
    """Returns the colour of each value of an open raster; {} without a table."""
    from rasterio.enums import ColorInterp

    if source.colorinterp[0] != ColorInterp.palette:
        return {}
    return {value: tuple(rgba[:3]) for value, rgba in source.colormap(1).items()}


def _of_table(table: ElementTree.Element | None) -> dict[int, str]:
    """The names of GDAL's raster attribute table; {} without values and names."""
    if table is None:
        return {}
    usages = [one.findtext("Usage", "") for one in table.findall("FieldDefn")]
    value = next((usages.index(u) for u in _VALUES if u in usages), None)
    if value is None or _NAME not in usages:
        return {}
    name = usages.index(_NAME)
    found = {}
    for row in table.findall("Row"):
        fields = [one.text or "" for one in row.findall("F")]
        try:
            number = float(fields[value])
        except (ValueError, IndexError):
            return {}
        if number.is_integer() and fields[name].strip():
            found[int(number)] = fields[name].strip()
    return found
