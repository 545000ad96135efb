"""Checks the contents of a VRT that a user gives as a scene.

A VRT shows the pixels of other files, at any path or address, and may contain programs.
Without the user's permission, only the elements listed here are accepted.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from xml.etree import ElementTree

from autoai4eo.data.raster_files import (
    check_all_beside,
    check_blocks,
    check_tags,
    names_overviews,
    open_raster,
)
from autoai4eo.errors import UserError
from autoai4eo.files import check_regular, check_size

_START = b"<vrtdataset"
_HEADER = 4096  # bytes that GDAL tells a format by, or fewer: up to the first zero byte
_SOURCES = ("sourcefilename", "sourcedataset")
# Elements and attributes of mosaics and warped VRTs, in lower case; none names a file
# but those in `_SOURCES`.
_ELEMENTS = frozenset(
    re.findall(
        r"\w+",
        """
    vrtdataset srs geotransform metadata mdi vrtrasterband colorinterp nodatavalue
    hidenodatavalue description simplesource complexsource averagedsource
    kernelfilteredsource sourcefilename sourceband sourceproperties srcrect dstrect
    nodata usemaskband scaleoffset scaleratio exponent srcmin srcmax dstmin dstmax
    clamp lut colortablecomponent maskband kernel size coefs offset scale unittype
    categorynames category colortable entry histograms histitem histmin histmax
    bucketcount includeoutofrange approximate histcounts overviewlist gcplist gcp
    blockxsize blockysize pixelfunctiontype pixelfunctionarguments
    sourcetransfertype gdalwarpoptions warpmemorylimit resamplealg workingdatatype
    option sourcedataset transformer approxtransformer maxerror basetransformer
    genimgprojtransformer srcgeotransform srcinvgeotransform dstgeotransform
    dstinvgeotransform reprojecttransformer reprojectiontransformer sourcesrs
    targetsrs bandlist bandmapping srcnodatareal srcnodataimag dstnodatareal
    dstnodataimag srcalphaband dstalphaband cutline
        """,
    )
)
_ATTRIBUTES = frozenset(
    re.findall(
        r"\w+",
        """
    rasterxsize rasterysize subclass datatype band blockxsize blockysize
    relativetovrt shared xoff yoff xsize ysize resampling name key domain format
    dataaxistosrsaxismapping coordinateepoch c1 c2 c3 c4 normalized id pixel line x
    y z info projection src dst
        """,
    )
)
_CLASSES = (
    *("vrtwarpeddataset", "vrtwarpedrasterband", "vrtsourcedrasterband"),
    "vrtderivedrasterband",  # of GDAL's own functions: others need another element
)
# WKT or an authority's name; PROJ's own strings, also inside of WKT, may name files
_SRS = re.compile(r"\s*([A-Za-z_0-9]+\[[^+]*|[A-Za-z]+:\d+\s*)?", re.DOTALL)
# names of GDAL's that are no paths, such as http://…, NETCDF:…, or a VRT in XML
_NAMED = re.compile(r"[A-Za-z][\w+.-]*:|.*<", re.DOTALL)
_RELATIVE = "relativetovrt"
_DOMAINS = ("geolocation", "rpc", "overviews")


def is_vrt(path: Path) -> bool:
    """Whether GDAL may take a local file for a VRT, by its beginning."""
    with path.open("rb") as file:
        return _START in file.read(_HEADER).lower()


def check_vrt(path: Path, allow_remote: bool) -> None:
    """Whether a VRT is made of images inside of its own folder, and of no programs.

    Args:
        path: of the VRT, a local file.
        allow_remote: takes whatever it is made of; local files must be there.

    Raises:
        UserError: a file is not there, lies elsewhere or is no image; it may do more
            than show images.
    """
    real = Path(os.path.realpath(path))  # as GDAL does: it follows a link, too
    _check(real, path, real.parent, allow_remote, {real})


def _check(
    path: Path, given: Path, folder: Path, allow_remote: bool, seen: set[Path]
) -> None:
    check_size(str(path), path.stat().st_size, "a file")
    try:
        text = path.read_bytes().decode("utf-8-sig")
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, RecursionError) as error:
        raise UserError(
            f"{given}: expected a VRT, found damaged XML ({error}); make it anew"
        ) from None
    if not allow_remote:
        _check_plain(root, text, given)
    for element in root.iter():
        if element.tag.casefold() in _SOURCES:
            _check_source(element, path, given, folder, allow_remote, seen)


def _check_plain(root: ElementTree.Element, text: str, given: Path) -> None:
    """Refuses what may read other files, or run programs.

    Also what GDAL's parser and Python's may understand differently: comments, CDATA.
    """

    def refuse(found: str) -> None:
        raise UserError(
            f"{given}: expected a VRT that shows images, found {found}, which may read "
            "other files or run programs; write it as a GeoTIFF, or, where you trust "
            "it, allow that with --allow-remote"
        )

    if "<!" in text or "<?" in text.lstrip()[2:]:
        refuse("a comment or declaration (<!…)")
    if names_overviews(root):
        refuse("metadata OVERVIEW_FILE")
    for element in root.iter():
        tag = element.tag.casefold()
        if tag not in _ELEMENTS:
            refuse(f"<{element.tag}>")
        srs = [element.text or ""] if tag.endswith("srs") else []
        for attribute, value in element.attrib.items():
            name = attribute.casefold()
            if name not in _ATTRIBUTES and tag != "pixelfunctionarguments":
                refuse(f"{attribute}={value}")
            if name == "subclass" and value.casefold() not in _CLASSES:
                refuse(f"{attribute}={value}")
            if name == "domain" and value.casefold() in _DOMAINS:
                refuse(f"metadata {value}")
            if name == _RELATIVE and value not in ("0", "1"):
                refuse(f"{attribute}={value}")
            if name == "projection":
                srs.append(value)
        for one in srs:
            if not _SRS.fullmatch(one):
                refuse(f"the reference system {one[:40]}")


def _check_source(
    element: ElementTree.Element,
    path: Path,
    given: Path,
    folder: Path,
    allow_remote: bool,
    seen: set[Path],
) -> None:
    name = element.text or ""
    beside = "1" in [v for k, v in element.attrib.items() if k.lower() == _RELATIVE]
    source = os.path.join(path.parent, name) if beside else name
    elsewhere = name != name.strip() or name.startswith("/vsi") or _NAMED.match(name)
    if elsewhere and allow_remote:
        return
    real = Path(os.path.realpath(source))
    if not allow_remote and (elsewhere or not real.is_relative_to(folder)):
        raise UserError(
            f"{given}: expected a VRT of files inside of its folder {folder}, found "
            f"{source}; move it there, or, where you trust it, allow that with "
            "--allow-remote"
        )
    if not os.path.exists(source):
        raise UserError(
            f"{given}: expected the files that this VRT is made of, found no {source};"
            " bring it back, or make the VRT anew"
        )
    check_regular(real)
    if real.is_dir():
        raise UserError(
            f"{given}: expected a VRT that is made of files, found the folder {source};"
            " make the VRT anew"
        )
    if real in seen:
        return
    seen.add(real)
    if os.path.isfile(real) and is_vrt(real):
        _check(real, given, folder, allow_remote, seen)
    elif not allow_remote:
        _check_image(real, given)


def _check_image(path: Path, given: Path) -> None:
    import rasterio

    check_all_beside(path)
    with path.open("rb") as file:
        header = file.read(_HEADER).partition(b"\0")[0]
    # here GDAL tries all formats, and finds some (GTI, …) by XML anywhere in the header
    if re.search(rb"<\s*[A-Za-z?!]", header):
        raise UserError(
            f"{given}: expected a VRT of images, found XML at the beginning of {path}, "
            "which may name other files; convert it, or, where you trust it, allow "
            "that with --allow-remote"
        )
    try:
        with rasterio.Env(), open_raster(str(path)) as image:
            check_blocks(str(path), image)
            check_tags(str(path), image)
    except rasterio.errors.RasterioIOError as error:
        raise UserError(
            f"{given}: expected a VRT of GeoTIFF, JPEG 2000 and the like, found {path} "
            f"({str(error).splitlines()[0]}); convert it, or, where you trust it, "
            "allow that with --allow-remote"
        ) from error
