"""Reads the features of a vector file: KML, KMZ, GeoJSON, GeoPackage or a shapefile.

Only these forms are opened: others that GDAL knows may read further files or ask the
network.
"""

from __future__ import annotations

import importlib
import json
import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from autoai4eo.data.polygons.geojson_crs import crs_of_geojson
from autoai4eo.data.readers.image_files import ZIP_ERRORS
from autoai4eo.errors import MissingError, UserError, warn
from autoai4eo.files import check_regular, check_size

FORMS = "KML, KMZ, GeoJSON, GeoPackage (.gpkg) or a shapefile (.shp)"
_DRIVERS = {
    "KML": ("LIBKML",),  # the driver KML does not tell folders reliably
    "GeoJSON": ("GeoJSON",),
    "GeoPackage": ("GPKG",),
    "a shapefile": ("ESRI Shapefile",),
}
_GEOJSON = (
    *("FeatureCollection", "Feature", "GeometryCollection"),
    *("Polygon", "MultiPolygon", "Point", "MultiPoint"),
)
# Fields that GDAL adds to each placemark; `Name` is the placemark's own.
_OF_KML = {
    *("id", "description", "timestamp", "begin", "end", "altitudemode", "tessellate"),
    *("extrude", "visibility", "draworder", "icon", "snippet"),
}
#: The field that holds the folder of a placemark, and the one of its name.
FOLDER, NAME = "folder", "Name"
_NOISE = re.compile(r"/vsimem/\S+ ?|pyogrio_[0-9a-f]{32}|[.] To avoid accepting .*")
_LETTERS = 160  # of a message of GDAL, which may hold long SQL
_AGAIN = re.compile(r" \(#\d+\)$")  # GDAL's, for a second folder of the same name


@dataclass(frozen=True)
class Features:
    """The features of a vector file, in its order.

    Attributes:
        path: of the file.
        wkb: geometry of each, WKB bytes or None, object (N,).
        fields: by name, the text of each feature, or None, object (N,).
        crs: what the coordinates refer to, as text; None: the file does not say.
        is_kml: whether `fields` has `FOLDER` and `NAME` of KML.
    """

    path: Path
    wkb: np.ndarray
    fields: dict[str, np.ndarray]
    crs: str | None
    is_kml: bool


def read_features(path: Path, layer: str | None = None) -> Features:
    """Reads all features of a vector file.

    Args:
        path: of the file.
        layer: name of a layer, or of a folder of KML; None: the only one, of KML all.

    Raises:
        UserError: the extra ``vectors`` is not installed; the file is missing, damaged
            or of another form; the layer is not there, or there are several.
    """
    check_regular(path)
    if not path.exists():
        raise MissingError(
            f"{path}: no such file; check the path (now in {Path.cwd()})"
        )
    if path.is_dir():
        raise UserError(f"{path}: expected {FORMS}, found a folder; name a file in it")
    for pattern in (f"{escape(path.stem)}.*", f"{escape(path.name)}-*"):  # .dbf, -wal
        for beside in path.parent.glob(pattern):
            check_regular(beside)
    raw = _library(path)
    check_size(path, path.stat().st_size, "a vector file")
    form, source = _look(path)
    with _told(path, form):
        driver = raw.read_info(source, layer=0)["driver"]
        if (form, driver) == ("KML", "KML"):
            raise UserError(
                f"{path}: expected GDAL's driver LIBKML to read KML, found that "
                "pyogrio here has only KML; `pip install 'pyogrio>=0.12'`, or convert "
                "the file to GeoJSON (ogr2ogr)"
            )
        if driver not in _DRIVERS[form]:
            raise UserError(
                f"{path}: expected {FORMS}, found {driver}; convert it (ogr2ogr)"
            )
        layers = [str(name) for name, _ in raw.list_layers(source)]
        if form == "KML":
            layers = _folders(layers, source)
        chosen = _chosen(path, layers, layer, form == "KML")
        parts = [
            _read(raw, source, i, layers[i] if form == "KML" else None) for i in chosen
        ]
    names = list(dict.fromkeys(name for _, fields, _ in parts for name in fields))
    fields = {
        name: np.concatenate(
            [some.get(name, np.full(len(wkb), None, object)) for wkb, some, _ in parts]
        )
        for name in names
    }
    wkb = np.concatenate([wkb for wkb, _, _ in parts])
    crs = parts[0][2]
    if form == "GeoJSON" and b'"crs"' in source:
        crs = crs_of_geojson(json.loads(source.decode("utf-8-sig")), crs)
    if not len(wkb):
        raise UserError(
            f"{path}: expected polygons or points, found no features; draw some, or "
            "name another file"
        )
    return Features(path, wkb, fields, crs, form == "KML")


def _library(path: Path) -> Any:
    """Returns pyogrio, with the functions that read without GeoPandas."""
    try:
        importlib.import_module("shapely")
        return importlib.import_module("pyogrio")
    except ImportError as cause:
        raise UserError(
            f"{path}: expected pyogrio and shapely to read vectors, found that "
            f"{cause.name} is not installed; `pip install 'autoai4eo[vectors]'`, and "
            "rerun"
        ) from cause


def _look(path: Path) -> tuple[str, Any]:
    """Returns the form of a file by its content, and what GDAL is given to open."""
    with path.open("rb") as file:
        start = file.read(4096)
    if start.startswith(b"SQLite format 3\0"):
        return "GeoPackage", path
    if start.startswith(b"\0\0\x27\x0a") and path.suffix.lower() == ".shp":
        return "a shapefile", path
    if start.startswith(b"PK\x03\x04"):
        return "KML", _plain_kml(path, _unzipped(path))
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"<") and re.search(rb"<(\w+:)?kml\b", start):
        return "KML", _plain_kml(path, path.read_bytes())
    if text.startswith(b"{"):
        return "GeoJSON", _plain_json(path, path.read_bytes())
    raise UserError(f"{path}: expected {FORMS}, found something else; convert it")


def _unzipped(path: Path) -> bytes:
    """Returns the KML of a KMZ file: ``doc.kml``, or the first one."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [m for m in archive.infolist() if m.filename.endswith(".kml")]
            if not members:
                raise UserError(
                    f"{path}: expected a KMZ file with a .kml in it, found "
                    f"{len(archive.infolist())} other files; unzip it, and name the "
                    "file with the polygons"
                )
            members.sort(key=lambda member: member.filename != "doc.kml")
            check_size(path, members[0].file_size, "a KML file")
            return archive.read(members[0])
    except ZIP_ERRORS as cause:
        raise UserError(
            f"{path}: expected a whole KMZ file, found a damaged one ({cause}); copy "
            "it again"
        ) from cause


def _plain_kml(path: Path, content: bytes) -> bytes:
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise UserError(
            f"{path}: expected KML of plain elements, found declarations (<!…), which "
            "may name other files; save it anew"
        )
    return content


def _plain_json(path: Path, content: bytes) -> bytes:
    """Returns GeoJSON without a link to its coordinate system: GDAL would follow it."""
    try:
        known = json.loads(content.decode("utf-8-sig"))
        kind = known.get("type")
    except (ValueError, RecursionError) as cause:
        raise UserError(
            f"{path}: expected GeoJSON, found damaged JSON ({cause}); copy it again"
        ) from None
    if kind not in _GEOJSON:
        raise UserError(
            f"{path}: expected GeoJSON (type FeatureCollection), found JSON of the "
            f"type {str(kind)[:40]}; convert it (ogr2ogr)"
        )
    system = known.get("crs")
    if isinstance(system, dict) and system.get("type") == "link":
        name = f"the link {json.dumps(system.get('properties'))}"
        known["crs"] = {"type": "name", "properties": {"name": name}}
        return json.dumps(known).encode()
    return content


@contextmanager
def _told(path: Path, form: str) -> Iterator[None]:
    """Turns errors of GDAL into one line, and its warnings into ours."""
    errors = importlib.import_module("pyogrio.errors")
    kinds = tuple(
        getattr(errors, name)
        for name in (
            *("CRSError", "DataSourceError", "DataLayerError"),
            *("FeatureError", "FieldError", "GeometryError"),
        )
    )
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        try:
            yield
        except UserError:
            raise
        except (*kinds, ElementTree.ParseError, ValueError, RuntimeError) as cause:
            raise UserError(
                f"{path}: expected {form} that can be read, found one that is damaged, "
                f"cut off or incomplete ({_short(str(cause))}); copy it again, with "
                "all files that belong to it"
            ) from cause
    for one in dict.fromkeys(_short(str(w.message)) for w in found):
        warn(f"{path}: {one}")


def _short(message: str) -> str:
    """Returns the first line of GDAL's message, without what lies in its middle."""
    text = _NOISE.sub("", next(iter(message.splitlines()), ""))
    if len(text) <= _LETTERS:
        return text
    return f"{text[: _LETTERS // 2]} … {text[-_LETTERS // 2 :]}"


def _folders(layers: list[str], content: bytes) -> list[str]:
    """Returns the folder that each layer of KML is; empty: placemarks outside of any.

    GDAL makes a layer of each folder, wherever it lies, and one of the placemarks of
    the document itself, which comes first.
    """
    names = [_AGAIN.sub("", name) for name in layers]
    root = ElementTree.fromstring(content)
    document = root.find("{*}Document")
    outside = (root if document is None else document).find("{*}Placemark")
    return names if outside is None else ["", *names[1:]]


def _chosen(path: Path, layers: list[str], wanted: str | None, kml: bool) -> list[int]:
    """Returns the places of the layers that are read."""
    if wanted is None and (kml or len(layers) == 1):
        return list(range(len(layers)))
    found = [i for i, name in enumerate(layers) if name == wanted]
    if not found:
        what = "folder" if kml else "layer"
        name = f"the {what} {wanted}" if wanted else f"one {what}"
        there = ", ".join(dict.fromkeys(filter(None, layers))) or "none"
        raise UserError(f"{path}: expected {name}, found {there}; choose with --layer")
    return found


def _read(
    raw: Any, source: Any, layer: int, folder: str | None
) -> tuple[np.ndarray, dict[str, np.ndarray], str | None]:
    """Returns geometries, fields and the coordinate system of a layer.

    Args:
        raw: pyogrio.
        source: what it opens.
        layer: place of the layer, from 0.
        folder: its name, for KML, empty if it is none; None: the file is of another
            form.
    """
    told, _, wkb, columns = raw.raw.read(
        source, layer=layer, force_2d=True, datetime_as_string=True
    )
    if wkb is None:  # a table without geometry
        wkb = np.full(len(columns[0]) if columns else 0, None, object)
    fields = {
        str(name): np.array([_text(value) for value in column.tolist()], object)
        for name, column in zip(told["fields"], columns, strict=True)
        if not (folder is not None and str(name).lower() in _OF_KML)
    }
    if folder is not None:
        fields.setdefault(NAME, np.full(len(wkb), None, object))
        fields[FOLDER] = np.full(len(wkb), folder or None, object)
    return wkb, fields, told["crs"]


def _text(value: Any) -> str | None:
    """Returns a field's value as text; whole numbers without a point."""
    if value is None or value != value:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return " ".join(str(value).split()) or None
