"""A scene: georeferenced bands on one grid, read by windows."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.data.scene_files import band_in, has_offset, level_in, scene_files
from autoai4eo.data.sensors import band, canonical
from autoai4eo.errors import UserError

RADAR = ("decibel", "intensity", "complex", "covariance")
_PLACES, _SIZE = 4, 64  # 4 × 4 windows of so many pixels are looked at on opening


@dataclass(frozen=True)
class Grid:
    """Where pixels lie: ``transform`` is from (column, row) to coordinates."""

    crs: Any
    transform: Any
    height: int
    width: int

    def holds(self, source: Any) -> bool:
        """Whether a file's pixels are these, to a hundredth of one."""
        size = (source.height, source.width) == (self.height, self.width)
        if not size or source.crs != self.crs:
            return False
        there = np.array(source.transform).reshape(3, 3)
        here = np.array(self.transform).reshape(3, 3)
        corners = np.array([[0, 0, 1], [self.width, 0, 1], [0, self.height, 1]]).T
        off = np.linalg.solve(here, there @ corners) - corners
        return self.crs is None or bool(np.abs(off).max() < 0.01)

    def coarser(self, stride: int) -> Grid:
        """The grid of cells of `stride` × `stride` pixels that covers this one."""
        t = self.transform
        columns, rows = (t.a * stride, t.d * stride), (t.b * stride, t.e * stride)
        return Grid(
            self.crs,
            type(t)(columns[0], rows[0], t.c, columns[1], rows[1], t.f),
            -(-self.height // stride),
            -(-self.width // stride),
        )


class Scene:
    """Bands on one grid, that of the finest of the files; a context manager.

    Files of other resolutions or projections are resampled to it (bilinear) where and
    when they are read. In reflectance that is stored in whole numbers without a nodata
    value 0 means that there are no data, as ESA writes Sentinel-2.

    Attributes:
        bands: names, in the order of the files.
        grid: of the pixels.
        level: ``"L1C"`` or ``"L2A"`` where file names or tags tell it.
        notes: sentences about what looks wrong.

    Args:
        paths: files of one or more bands, VRTs, or folders of band files (SAFE).
        bands: names of the files' bands in their order, where the files do not tell
            them in their descriptions or names.
        scale, offset: a pixel's value is its digital number × scale + offset; bands of
            a radar are left as they are.
        grid: another one than that of the finest file.
        allow_no_crs: takes files without a coordinate reference system.

    Raises:
        UserError: files that are missing, cannot be read or tell no bands; the same
            band twice; no coordinate reference system.
    """

    def __init__(
        self,
        paths: str | Path | Sequence[str | Path],
        bands: Sequence[str] | None = None,
        *,
        scale: float = 1.0,
        offset: float = 0.0,
        grid: Grid | None = None,
        allow_no_crs: bool = False,
    ) -> None:
        given = [paths] if isinstance(paths, str | Path) else list(paths)
        self.paths = scene_files([Path(path) for path in given])
        self._scale, self._offset = scale, offset
        self._medians: dict[str, float] = {}
        self._open = ExitStack()
        try:
            sources = [self._opened(path) for path in self.paths]
            self.level = level_in(
                text
                for path, source in zip(self.paths, sources, strict=True)
                for text in (*path.absolute().parts, *source.tags().values())
            )
            self._where = self._places(sources, bands)
            self.bands = tuple(self._where)
            self.grid = grid or self._finest(sources, allow_no_crs)
            self._zero_is_none = [
                self._without_nodata(i, source) for i, source in enumerate(sources)
            ]
            self._sources = [
                self._on_grid(source, zero)
                for source, zero in zip(sources, self._zero_is_none, strict=True)
            ]
            self.notes = self._doubts(sources)
        except BaseException:
            self._open.close()
            raise

    def __enter__(self) -> Scene:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def __str__(self) -> str:
        more = f" and {len(self.paths) - 1} more" if len(self.paths) > 1 else ""
        return f"{self.paths[0]}{more}"

    def check_bands(self, inputs: Mapping[str, Sequence[str]]) -> None:
        """Whether the scene has what a network wants.

        Raises:
            UserError: bands are missing; both sides are listed.
        """
        wanted = [name for names in inputs.values() for name in names]
        missing = [name for name in wanted if name not in self._where]
        if missing:
            raise UserError(
                f"{self}: expected the bands {', '.join(wanted)} of the network, found "
                f"{', '.join(self.bands)}; {', '.join(missing)} missing: add their "
                "files, or name the file's bands in their order with --bands"
            )

    def read(
        self,
        top: int,
        left: int,
        height: int,
        width: int,
        inputs: Mapping[str, Sequence[str]],
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Pixels of a window, which may reach over the edges.

        Outside of the scene they are reflected at its edge. Inside, a value without
        data becomes the median of its band.

        Args:
            top, left: row and column of its first pixel.
            height, width: of the window.
            inputs: the bands wanted, by input.

        Returns:
            float32 (height, width, bands) by input, and which pixels have data, bool
            (height, width): those inside where no input is without data in all bands.

        Raises:
            UserError: the file is damaged there.
        """
        rows = _reflected(top, height, self.grid.height)
        columns = _reflected(left, width, self.grid.width)
        first_row, first_column = int(rows.min()), int(columns.min())
        window = (
            (first_row, int(rows.max()) + 1),
            (first_column, int(columns.max()) + 1),
        )
        place = np.ix_(rows - first_row, columns - first_column)
        names = list(dict.fromkeys(n for some in inputs.values() for n in some))
        values = dict(zip(names, self._read(names, window), strict=True))
        pixels, valid = {}, np.ones((height, width), bool)
        for name, some in inputs.items():
            together = np.ma.stack([values[n] for n in some], axis=-1)
            empty = np.ma.getmaskarray(together) | ~np.isfinite(together.data)
            valid &= ~empty.all(axis=-1)[place]
            filled = together.data
            if empty.any():
                filled = np.where(empty, np.float32(self.medians(some)), filled)
            pixels[name] = np.ascontiguousarray(filled[place])
        inside_rows = (np.arange(height) + top == rows)[:, None]
        inside_columns = np.arange(width) + left == columns
        return pixels, valid & inside_rows & inside_columns

    def medians(self, names: Sequence[str]) -> np.ndarray:
        """The median of each band over 16 small windows, float64; 0 where no data."""
        new = [name for name in names if name not in self._medians]
        if new:
            self._medians.update(zip(new, self._sampled_medians(new), strict=True))
        return np.array([self._medians[name] for name in names])

    def _sampled_medians(self, names: Sequence[str]) -> list[float]:
        found: list[list[np.ndarray]] = [[] for _ in names]
        height, width = self.grid.height, self.grid.width
        for row in np.linspace(0, max(0, height - _SIZE), _PLACES).astype(int):
            for column in np.linspace(0, max(0, width - _SIZE), _PLACES).astype(int):
                window = (
                    (row, min(row + _SIZE, height)),
                    (column, min(column + _SIZE, width)),
                )
                for kept, values in zip(found, self._read(names, window), strict=True):
                    there = values.compressed()
                    kept.append(there[np.isfinite(there)])
        merged = [np.concatenate(kept) for kept in found]
        return [float(np.median(v)) if len(v) else 0.0 for v in merged]

    def _opened(self, path: Path) -> Any:
        import rasterio

        with _told(path):
            return self._open.enter_context(rasterio.open(path))

    def _places(
        self, sources: Sequence[Any], names: Sequence[str] | None
    ) -> dict[str, tuple[int, int]]:
        """By band: which source it lies in, and its number there, from 1."""
        slots = [(i, n) for i, source in enumerate(sources) for n in source.indexes]
        if names is None:
            names = [
                name
                for path, source in zip(self.paths, sources, strict=True)
                for name in self._told_names(path, source)
            ]
        elif len(names) != len(slots):
            raise UserError(
                f"{self}: expected one name for each of its {len(slots)} bands, found "
                f"{len(names)} ({', '.join(names)}); give --bands in the order of the "
                "file"
            )
        found: dict[str, tuple[int, int]] = {}
        for name, slot in zip(map(canonical, names), slots, strict=True):
            if name in found:
                raise UserError(
                    f"{self}: expected each band once, found {name} in "
                    f"{self.paths[found[name][0]].name} and "
                    f"{self.paths[slot[0]].name}; leave one out"
                )
            found[name] = slot
        return found

    def _told_names(self, path: Path, source: Any) -> list[str]:
        if all(source.descriptions):
            return list(source.descriptions)
        if source.count == 1 and (name := band_in(path)):
            return [name]
        told = sum(map(bool, source.descriptions))
        raise UserError(
            f"{path}: expected a description of each of its {source.count} bands, "
            f"found {told}; name them in their order with --bands B02,B03,…"
        )

    def _finest(self, sources: Sequence[Any], allow_no_crs: bool) -> Grid:
        for path, source in zip(self.paths, sources, strict=True):
            if source.crs is None and not allow_no_crs:
                raise UserError(
                    f"{path}: expected a coordinate reference system, found none; "
                    "georeference it, or take it as it is with --allow-no-crs"
                )
        alike = [s for s in sources if s.crs == sources[0].crs]
        best = min(alike, key=lambda s: abs(s.transform.determinant))
        return Grid(best.crs, best.transform, best.height, best.width)

    def _without_nodata(self, number: int, source: Any) -> bool:
        """Whether a file is whole-numbered reflectance that declares no nodata."""
        from rasterio.enums import MaskFlags

        mine = [name for name, (i, _) in self._where.items() if i == number]
        return (
            all(MaskFlags.all_valid in flags for flags in source.mask_flag_enums)
            and all(np.dtype(kind).kind in "iu" for kind in source.dtypes)
            and all(band(name).quantity == "reflectance" for name in mine)
        )

    def _on_grid(self, source: Any, zero_is_none: bool) -> Any:
        from rasterio.enums import Resampling
        from rasterio.vrt import WarpedVRT

        grid = self.grid
        if grid.holds(source):
            return source
        if source.crs is None or grid.crs is None:
            raise UserError(
                f"{self}: expected files without a coordinate reference system to "
                f"have one size, found {source.height}×{source.width} and "
                f"{grid.height}×{grid.width} pixels; georeference them"
            )
        return self._open.enter_context(
            WarpedVRT(
                source,
                crs=grid.crs,
                transform=grid.transform,
                height=grid.height,
                width=grid.width,
                resampling=Resampling.bilinear,
                dtype="float32",
                src_nodata=0 if zero_is_none else source.nodata,
                nodata=np.nan,  # also outside of the file
            )
        )

    def _read(self, names: Sequence[str], window: Any) -> list[np.ma.MaskedArray]:
        """The bands in a window inside of the scene, float32."""
        values: dict[str, np.ma.MaskedArray] = {}
        for i, source in enumerate(self._sources):
            here = [name for name in names if self._where[name][0] == i]
            if not here:
                continue
            indexes = [self._where[name][1] for name in here]
            with _told(self.paths[i]):
                read = source.read(indexes, window=window, masked=True)
            if self._zero_is_none[i]:
                read = np.ma.masked_equal(read, 0)
            values.update(zip(here, read.astype(np.float32), strict=True))
        for name in names:
            if band(name).quantity not in RADAR:
                values[name] = values[name] * np.float32(self._scale)
                values[name] += np.float32(self._offset)
        return [values[name] for name in names]

    def _doubts(self, sources: Sequence[Any]) -> tuple[str, ...]:
        notes = []
        if self._offset == 0 and any(has_offset(p.absolute()) for p in self.paths):
            notes.append(
                f"{self}: since processing baseline 04.00 Sentinel-2's digital numbers "
                "are 1,000 higher; with a network for reflectance give --scale 0.0001 "
                "--offset -0.1"
            )
        told = {pair for s in sources for pair in zip(s.scales, s.offsets, strict=True)}
        if (self._scale, self._offset) == (1, 0) and told - {(1.0, 0.0)}:
            scale, offset = min(told - {(1.0, 0.0)})
            notes.append(
                f"{self}: the file tells a scale of {scale:g} and an offset of "
                f"{offset:g}, which are not applied by themselves; give --scale "
                f"{scale:g} --offset {offset:g}"
            )
        return tuple(notes)


def _reflected(first: int, number: int, size: int) -> np.ndarray:
    """Indices of a stretch that may reach over the edges, reflected there."""
    if size == 1:
        return np.zeros(number, dtype=np.int64)
    around = np.abs(np.arange(first, first + number)) % (2 * size - 2)
    return np.minimum(around, 2 * size - 2 - around)


@contextmanager
def _told(path: Path) -> Any:
    """Rasterio's errors in one line."""
    import rasterio

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            yield
    except rasterio.errors.RasterioError as cause:
        told = str(cause.__cause__ or cause).splitlines()[0]
        raise UserError(
            f"{path}: expected a raster that can be read, found one that is cut off, "
            f"damaged or something else ({told}); copy it again"
        ) from cause
