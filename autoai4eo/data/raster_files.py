"""Opens raster files with GDAL, and checks their format, sidecar files and size.

GDAL supports formats that show the pixels of other files or network addresses (VRT,
WMS, …), and detects a format by a file's content, whatever its suffix. So only formats
that contain their own pixels are opened.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from autoai4eo.errors import UserError
from autoai4eo.files import check_regular, check_size

#: Formats of GDAL that hold their pixels themselves, where the installed one has them.
DRIVERS = ("GTiff", "JPEG", "PNG", "WEBP", "JP2OpenJPEG", "BMP", "GIF", "SGI")
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
BEGINNING = 16  # bytes of a file that tell its format
#: GDAL loses the errors of threads that decode one JPEG 2000: damaged blocks become 0.
ONE_DECODER = {"GDAL_NUM_THREADS": 1}
#: What GDAL reads beside an image and may name other files.
BESIDE = (".msk", ".ovr", ".aux.xml")
_REMOTE = re.compile(r"/vsi[a-z0-9_]+/|[a-z][a-z0-9+]+:/")
_SCHEME = re.compile(r"(?<![a-z0-9+])([a-z][a-z0-9+]+):/(?=[^/])")


def open_raster(name: str) -> Any:
    """An open local raster, of one of `DRIVERS`, inside of a `rasterio.Env`.

    Args:
        name: an absolute path, or ``/vsizip/…``.

    Raises:
        RasterioIOError: it is none, or cannot be read.
    """
    from rasterio.io import DatasetReader

    # `rasterio.open` takes one driver only
    return DatasetReader(name, driver=list(DRIVERS))


def is_remote(path: Path) -> bool:
    """Whether a user names a place that GDAL knows, such as ``s3://…``, no file."""
    return bool(_REMOTE.match(str(path))) and not os.path.lexists(path)


def gdal_name(path: Path) -> str:
    """What GDAL calls it: `Path` makes one slash of the two in ``s3://``."""
    return _SCHEME.sub(r"\1://", str(path)) if is_remote(path) else str(path)


def check_beside(name: str, content: bytes) -> None:
    """Whether a file beside an image holds what it should, and names no other file.

    Args:
        name: of the file, which GDAL reads with the image: ``.msk``, ``.ovr`` or
            ``.aux.xml``; others are harmless.
        content: of ``.aux.xml`` all, else the beginning suffices.

    Raises:
        UserError: it is another format, or names a file.
    """
    lower = name.lower()
    if lower.endswith((".msk", ".ovr")) and not content.startswith(_TIFF):
        raise UserError(
            f"{name}: expected a mask or overviews in a TIFF file, found another "
            "format, which may name other files; make it anew or take it away"
        )
    if lower.endswith(".aux.xml"):
        try:
            if b"<!" in content.replace(b"<!--", b""):
                raise UserError(
                    f"{name}: expected metadata of GDAL, found XML with declarations "
                    "(<!…); make it anew or take it away"
                )
            root = ElementTree.fromstring(content)
        except ElementTree.ParseError as error:
            raise UserError(
                f"{name}: expected metadata of GDAL, found damaged XML ({error}); make "
                "it anew or take it away"
            ) from None
        if names_overviews(root):
            raise UserError(
                f"{name}: expected metadata of the image, found that it names another "
                "file for overviews (OVERVIEW_FILE); take it away"
            )


def names_overviews(root: ElementTree.Element) -> bool:
    """Whether metadata in XML name a file that GDAL would open for overviews."""
    return any(
        value.strip().upper() == "OVERVIEW_FILE"
        for element in root.iter()
        for value in element.attrib.values()
    )


def check_tags(name: str, source: Any) -> None:
    """Whether an open raster names no file in its own metadata, as a TIFF file can.

    Raises:
        UserError: it does; GDAL would open that when it lists the raster's files.
    """
    if any(key.upper() == "OVERVIEW_FILE" for key in source.tags(ns="OVERVIEWS")):
        raise UserError(
            f"{name}: expected pixels, found metadata that name another file for "
            "overviews (OVERVIEW_FILE); write the file anew, or, where you trust it, "
            "allow that with --allow-remote"
        )


def check_all_beside(path: Path) -> None:
    """The same for all files beside a local raster; pipes would be waited for.

    Raises:
        UserError: see `check_beside`; one is a pipe or a device.
    """
    for name in os.listdir(path.parent):
        beside = path.parent / name
        # GDAL looks for them in any case of letters
        if not name.lower().startswith(path.stem.lower()) or name == path.name:
            continue
        check_regular(beside)
        if name.lower().endswith(BESIDE) and beside.is_file():
            check_size(str(beside), beside.stat().st_size, "a file")
            with beside.open("rb") as file:
                whole = name.lower().endswith(".xml")
                check_beside(str(beside), file.read(-1 if whole else BEGINNING))


def check_text(name: str, source: Any) -> None:
    """Refuses a raster whose band names, units or tags are no UTF-8.

    Raises:
        UserError: they are in another encoding, or damaged; rasterio cannot give them.
    """
    try:
        _ = source.descriptions, source.units, source.tags()
    except UnicodeDecodeError as error:
        raise UserError(
            f"{name}: expected band names, units and tags in UTF-8, found the byte "
            f"{error.object[error.start]:#04x}; write the file anew with names in UTF-8"
        ) from None


def check_blocks(name: str, source: Any) -> None:
    """Refuses a raster that GDAL would have to hold in memory in one piece.

    Raises:
        UserError: a block (tile or strip) is larger than `max_bytes`.
    """
    largest = max((h * w for h, w in source.block_shapes), default=0)
    check_size(name, largest * _bytes(source), "blocks")


def check_image(name: str, image: Any) -> None:
    """Refuses an image that would fill the memory.

    Raises:
        UserError: it or a block of it is larger than `max_bytes`; see `check_text`.
    """
    check_size(name, image.height * image.width * _bytes(image), "an image")
    check_text(name, image)
    check_blocks(name, image)


def _bytes(source: Any) -> int:
    """Of one pixel in all bands."""
    kinds = ["complex64" if k == "complex_int16" else k for k in source.dtypes]
    return sum(np.dtype(kind).itemsize for kind in kinds)


def is_utf8(name: str) -> bool:
    """Returns whether a name is UTF-8, which GDAL requires."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
