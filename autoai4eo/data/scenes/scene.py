"""A scene: georeferenced bands on one grid, read by windows."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.data.raster_files import gdal_name
from autoai4eo.data.scenes.band_slots import TAGS, named_slots, tags_of, units_of
from autoai4eo.data.scenes.blocks import block_bytes
from autoai4eo.data.scenes.files import (
    date_in,
    has_offset,
    is_date,
    level_in,
    scene_files,
)
from autoai4eo.data.scenes.grid import Grid, finest
from autoai4eo.data.scenes.masks import QUALITY, SENSED
from autoai4eo.data.scenes.opening import opened
from autoai4eo.data.scenes.overview import overview
from autoai4eo.data.scenes.raster_grid import check_crs
from autoai4eo.data.scenes.sample import Sample, notes, sample, scaled
from autoai4eo.data.scenes.stored_bands import StoredBands
from autoai4eo.errors import UserError

#: A file, or several of one scene.
ScenePaths = str | Path | Sequence[str | Path]


class Scene:
    """Bands on one grid; a context manager.

    The grid is that of the file with the smallest pixels in metres (see `finest`), or
    `grid`. Files of other resolutions or projections are resampled to it when they are
    read (bilinear; classes by nearest neighbour).

    These pixels have no data: declared nodata values, band by band; pixels that masks
    and alpha bands exclude; 0 in reflectance that is stored in whole numbers without a
    nodata value, as ESA writes Sentinel-2; pixels that are exactly 0 in all reflectance
    bands that are read, in any file, or in all radar bands; in reflectance, the classes
    0 and 1 of a band ``SCL``, and with `mask_clouds` cloud and snow according to
    ``SCL`` or ``QA60``. Values that are probably fill, but are not declared, are read
    as measurements, and told by `notes`.

    Attributes:
        bands: names of the bands, in the order of the files.
        grid: grid of the pixels.
        date: day of the scene, ``2017-06-13``, if names or tags tell one, else None.
        level: ``"L1C"`` or ``"L2A"`` if file names or tags contain it, else None.
        is_synthetic: whether a tag ``SYNTHETIC`` says that no pixel was measured.
        files: all files that are read, including masks and the sources of VRTs.
        units: by band, scale and offset that are applied.
        tags: by band, scale and offset that its file declares, if any.
        offset_is_due: whether the product's digital numbers are 1,000 too high, and no
            offset is applied.

    Args:
        paths: files of one or more bands, VRTs, or folders of band files (SAFE); or
            addresses that GDAL knows, such as ``https://…`` and ``s3://…``.
        bands: names of the files' bands in their order, if descriptions and file names
            do not contain them; alpha bands need no name.
        scale, offset: a pixel's value is its digital number × scale + offset; radar
            bands and classes are not changed. The scale ``"tags"`` uses the scale and
            offset in the tags of each band, radar included.
        grid: grid to use instead of that of the finest file.
        mask_clouds: whether clouds and snow are pixels without data.
        allow_no_crs: whether to accept files without a coordinate reference system.
        allow_remote: whether to accept VRTs that use files elsewhere, network addresses
            or programs, and any format that GDAL supports.

    Raises:
        UserError: files are missing, unreadable or do not name their bands; files may
            refer to others, which is not allowed; blocks are too large; a band occurs
            twice; the coordinate reference system is missing; the scale is invalid, or
            its tags are missing; clouds cannot be masked without SCL or QA60.
    """

    def __init__(
        self,
        paths: ScenePaths,
        bands: Sequence[str] | None = None,
        *,
        scale: float | str = 1.0,
        offset: float = 0.0,
        grid: Grid | None = None,
        mask_clouds: bool = False,
        allow_no_crs: bool = False,
        allow_remote: bool = False,
    ) -> None:
        given = [paths] if isinstance(paths, str | Path) else list(paths)
        files = [Path(path) for path in given]
        self.paths = scene_files(files)
        self._samples: dict[tuple[str, ...], Sample] = {}
        self._open = ExitStack()
        try:
            sources = [
                self._open.enter_context(
                    opened(path, vrt=path in files, allow_remote=allow_remote)
                )
                for path in self.paths
            ]
            named = {Path(file) for source in sources for file in source.files}
            named |= set(files)  # of a zip file GDAL does not tell
            self.files = sorted(file for file in named if os.path.isfile(file))
            texts = [
                text
                for path, source in zip(self.paths, sources, strict=True)
                for text in (*path.absolute().parts, *source.tags().values())
            ]
            self.level = level_in(texts)
            self.is_synthetic = any("SYNTHETIC" in s.tags() for s in sources)
            self.date = date_in(
                [
                    *(v for s in sources for k, v in s.tags().items() if is_date(k)),
                    *(path.name for path in self.paths),
                    *(n for path in self.paths for n in path.parts if ".SAFE" in n),
                ]
            )
            self._slots, self._renamed = named_slots(
                str(self), self.paths, sources, bands
            )
            self.bands = tuple(self._slots)
            self.tags = tags_of(self._slots)
            self.units = units_of(str(self), self.bands, self.tags, scale, offset)
            self.offset_is_due = scale != TAGS and not offset and self._has_offset()
            if mask_clouds and not set(QUALITY) & set(self._slots):
                raise UserError(
                    f"{self}: expected a band {' or '.join(QUALITY)} to mask clouds by,"
                    f" found {', '.join(self.bands)}; add its file, or leave "
                    "--mask-clouds out"
                )
            if not allow_no_crs:
                for path, source in zip(self.paths, sources, strict=True):
                    check_crs(path, source)
            self.grid = grid or self._finest()
            self._stored = StoredBands.of(
                str(self), self._slots, self.grid, mask_clouds
            )
        except BaseException:
            self._open.close()
            raise

    def __enter__(self) -> Scene:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def __str__(self) -> str:
        more = f" and {len(self.paths) - 1} more" if len(self.paths) > 1 else ""
        return f"{gdal_name(self.paths[0])}{more}"

    def check_bands(self, inputs: Mapping[str, Sequence[str]]) -> None:
        """Checks that the scene has the bands of a network, with data.

        Raises:
            UserError: bands are missing or have no data; the message lists them.
        """
        wanted = [name for names in inputs.values() for name in names]
        missing = [name for name in wanted if name not in self._slots]
        if missing:
            raise UserError(
                f"{self}: expected the bands {', '.join(wanted)} of the network, found "
                f"{', '.join(self.bands)}; {', '.join(missing)} missing: add their "
                "files, or name the file's bands in their order with --bands"
            )
        names = list(dict.fromkeys(wanted))
        raw = self.sample(names).raw
        empty = [name for name in names if not len(raw[name])]
        if empty and len(empty) < len(names):
            paths = {str(self._slots[name].path) for name in empty}
            raise UserError(
                f"{self}: expected data in all bands of the network, found none of "
                f"{', '.join(empty)} in 16 windows spread over the scene: does "
                f"{', '.join(sorted(paths))} lie elsewhere? Give a file that covers it"
            )

    def read(
        self,
        top: int,
        left: int,
        height: int,
        width: int,
        inputs: Mapping[str, Sequence[str]],
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Reads the pixels of a window, which may extend beyond the scene.

        Outside of the scene, pixels are reflected at its edge. Inside, a value without
        data becomes the median of its band.

        Args:
            top, left: row and column of its first pixel.
            height, width: of the window.
            inputs: names of the bands of each input.

        Returns:
            float32 (height, width, bands) by input, and whether each pixel has data,
            bool (height, width): it is inside the scene, and each input has data in at
            least one band.

        Raises:
            UserError: the file is damaged.
        """
        rows = _reflected(top, height, self.grid.height)
        columns = _reflected(left, width, self.grid.width)
        first_row, first_column = int(rows.min()), int(columns.min())
        window = (
            (first_row, int(rows.max()) + 1),
            (first_column, int(columns.max()) + 1),
        )
        inside_rows = (np.arange(height) + top == rows)[:, None]
        inside_columns = np.arange(width) + left == columns
        is_inside = inside_rows.all() and inside_columns.all()
        place: Any = np.s_[:, :]
        if not is_inside:
            place = np.ix_(rows - first_row, columns - first_column)
        names = list(dict.fromkeys(n for some in inputs.values() for n in some))
        values = self._read(names, window)
        empty = {n: np.isnan(one) for n, one in values.items()}
        if any(one.any() for one in empty.values()):
            medians = self.medians(names).astype(np.float32)
            for n, median in zip(names, medians, strict=True):
                values[n] = np.where(empty[n], median, values[n])
        pixels, valid = {}, np.ones((height, width), bool)
        for name, some in inputs.items():
            valid &= ~np.logical_and.reduce([empty[n] for n in some])[place]
            together = np.stack([values[n] for n in some], axis=-1)
            pixels[name] = np.ascontiguousarray(together[place])
        return pixels, valid & inside_rows & inside_columns

    def has_data(
        self,
        top: int,
        left: int,
        height: int,
        width: int,
        inputs: Mapping[str, Sequence[str]],
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns which pixels of a window inside of the scene have data.

        Args:
            top, left, height, width, inputs: see `read`.

        Returns:
            Whether each input has data in at least one band, as `read` returns it, and
            whether all bands have data, bool (height, width) each.
        """
        names = list(dict.fromkeys(n for some in inputs.values() for n in some))
        values = self._read(names, ((top, top + height), (left, left + width)))
        known = {n: ~np.isnan(one) for n, one in values.items()}
        some = [np.logical_or.reduce([known[n] for n in s]) for s in inputs.values()]
        return np.logical_and.reduce(some), np.logical_and.reduce(list(known.values()))

    def block_bytes(self, height: int, width: int, names: Sequence[str]) -> int:
        """About how many bytes of files' blocks a window of this size touches."""
        return sum(
            block_bytes(rasters, names, self.grid, height, width)
            for rasters in self._stored.rasters
        )

    def overview(self, names: Sequence[str], size: int) -> np.ndarray:
        """Returns the stored values of some bands, see `overview`."""
        return overview(self._slots, self.grid, names, size)

    def medians(self, names: Sequence[str]) -> np.ndarray:
        """Returns each band's median in 16 small windows, float64; 0 if no data."""
        read = self.sample(names).read
        return np.array([np.median(v) if len(v) else 0.0 for v in read.values()])

    def sample(self, names: Sequence[str]) -> Sample:
        """Returns the values of some bands in 16 small windows, evenly spread."""
        key = tuple(names)
        if key not in self._samples:
            self._samples[key] = sample(self._stored, key, self.units)
        return self._samples[key]

    def convert(self, lines: Mapping[str, tuple[float, float]]) -> None:
        """Changes the values of some bands to value × factor + shift, from now on.

        Args:
            lines: factor and shift, by band.
        """
        for name, (factor, shift) in lines.items():
            scale, offset = self.units[name]
            self.units[name] = (factor * scale, factor * offset + shift)
        self._samples.clear()

    def notes(self, names: Sequence[str]) -> list[str]:
        """Returns sentences on what may be meant otherwise.

        On pixels of these bands that are or may be nodata, on files that have none of
        these bands and none of a known sensor, and on bands that `bands` renames.
        """
        found = notes(str(self), self.sample(names), self._stored)
        for path in self.paths:
            there = [n for n, slot in self._slots.items() if slot.path == path]
            if there and not {*there} & {*names, *SENSED, *QUALITY}:
                found.append(
                    f"{path}: expected bands of the network, found {', '.join(there)}; "
                    "the file is not used: leave it out"
                )
        if self._renamed:
            found.append(
                f"{self}: --bands names bands otherwise than the files do: "
                + ", ".join(self._renamed)
            )
        return found

    def resampled(self, names: Sequence[str]) -> list[str]:
        """Returns sentences on those of these bands that are resampled to the grid."""
        return self._stored.resampled(names)

    def _read(self, names: Sequence[str], window: Any) -> dict[str, np.ndarray]:
        """The bands in a window inside of the scene, float32, NaN without data."""
        return scaled(self._stored.read(names, window), self.units)

    def _finest(self) -> Grid:
        """Returns the finest grid of the files with more than classes, if any."""
        first: dict[Path, str] = {}
        for name, slot in self._slots.items():
            if name not in QUALITY or slot.path not in first:
                first.setdefault(slot.path, name)
        grids = {n: Grid.of(self._slots[n].source) for n in first.values()}
        pixels = {n: grid for n, grid in grids.items() if n not in QUALITY}
        return finest(pixels or grids)

    def _has_offset(self) -> bool:
        return any(has_offset(path.absolute()) for path in self.paths)


def _reflected(first: int, number: int, size: int) -> np.ndarray:
    """Returns indices of a range that may extend over the edges, reflected there."""
    if size == 1:
        return np.zeros(number, dtype=np.int64)
    around = np.abs(np.arange(first, first + number)) % (2 * size - 2)
    return np.minimum(around, 2 * size - 2 - around)
