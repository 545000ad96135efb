"""Reads the headers of image files, and checks that those of a folder are alike."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.data.readers.image_files import Listing
from autoai4eo.data.sensors import canonical
from autoai4eo.errors import UserError
from autoai4eo.files import in_one_step
from autoai4eo.text import counted

FORMAT = 2
#: Least number of images whose headers are cached.
KEPT_FROM = 1000


@dataclass(frozen=True)
class Header:
    """An image file's metadata, without its alpha band.

    Attributes:
        height, width: in pixels.
        dtype: NumPy type of its values; with a palette, that of its colours.
        bands: names of the bands if the file names all of them, otherwise as many
            ``None``.
        alpha: number of the alpha band, from 1; 0 without one.
        palette: whether its values are indices of a table of colours.
        missing: whether values may be missing: by nodata, a mask or an alpha band.
        units: scale, offset and unit of each band, declared in the file.
        bits: of a value; the file may declare fewer than its type has.
        partly_named: whether the file names only some of its bands.
        pages: whether it has more pages than are read.
    """

    height: int
    width: int
    dtype: str
    bands: tuple[str | None, ...]
    alpha: int
    palette: bool
    missing: bool
    bits: int
    partly_named: bool
    units: tuple[tuple[float, float, str], ...]
    pages: bool

    @property
    def named(self) -> bool:
        """Whether the file names its bands."""
        return None not in self.bands

    @property
    def kind(self) -> str:
        """A description of its values, for people."""
        dtype = np.dtype(self.dtype)
        if dtype.itemsize == 1:
            return f"{self.bits} bit{'s' if self.bits > 1 else ''}"
        return "whole numbers" if dtype.kind in "iu" else "fractions"


def header_of(image: Any, alpha_is_a_band: bool) -> Header:
    """Reads the header of an image that rasterio has opened.

    Args:
        image: open.
        alpha_is_a_band: treats an alpha band as one more band.
    """
    from rasterio.enums import ColorInterp, MaskFlags

    meanings = image.colorinterp
    palette = image.count == 1 and meanings[0] == ColorInterp.palette
    names = image.descriptions
    alpha = 0
    if not alpha_is_a_band and image.count > 1:
        for i, meaning in enumerate(meanings):
            # a band with a name such as B08 is no mask, whatever its colour
            if meaning == ColorInterp.alpha and _is_alpha(names[i]):
                alpha = i + 1
    places = [i for i in range(image.count) if i + 1 != alpha]
    if palette:
        bands: tuple[str | None, ...] = ("R", "G", "B")
    else:
        colours = {
            ColorInterp.red: "R",
            ColorInterp.green: "G",
            ColorInterp.blue: "B",
            ColorInterp.alpha: "alpha",
        }
        bands = tuple(canonical(names[i]) if names[i] else None for i in places)
        shown = tuple(colours.get(meanings[i]) for i in places)
        if not any(bands) and image.dtypes[0] == "uint8" and None not in shown:
            bands = shown
        if None in bands:
            bands = (None,) * len(places)
    flags = [image.mask_flag_enums[i] for i in places]
    marks = {mark for some in flags for mark in some}
    missing = bool(
        palette
        or alpha
        or any(value is not None for value in image.nodatavals)
        or marks - {MaskFlags.all_valid, MaskFlags.alpha, MaskFlags.per_dataset}
        or (MaskFlags.per_dataset in marks and MaskFlags.alpha not in marks)
    )
    declared = image.tags(1, ns="IMAGE_STRUCTURE").get("NBITS")
    size = 8 * np.dtype(image.dtypes[0]).itemsize
    bits = 8 if palette else int(declared or size)
    return Header(
        height=image.height,
        width=image.width,
        dtype="uint8" if palette else image.dtypes[0],
        bands=bands,
        alpha=alpha,
        palette=palette,
        missing=missing,
        bits=bits,
        partly_named=len({bool(names[i]) for i in places}) > 1,
        units=tuple(
            (float(image.scales[i]), float(image.offsets[i]), image.units[i] or "")
            for i in (places * len(bands) if palette else places)
        ),
        pages=bool(image.subdatasets),
    )


def _is_alpha(description: str | None) -> bool:
    return not description or description.strip().casefold() in ("alpha", "a")


def check_alike(headers: Mapping[str, Header], path: str) -> None:
    """Checks that images can be samples of one data set, by comparison with the first.

    Raises:
        UserError: size, bands, type or units differ (the message names both files), or
            an image has complex numbers or several pages.
    """
    first_name, first = next(iter(headers.items()))

    def refuse(what: str, expected: str, name: str, found: str, cure: str) -> None:
        raise UserError(
            f"{path}: expected all images of one {what}, found {expected} "
            f"({first_name}) and {found} ({name}); {cure}"
        )

    checked = set()
    for name, header in headers.items():
        if header in checked:
            continue
        checked.add(header)
        if np.dtype(header.dtype).kind not in "biuf":
            raise UserError(
                f"{path}: expected images of real numbers, found {header.dtype} "
                f"({name}); store amplitude or intensity"
            )
        if header.partly_named:
            raise UserError(
                f"{path}: expected the names of all bands or of none, found some "
                f"({name}); write them into the files"
            )
        if header.pages:
            raise UserError(
                f"{path}: expected images with all bands in one page, found a file of "
                f"several pages ({name}); write its pages as bands"
            )
        if _size(header) != _size(first):
            refuse(
                "size",
                _size(first),
                name,
                _size(header),
                "cut or resample them to one size; scenes need --masks",
            )
        if header.kind != first.kind:
            refuse(
                "type",
                f"{first.kind} ({first.dtype})",
                name,
                f"{header.kind} ({header.dtype})",
                "convert them to one type and unit",
            )
        if header.named != first.named or set(header.bands) != set(first.bands):
            refuse(
                "set of bands",
                _bands(first),
                name,
                _bands(header),
                "remove one of them, or write the names of the bands into the files",
            )
        if len(set(header.bands)) < len(header.bands) and header.named:
            raise UserError(
                f"{path}: expected each band once, found {_bands(header)} ({name}); "
                "correct the names"
            )
        # bands without names are identified by their position
        own = header.bands if header.named else range(len(header.bands))
        others = first.bands if first.named else range(len(first.bands))
        units = dict(zip(own, header.units, strict=True))
        if units != dict(zip(others, first.units, strict=True)):
            refuse(
                "unit",
                describe_units(first.units),
                name,
                describe_units(header.units),
                "convert them to one unit",
            )


def _size(header: Header) -> str:
    return f"{header.height}×{header.width} with {counted(len(header.bands), 'band')}"


def _bands(header: Header) -> str:
    return ", ".join(map(str, header.bands)) if header.named else "bands without names"


def describe_units(units: Iterable[tuple[float, float, str]]) -> str:
    """Describes scales, offsets and units of bands, each once."""
    some = sorted(set(units))
    return " and ".join(
        f"scale {s:g} and offset {o:g}{f' {unit}' if unit else ''}"
        for s, o, unit in some
    )


def read_headers(
    listing: Listing,
    path: str,
    read: Callable[[Sequence[str]], Sequence[Header]],
    variant: str = "",
) -> dict[str, Header]:
    """Returns the header of every image; caches those of many images.

    Args:
        listing: the images.
        path: of their folder or zip file.
        read: reads the headers of images, in their order.
        variant: names options of reading that change the headers.
    """
    names = listing.names
    if len(names) < KEPT_FROM:
        return dict(zip(names, read(names), strict=True))
    from rasterio import __gdal_version__

    place = os.path.abspath(path) + variant
    cache = _cache()
    if cache is None:
        return dict(zip(names, read(names), strict=True))
    kept = cache / f"headers-{sha256(os.fsencode(place)).hexdigest()[:16]}.json"
    stamp = sha256(
        repr((FORMAT, __gdal_version__, place, sorted(listing.stamps.items()))).encode(
            errors="surrogateescape"
        )
    ).hexdigest()
    known = _load(kept, stamp)
    if known is not None:
        return dict(zip(names, known, strict=True))
    found = read(names)
    _keep(kept, stamp, found)
    return dict(zip(names, found, strict=True))


def _cache() -> Path | None:
    """Returns the user's cache folder, made private; None if that is impossible."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = Path(base).expanduser() / "autoai4eo"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_own(folder, stat.S_ISDIR):
            return None
        folder.chmod(0o700)
    except (OSError, RuntimeError):
        return None  # without a cache, reading takes seconds longer
    return folder


def _is_own(path: Path, kind: Callable[[int], bool]) -> bool:
    """Returns whether a path is of this kind, not a link, and owned by this user."""
    found = path.lstat()
    return kind(found.st_mode) and found.st_uid == os.geteuid()


def _load(path: Path, stamp: str) -> list[Header] | None:
    try:
        if not _is_own(path, stat.S_ISREG):
            return None
        content = json.loads(path.read_text())
        if content["stamp"] != stamp:
            return None
        kinds = [
            Header(
                **{
                    **kind,
                    "bands": tuple(kind["bands"]),
                    "units": tuple(tuple(unit) for unit in kind["units"]),
                }
            )
            for kind in content["kinds"]
        ]
        return [kinds[i] for i in content["headers"]]
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None  # the headers are read again


def _keep(path: Path, stamp: str, headers: Sequence[Header]) -> None:
    kinds = list(dict.fromkeys(headers))
    number = {kind: i for i, kind in enumerate(kinds)}
    content = {
        "stamp": stamp,
        "kinds": [asdict(kind) for kind in kinds],
        "headers": [number[header] for header in headers],
    }
    try:
        with in_one_step(path) as partial:
            partial.write_text(json.dumps(content))
    except OSError:
        pass  # without a cache, reading takes seconds longer
