"""Writes maps: Cloud-Optimized GeoTIFFs."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.data.scenes.scene import Grid
from autoai4eo.files import in_one_step
from autoai4eo.text import line

_BLOCK = 256
_SMALLEST = 16  # edge of the coarsest overview, in pixels


class MapFile:
    """A GeoTIFF that is written by windows; see `map_file`."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._written: list[tuple[Any, int]] = []

    def write(self, values: np.ndarray, row: int, column: int) -> None:
        """Writes values (rows, columns) or (rows, columns, bands) from a pixel on."""
        from rasterio.windows import Window

        bands = np.atleast_3d(values).transpose(2, 0, 1).astype(self._file.dtypes[0])
        rows, columns = bands.shape[1:]
        window = Window(column, row, columns, rows)
        self._file.write(bands, window=window)
        self._written.append((window, zlib.crc32(bands.tobytes())))

    def tag(self, tags: dict[str, str], band: int | None = None) -> None:
        """Writes metadata of the file or of a band."""
        # `line`: a path may have bytes that are no UTF-8
        self._file.update_tags(band or 0, **{k: line(v) for k, v in tags.items()})

    def colour(self, table: dict[int, tuple[int, ...]]) -> None:
        """Writes the colours of a map of classes."""
        self._file.write_colormap(1, table)

    def reads_back(self, path: Path) -> bool:
        """Whether a file has the values that `write` was given."""
        import rasterio

        with rasterio.open(path) as file:
            return all(
                zlib.crc32(file.read(window=window).tobytes()) == checksum
                for window, checksum in self._written
            )


@contextmanager
def map_file(
    path: Path,
    grid: Grid,
    dtype: str,
    nodata: float,
    names: Sequence[str],
    *,
    average: bool,
) -> Iterator[MapFile]:
    """Opens a file that is written by windows and made Cloud-Optimized at the end.

    The values are read back and compared: if the disk is full when a file is closed,
    GDAL writes wrong values without an error. If writing fails, nothing is left.

    Args:
        path: of the file.
        grid: of its pixels.
        dtype: of its values.
        nodata: the value of pixels without data.
        names: of its bands.
        average: whether overviews are means, not the most frequent values.

    Raises:
        OSError: the file cannot be written.
    """
    import rasterio
    import rasterio.shutil
    from rasterio.enums import Resampling

    how = Resampling.average if average else Resampling.mode
    factors, factor = [], 2
    while min(grid.height, grid.width) // factor >= _SMALLEST:
        factors.append(factor)
        factor *= 2
    with in_one_step(path) as final, ExitStack() as opened:
        plain = final.with_name(f"{final.name}.plain.tif")
        opened.callback(plain.unlink, missing_ok=True)
        with rasterio.open(
            plain,
            "w",
            driver="GTiff",
            dtype=dtype,
            nodata=nodata,
            count=len(names),
            height=grid.height,
            width=grid.width,
            crs=grid.crs,
            transform=grid.transform,
            tiled=True,
            blockxsize=_BLOCK,
            blockysize=_BLOCK,
            bigtiff="if_safer",
        ) as file:
            for i, name in enumerate(names, start=1):
                file.set_band_description(i, name)
            written = MapFile(file)
            yield written
            if factors:
                with _gdal():
                    file.build_overviews(factors, how)
        with _gdal():
            rasterio.shutil.copy(
                str(plain),
                str(final),
                driver="COG",
                blocksize=_BLOCK,
                compress="DEFLATE",
                predictor="YES" if average else "NO",
                bigtiff="IF_SAFER",
                overview_resampling=how.name,
            )
        if not (
            plain.stat().st_size >= _size(grid, factors, len(names), dtype)
            and written.reads_back(final)
            and _same_overviews(plain, final, factors)
        ):
            raise OSError("it does not read back as written; the disk may be full")


@contextmanager
def _gdal() -> Iterator[None]:
    """Turns GDAL's errors, which have no public class, into OSError."""
    try:
        yield
    except Exception as error:
        if isinstance(error, OSError) or not type(error).__module__.startswith(
            "rasterio"
        ):
            raise
        raise OSError(str(error)) from error


def _size(grid: Grid, factors: Sequence[int], bands: int, dtype: str) -> int:
    """The bytes of all blocks of an uncompressed file with overviews."""
    blocks = sum(
        -(-grid.height // (factor * _BLOCK)) * -(-grid.width // (factor * _BLOCK))
        for factor in (1, *factors)
    )
    return blocks * _BLOCK**2 * bands * np.dtype(dtype).itemsize


def _same_overviews(one: Path, other: Path, factors: Sequence[int]) -> bool:
    import rasterio

    for level, _ in enumerate(factors):
        with (
            rasterio.open(one, overview_level=level) as a,
            rasterio.open(other, overview_level=level) as b,
        ):
            if any(
                a.read(window=window).tobytes() != b.read(window=window).tobytes()
                for _, window in a.block_windows(1)
            ):
                return False
    return True
