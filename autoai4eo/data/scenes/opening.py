"""Opens the files of a scene, and tells errors of GDAL in one line."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from autoai4eo.data.raster_files import (
    ONE_DECODER,
    check_all_beside,
    check_blocks,
    check_tags,
    check_text,
    gdal_name,
    open_raster,
)
from autoai4eo.data.scenes.vrts import check_vrt, is_vrt
from autoai4eo.errors import UserError

#: Threads that read files.
THREADS = min(
    4,
    len(os.sched_getaffinity(0))
    if hasattr(os, "sched_getaffinity")
    else os.cpu_count() or 1,
)


def _read_alone() -> None:
    """Reads in one thread: GDAL's threads do not survive a fork, but it waits."""
    global THREADS
    THREADS = 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_read_alone)


@contextmanager
def errors_told(path: Path) -> Iterator[None]:
    """Turns errors of rasterio into one line; no program in a VRT is run."""
    import rasterio

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with errors_told_in_threads(path):
            yield


@contextmanager
def errors_told_in_threads(path: Path) -> Iterator[None]:
    """As `errors_told`, for threads, in which `warnings.catch_warnings` is not safe."""
    import rasterio
    from rasterio._err import CPLE_BaseError  # GDAL's own, which rasterio lets through

    options = {"GDAL_VRT_ENABLE_PYTHON": "NO"} | ONE_DECODER
    try:
        with rasterio.Env(**options):
            yield
    except UnicodeError as cause:
        raise UserError(
            f"{path}: expected a name in UTF-8, which GDAL can open, found one of other"
            " bytes; rename it"
        ) from cause
    except (rasterio.errors.RasterioError, CPLE_BaseError) as cause:
        text = str(cause.__cause__ or cause).splitlines()[0]
        raise UserError(
            f"{gdal_name(path)}: expected a raster that can be read, found one that is "
            f"cut off, damaged or something else ({text}); copy it again"
        ) from cause


@contextmanager
def opened(path: Path, vrt: bool, allow_remote: bool) -> Iterator[Any]:
    """An open file of a scene.

    Args:
        path: of a file, or what GDAL calls it.
        vrt: whether it may be a VRT: the user named it, and no folder.
        allow_remote: see `Scene`.

    Raises:
        UserError: it cannot be read, may name other files, or has too large blocks.
    """
    import rasterio

    name = gdal_name(path)
    local = os.path.isfile(path)
    if local:
        check_all_beside(path)
    if local and is_vrt(path):
        if not vrt:
            raise UserError(
                f"{path}: expected a GeoTIFF or JPEG 2000 in the folder of a scene, "
                "found a VRT, which may name other files; give the VRT itself"
            )
        check_vrt(path, allow_remote)
    with ExitStack() as stack:
        with errors_told(path):
            if allow_remote:
                source = rasterio.open(name)
            elif local and is_vrt(path):
                source = rasterio.open(name, driver="VRT")
            elif local:
                source = open_raster(os.path.abspath(path))
            elif not vrt:  # in a zip file, whose members were looked at
                source = open_raster(name)
            else:
                # what lies beside it there, such as a mask, may name other files
                alone = rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR")
                suffix = PurePosixPath(name.partition("?")[0]).suffix.lower()
                driver = "JP2OpenJPEG" if suffix == ".jp2" else "GTiff"
                with alone:
                    source = rasterio.open(name, driver=driver)
            stack.enter_context(source)
        check_blocks(name, source)
        check_text(name, source)
        if not allow_remote:
            check_tags(name, source)
        yield source
