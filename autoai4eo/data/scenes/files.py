"""The files of a scene, and the bands, level and baseline in their names."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from autoai4eo.data.raster_files import (
    BEGINNING,
    BESIDE,
    check_beside,
    is_remote,
)
from autoai4eo.data.readers.image_files import ZIP_ERRORS
from autoai4eo.data.scenes.masks import scene_band
from autoai4eo.errors import UserError
from autoai4eo.files import check_regular, check_size

SUFFIXES = (".tif", ".tiff", ".jp2", ".vrt")
# As ESA writes it (T30SXH_20200101T105441_B8A_20m.jp2), and BigEarthNet (…_B8A.tif).
_BAND = re.compile(r"(?:^|[_.-])(B\d{1,2}A?|VV|VH|SCL|QA60)(?=[_.-]|$)", re.IGNORECASE)
_BLOCK = 2**24  # bytes of a zip file that are checked at a time
_METRES = re.compile(r"_(\d{2})m$", re.IGNORECASE)
_LEVEL = re.compile(r"(?:MSI|Level-|_|^)(L?[12][AC])(?=[_.]|$)", re.IGNORECASE)
_DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)[-:.]?([01]\d)[-:.]?([0-3]\d)(?!\d)")
_BASELINE = re.compile(r"_N(\d{2})(\d{2})_")


def scene_files(paths: Sequence[Path]) -> list[Path]:
    """The rasters of a scene: files as they are given, of a folder its band files.

    A folder is a SAFE product or any other with one file per band, also as a zip file;
    of a band that lies there in several resolutions the finest is taken.

    Raises:
        UserError: a path is not there, or a folder has no band files.
    """
    found: list[Path] = []
    for path in paths:
        check_regular(path)
        if os.path.isdir(path):
            there = [p for p in sorted(path.rglob("*")) if p.is_file()]
            found += _band_files(path, [p for p in there if _shown(p, path)])
        elif path.suffix.lower() == ".zip" and os.path.isfile(path):
            found += _band_files(path, _zipped(path))
            _check_members(path, found)
        elif os.path.isfile(path) or is_remote(path):
            found.append(path)
        else:
            several = split_paths(str(path))
            if len(several) > 1 and all(map(os.path.exists, several)):
                raise UserError(
                    f"{path}: expected one file, found several with commas between "
                    f"them; give {' '.join(several)}"
                )
            raise UserError(
                f"{path}: expected a GeoTIFF, a VRT, a folder of band files or an "
                "address, found nothing of this name; check the path"
            )
    return found


def _zipped(path: Path) -> list[Path]:
    """The files in a zip file, as GDAL calls them."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted(n for n in archive.namelist() if _shown(Path(n)))
    except (OSError, zipfile.BadZipFile) as cause:
        raise UserError(
            f"{path}: expected a whole zip file, found one that is cut off or damaged "
            f"({cause}); copy it again"
        ) from cause
    return [Path(_inside(path, name)) for name in names]


def _shown(path: Path, root: Path = Path()) -> bool:
    """Whether it is a user's file, and not what a system or a tool leaves beside."""
    parts = path.relative_to(root).parts
    return not any(part.startswith(".") or part == "__MACOSX" for part in parts)


def _check_members(path: Path, files: Sequence[Path]) -> None:
    """Compares checksums of the files in a zip file, which GDAL does not.

    Raises:
        UserError: one is damaged.
    """
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = member.filename
            is_beside = name.lower().endswith(BESIDE)
            if Path(_inside(path, name)) not in files and not is_beside:
                continue
            check_size(f"{path}: {name}", member.file_size, "a file")
            try:
                with archive.open(member) as content:
                    if is_beside:
                        whole = name.lower().endswith(".xml")
                        start = content.read(-1 if whole else BEGINNING)
                        check_beside(f"{path}: {name}", start)
                    while content.read(_BLOCK):
                        pass
            except ZIP_ERRORS as e:
                raise UserError(
                    f"{path}: expected whole files, found {name} damaged or encrypted "
                    f"({e}); copy it again"
                ) from e


def _inside(path: Path, name: str) -> str:
    """What GDAL calls a file in a zip file."""
    return f"/vsizip/{{{path.absolute()}}}/{name}"


def _band_files(folder: Path, files: Iterable[Path]) -> list[Path]:
    finest: dict[str, tuple[int, Path]] = {}
    for path in files:
        name = band_in(path)
        # a SAFE product has quality masks of each band beside its images
        if name is None or "QI_DATA" in path.parts:
            continue
        told = _METRES.search(path.stem)
        metres = int(told[1]) if told else 0
        if name in finest and finest[name][0] == metres:
            raise UserError(
                f"{folder}: expected one file of the band {name}, found "
                f"{finest[name][1].name} and {path.name}; give the files themselves"
            )
        if name not in finest or metres < finest[name][0]:
            finest[name] = (metres, path)
    if not finest:
        raise UserError(
            f"{folder}: expected files with a band in their names, such as "
            f"…_B02.tif or …_B02_10m.jp2, found none; give the files themselves"
        )
    return [path for _, path in finest.values()]


def band_in(path: Path) -> str | None:
    """The band that the name of a raster file tells, if it does."""
    if path.suffix.lower() not in SUFFIXES:
        return None
    told = _BAND.findall(path.stem)
    return scene_band(told[-1]) if told else None


def level_in(texts: Iterable[str]) -> str | None:
    """The processing level (``L1C`` or ``L2A``) that a name or a tag tells."""
    for text in texts:
        for told in _LEVEL.findall(text):
            return "L" + told.upper().lstrip("L")
    return None


def is_date(tag: str) -> bool:
    """Whether a tag's name says that it is when a scene was taken."""
    return any(part in tag.upper() for part in ("SENSING", "ACQUI"))


def date_in(texts: Iterable[str]) -> str | None:
    """The first day that a tag or a name tells, as ``2017-06-13``.

    Names of products tell it as ``20170613T113321`` or ``2017-06-13``.
    """
    for text in texts:
        for told in _DATE.finditer(text):
            try:
                return date(*map(int, told.groups())).isoformat()
            except ValueError:
                continue  # digits that are no day
    return None


def has_offset(path: Path) -> bool:
    """Whether it is a Sentinel-2 product whose digital numbers are 1,000 too high.

    ESA's processing baseline 04.00 of January 2022, which is part of a product's name.
    """
    told = _BASELINE.search(str(path))
    return told is not None and int(told[1]) >= 4


def split_paths(text: str) -> list[str]:
    """Paths with commas between them; a name may have a comma itself where it exists.

    Addresses such as ``s3://bucket/a.tif`` end at the first comma.

    Args:
        text: such as ``a.tif,b.tif``.
    """
    pieces = text.split(",")
    found = []
    while pieces:
        ends = range(len(pieces), 0, -1)
        end = next((e for e in ends if os.path.exists(",".join(pieces[:e]))), 1)
        found.append(",".join(pieces[:end]))
        pieces = pieces[end:]
    return found
