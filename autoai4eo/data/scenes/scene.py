"""A scene: georeferenced bands on one grid, read by windows."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.data.raster_files import gdal_name, is_remote
from autoai4eo.data.scenes.files import band_in, has_offset, level_in, scene_files
from autoai4eo.data.scenes.grid import Grid, finest, is_on_earth
from autoai4eo.data.scenes.masks import (
    QUALITY,
    SENSED,
    alpha_bands,
    scene_band,
    unusable,
)
from autoai4eo.data.scenes.rasters import Rasters, Slot, opened
from autoai4eo.data.sensors import band
from autoai4eo.data.units import RADAR
from autoai4eo.errors import UserError
from autoai4eo.files import check_regular

TAGS = "tags"
_PLACES, _SIZE = 4, 64  # 4 × 4 windows of so many pixels are looked at


@dataclass(frozen=True)
class Sample:
    """What 16 small windows of a scene hold.

    Attributes:
        raw: by band, values as they are stored, (n,), finite.
        read: the same with scale and offset.
        zero: by band, the share of pixels, 0 to 1, that have no data because they are
            0.
        unusable: by band, the share that SCL or QA60 leaves out.
        clouds: the share of pixels that SCL or QA60 calls cloud or snow.
        missing: by band, the share that has no data for another reason: nodata, a mask,
            or outside of its file.
    """

    raw: Mapping[str, np.ndarray]
    read: Mapping[str, np.ndarray]
    zero: Mapping[str, float]
    unusable: Mapping[str, float]
    clouds: float
    missing: Mapping[str, float]


class Scene:
    """Bands on one grid; a context manager.

    The grid is that of the file with the smallest pixels in metres (see `finest`), or
    `grid`. Files of other resolutions or projections are resampled to it (bilinear,
    classes by nearest neighbour) where and when they are read.

    No data are: declared nodata values, band by band; what masks and alpha bands leave
    out; 0 in reflectance that is stored in whole numbers without a nodata value, as ESA
    writes Sentinel-2; pixels that are exactly 0 in all reflectance bands that are read,
    in any file; in reflectance, the classes 0 and 1 of a band ``SCL``, and with
    `mask_clouds` what ``SCL`` or ``QA60`` call cloud or snow.

    Attributes:
        bands: names, in the order of the files.
        grid: of the pixels.
        level: ``"L1C"`` or ``"L2A"`` where file names or tags tell it.
        files: all files that are read, masks and the sources of VRTs among them.
        units: by band, scale and offset that are applied.
        tags: by band, scale and offset that its file tells, where it does.
        offset_is_due: whether it is a product whose digital numbers are 1,000 too high,
            and no offset is applied.

    Args:
        paths: files of one or more bands, VRTs, or folders of band files (SAFE); or
            addresses that GDAL knows, such as ``https://…`` and ``s3://…``.
        bands: names of the files' bands in their order, where the files do not tell
            them in their descriptions or names; alpha bands need none.
        scale, offset: a pixel's value is its digital number × scale + offset; bands of
            a radar and classes are left as they are. The scale ``"tags"`` takes scale
            and offset of each band from its file's tags, of a radar as well.
        grid: another one than that of the finest file.
        mask_clouds: clouds and snow are pixels without data.
        allow_no_crs: takes files without a coordinate reference system.
        allow_remote: takes VRTs that are made of files elsewhere, in the network or by
            programs, and any format that GDAL knows.

    Raises:
        UserError: files that are missing, cannot be read or tell no bands; files that
            may name others, where that is not allowed; too large blocks; the same
            band twice; no coordinate reference system; a scale that is none, or no tags
            where they are wanted; clouds are to be masked without SCL or QA60.
    """

    def __init__(
        self,
        paths: str | Path | Sequence[str | Path],
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
            self.level = level_in(
                text
                for path, source in zip(self.paths, sources, strict=True)
                for text in (*path.absolute().parts, *source.tags().values())
            )
            self._slots = self._named(sources, bands)
            self.bands = tuple(self._slots)
            self.tags = _tags(self._slots)
            self.units = self._units(scale, offset)
            self.offset_is_due = scale != TAGS and not offset and self._has_offset()
            self._clouds = mask_clouds
            self._quality = [name for name in QUALITY if name in self._slots]
            if mask_clouds and not self._quality:
                raise UserError(
                    f"{self}: expected a band {' or '.join(QUALITY)} to mask clouds by,"
                    f" found {', '.join(self.bands)}; add its file, or leave "
                    "--mask-clouds out"
                )
            if not allow_no_crs:
                for path, source in zip(self.paths, sources, strict=True):
                    _check_crs(path, source)
            self.grid = grid or self._finest()
            self._groups = self._on_grids()
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
        """Whether the scene has what a network wants.

        Raises:
            UserError: bands are missing; both sides are listed.
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
        values = self._read(names, window)
        pixels, valid = {}, np.ones((height, width), bool)
        for name, some in inputs.items():
            together = np.stack([values[n] for n in some], axis=-1)
            empty = np.isnan(together)
            valid &= ~empty.all(axis=-1)[place]
            if empty.any():
                medians = self.medians(names).astype(np.float32)
                mine = medians[[names.index(n) for n in some]]
                together = np.where(empty, mine, together)
            pixels[name] = np.ascontiguousarray(together[place])
        inside_rows = (np.arange(height) + top == rows)[:, None]
        inside_columns = np.arange(width) + left == columns
        return pixels, valid & inside_rows & inside_columns

    def medians(self, names: Sequence[str]) -> np.ndarray:
        """The median of each band over 16 small windows, float64; 0 where no data."""
        read = self.sample(names).read
        return np.array([np.median(v) if len(v) else 0.0 for v in read.values()])

    def sample(self, names: Sequence[str]) -> Sample:
        """The values of some bands in 16 small windows, evenly spread."""
        key = tuple(names)
        if key not in self._samples:
            self._samples[key] = self._sampled(key)
        return self._samples[key]

    def notes(self, names: Sequence[str]) -> list[str]:
        """Sentences on what was taken for nodata where these bands are read."""
        sample, found = self.sample(names), []
        by = " and ".join(self._quality)
        of = "of the pixels in 16 windows spread over the scene"
        for shares, text in (
            (sample.zero, "0 is taken for nodata, which is not declared, in"),
            (sample.unusable, f"masked by {by}:"),
        ):
            each = _each(shares)
            if each:
                found.append(f"{self}: {text} {each} {of}")
        if self._renamed:
            found.append(
                f"{self}: --bands names bands otherwise than the files do: "
                + ", ".join(self._renamed)
            )
        least = min(sample.missing.values(), default=0.0)
        each = ", ".join(
            f"{n} {share:.1%}" for n, share in sample.missing.items() if share > least
        )
        if each:
            found.append(
                f"{self}: no data where other bands have some, in {each} {of}; the "
                "band's median is taken there"
            )
        if sample.clouds and not self._clouds:
            found.append(
                f"{self}: {by} call {sample.clouds:.1%} {of} cloud or snow, and they "
                "are mapped as the rest is; --mask-clouds leaves them out"
            )
        return found

    def _sampled(self, names: Sequence[str]) -> Sample:
        raw: dict[str, list[np.ndarray]] = {name: [] for name in names}
        zero, bad = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0)
        height, width = self.grid.height, self.grid.width
        cloudy, gone = 0.0, dict.fromkeys(names, 0.0)
        for row in np.linspace(0, max(0, height - _SIZE), _PLACES).astype(int):
            for column in np.linspace(0, max(0, width - _SIZE), _PLACES).astype(int):
                window = (
                    (int(row), int(min(row + _SIZE, height))),
                    (int(column), int(min(column + _SIZE, width))),
                )
                values, zeros = self._stored(names, window)
                without, clouds = self._quality_masks(window)
                cloudy += float((clouds & ~without).mean()) / _PLACES**2
                without |= clouds & self._clouds
                for name, one in values.items():
                    zero[name] += float(zeros[name].mean()) / _PLACES**2
                    there = ~np.isnan(one)
                    gone[name] += float((~there & ~zeros[name]).mean()) / _PLACES**2
                    if band(name).quantity == "reflectance":
                        bad[name] += float((there & without).mean()) / _PLACES**2
                        there &= ~without
                    raw[name].append(one[there])
        merged = {name: np.concatenate(kept) for name, kept in raw.items()}
        return Sample(merged, self._scaled(merged), zero, bad, cloudy, gone)

    def _named(
        self, sources: Sequence[Any], names: Sequence[str] | None
    ) -> dict[str, Slot]:
        """Where each band lies, but for alpha bands."""
        slots = [
            Slot(path, source, index)
            for path, source in zip(self.paths, sources, strict=True)
            for index in source.indexes
        ]
        pixels = [s for s in slots if s.number not in alpha_bands(s.source)]
        if names is None:
            names = [
                name
                for path, source in zip(self.paths, sources, strict=True)
                for name in _told_names(path, source)
            ]
        elif not all(name.strip() for name in names):
            raise UserError(
                f"{self}: expected names of bands, found none between two commas; "
                "give --bands in the order of the file"
            )
        elif len(names) == len(slots):
            # an alpha band was named as well, or a band is not one that a writer says
            kept = [
                (name, slot)
                for name, slot in zip(names, slots, strict=True)
                if slot in pixels or scene_band(name) in SENSED
            ]
            names, pixels = [name for name, _ in kept], [slot for _, slot in kept]
        elif len(names) != len(pixels):
            raise UserError(
                f"{self}: expected one name for each of its {len(pixels)} bands, found "
                f"{len(names)} ({', '.join(names)}); give --bands in the order of the "
                "file"
            )
        found: dict[str, Slot] = {}
        self._renamed: list[str] = []
        for name, slot in zip(map(scene_band, names), pixels, strict=True):
            told = scene_band(slot.source.descriptions[slot.number - 1] or "")
            if told in SENSED and told != name:
                if told in map(scene_band, names):
                    raise UserError(
                        f"{slot.path}: expected band {slot.number} to be {name}, as it "
                        f"is named, found that the file calls it {told}; bands are "
                        "matched by name: leave --bands out, or correct the file"
                    )
                self._renamed.append(f"{told} is {name}")
            if name in found:
                raise UserError(
                    f"{self}: expected each band once, found {name} in "
                    f"{found[name].path.name} and {slot.path.name}; leave one out"
                )
            found[name] = slot
        return found

    def _units(self, scale: float | str, offset: float) -> dict[str, tuple[float, ...]]:
        """By band, scale and offset that are applied."""
        if scale == TAGS:
            if offset:
                raise UserError(
                    f"offset: expected none beside the scale {TAGS}, which has the "
                    f"files' own, got {offset:g}; leave it out"
                )
            if not self.tags:
                raise UserError(
                    f"{self}: expected tags of scale or offset, found none; give "
                    "--scale and --offset as numbers"
                )
            return {name: self.tags.get(name, (1.0, 0.0)) for name in self.bands}
        number = _number(scale)
        return {
            name: (1.0, 0.0)
            if name in QUALITY or band(name).quantity in RADAR
            else (number, offset)
            for name in self.bands
        }

    def _finest(self) -> Grid:
        """Of the files that have more than classes, if there are any."""
        first: dict[Path, str] = {}
        for name, slot in self._slots.items():
            if name not in QUALITY or slot.path not in first:
                first.setdefault(slot.path, name)
        grids = {n: Grid.of(self._slots[n].source) for n in first.values()}
        pixels = {n: grid for n, grid in grids.items() if n not in QUALITY}
        return finest(pixels or grids)

    def _on_grids(self) -> list[Rasters]:
        """The bands by their grid; classes for themselves."""
        found: list[tuple[bool, Grid, dict[str, Slot]]] = []
        for name, slot in self._slots.items():
            grid, classes = Grid.of(slot.source), name in QUALITY
            placed = is_on_earth(grid.crs) and is_on_earth(self.grid.crs)
            if not placed and not self.grid.holds(grid):
                raise UserError(
                    f"{self}: expected files without a coordinate reference system to "
                    f"have one grid, found {grid.height}×{grid.width} and "
                    f"{self.grid.height}×{self.grid.width} pixels; georeference them"
                )
            for other, there, bands in found:
                if other == classes and there.holds(grid):
                    bands[name] = slot
                    break
            else:
                found.append((classes, grid, {name: slot}))
        return [Rasters(grid, bands) for _, grid, bands in found]

    def _read(self, names: Sequence[str], window: Any) -> dict[str, np.ndarray]:
        """The bands in a window inside of the scene, float32, NaN without data."""
        values, _ = self._stored(names, window)
        optical = [n for n in names if band(n).quantity == "reflectance"]
        if optical and self._quality:
            without, clouds = self._quality_masks(window)
            without |= clouds & self._clouds
            for name in optical:
                values[name][without] = np.nan
        return self._scaled(values)

    def _stored(
        self, names: Sequence[str], window: Any
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Values as they are stored, and which are missing because they are 0."""
        values: dict[str, np.ndarray] = {}
        zeros: dict[str, np.ndarray] = {}
        for group in self._groups:
            here = [name for name in names if name in group.slots]
            if here:
                pixels = group.read(here, self.grid, window)
                values.update(zip(here, pixels.values, strict=True))
                zeros.update(zip(here, pixels.zeros, strict=True))
        # where bands of another grid have data a 0 is a dark pixel
        dark = [n for n in names if zeros[n].any() and not self._slots[n].zero_is_none]
        if dark and len(self._groups) > 1:
            some = np.zeros(zeros[dark[0]].shape, bool)
            for name in names:
                if band(name).quantity == "reflectance":
                    some |= ~np.isnan(values[name])
            for name in dark:
                values[name][zeros[name] & some] = 0
                zeros[name] = zeros[name] & ~some
        return {n: values[n] for n in names}, zeros

    def _quality_masks(self, window: Any) -> tuple[np.ndarray, np.ndarray]:
        """Pixels that are no data, and clouds, by SCL and QA60."""
        (top, bottom), (left, right) = window
        without = np.zeros((bottom - top, right - left), bool)
        clouds = without.copy()
        for name, values in self._stored(self._quality, window)[0].items():
            without |= unusable(name, values, clouds=False)
            clouds |= unusable(name, values, clouds=True)
        return without, clouds

    def _scaled(self, values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        found = {}
        for name, one in values.items():
            scale, offset = map(np.float32, self.units[name])
            found[name] = one if (scale, offset) == (1, 0) else one * scale + offset
        return found

    def _has_offset(self) -> bool:
        return any(has_offset(path.absolute()) for path in self.paths)


def grid_of(
    path: str | Path, allow_no_crs: bool = False, allow_remote: bool = False
) -> Grid:
    """The grid of a raster file.

    Raises:
        UserError: it cannot be read, may name other files where that is not allowed, or
            has no coordinate reference system.
    """
    path = Path(path)
    check_regular(path)
    if not (os.path.isfile(path) or is_remote(path)):
        raise UserError(
            f"{path}: expected a raster whose grid the map takes, found nothing of "
            "this name; check the path"
        )
    with opened(path, vrt=True, allow_remote=allow_remote) as source:
        if not allow_no_crs:
            _check_crs(path, source)
        return Grid.of(source)


def _check_crs(path: Path, source: Any) -> None:
    if not is_on_earth(source.crs):
        found = "one without a place on the Earth" if source.crs else "none"
        raise UserError(
            f"{gdal_name(path)}: expected a coordinate reference system, found {found};"
            " georeference it, or take it as it is with --allow-no-crs"
        )


def _each(shares: Mapping[str, float]) -> str:
    """Bands with their shares, equal ones once."""
    texts = {name: f"{share:.1%}" for name, share in shares.items() if share}
    if len(texts) == len(shares) > 1 and len(set(texts.values())) == 1:
        return f"all bands {next(iter(texts.values()))}"
    return ", ".join(f"{name} {text}" for name, text in texts.items())


def _told_names(path: Path, source: Any) -> list[str]:
    """The names of a file's bands, but for alpha bands."""
    alpha = alpha_bands(source)
    names = [
        name
        for index, name in zip(source.indexes, source.descriptions, strict=True)
        if index not in alpha
    ]
    if all(names):
        return names
    if len(names) == 1 and (name := band_in(path)):
        return [name]
    raise UserError(
        f"{path}: expected a description of each of its {len(names)} bands, "
        f"found {sum(map(bool, names))}; name them in their order with "
        "--bands B02,B03,…"
    )


def _tags(slots: Mapping[str, Slot]) -> dict[str, tuple[float, float]]:
    """Scale and offset that files tell, of the bands where they do."""
    found = {}
    for name, (_, source, index) in slots.items():
        told_ = (source.scales[index - 1], source.offsets[index - 1])
        if name not in QUALITY and told_ != (1.0, 0.0):
            found[name] = told_
    return found


def _number(scale: float | str) -> float:
    try:
        number = float(scale)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UserError(
            f"scale: expected a number, or {TAGS} for those of the files, got "
            f"{scale!r}; digital numbers to reflectance: 0.0001"
        )
    return number


def _reflected(first: int, number: int, size: int) -> np.ndarray:
    """Indices of a stretch that may reach over the edges, reflected there."""
    if size == 1:
        return np.zeros(number, dtype=np.int64)
    around = np.abs(np.arange(first, first + number)) % (2 * size - 2)
    return np.minimum(around, 2 * size - 2 - around)
