"""Reads tiles of scenes with masks: georeferenced rasters, a class for each pixel.

A sample is a tile, see `autoai4eo.data.masks.tiles`. Scenes are read as for a map, see
`Scene`: a value without data becomes the median of its band, and the bands of several
files of a scene lie on the grid of the finest. A pixel has the class of its mask unless
an input has data in none of its bands there, as in a map. Not supported: scenes without
names of bands (name them with ``bands``).
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.data.masks.classes import MaskOptions
from autoai4eo.data.masks.colour_values import colour_of
from autoai4eo.data.masks.found import FoundMasks
from autoai4eo.data.masks.no_data import marked
from autoai4eo.data.masks.pairs import Pair, read_list
from autoai4eo.data.masks.pixel_sets import PixelSets
from autoai4eo.data.masks.raster import MaskRaster
from autoai4eo.data.masks.tiles import TilePlaces, check_tile, cut, side_by_side
from autoai4eo.data.masks.values import OUTSIDE
from autoai4eo.data.polygons.placing import to_lonlat
from autoai4eo.data.polygons.scene_inputs import inputs_of, level_of
from autoai4eo.data.readers.base import DEFAULTS, InputSpec, ReadOptions
from autoai4eo.data.readers.mask_targets import TargetsOrMasks
from autoai4eo.data.readers.scene_names import (
    add_names,
    check_alike,
    first_bands,
    names_needed,
    told_resampled,
)
from autoai4eo.data.scenes.grid import Grid, is_on_earth
from autoai4eo.data.scenes.scene import Scene
from autoai4eo.data.sensors import band, sensor_of
from autoai4eo.errors import UserError

_OPEN = 8  # scenes that stay open
_TOLD = 8  # scenes whose missing pixels are looked for
_RUNS = 16  # about so many runs of tiles show where some bands have no data


def open_list(path: Path, options: ReadOptions = DEFAULTS) -> ScenePairsReader:
    """Opens a CSV or GeoJSON list of images and masks, see `read_list`."""
    return ScenePairsReader(str(path), read_list(path), options)


class ScenePairsReader(TargetsOrMasks):
    """See `Reader`. Each process opens a scene at its first read.

    Groups: ``group`` where a list has it, and ``scene``.

    Args:
        path: for messages.
        pairs: scenes and masks.
        options: see `ReadOptions`.

    Raises:
        UserError: a scene or mask cannot be used; scenes have different bands; see
            `cut`, `is_same` and `FoundMasks.of`.
    """

    chunk_rows = 1
    whole = False
    pixel_bytes = 4
    notes: tuple[str, ...]

    def __init__(
        self, path: str, pairs: Sequence[Pair], options: ReadOptions = DEFAULTS
    ) -> None:
        self.path = path
        if options.kind not in (None, "none", "mask"):
            raise UserError(
                f"{path}: expected the kind mask for scenes with masks, found "
                f"{options.kind}; leave it out"
            )
        check_tile(options.tile, options.tile_stride)
        self._pairs = list(pairs)
        self._tile = options.tile
        self._allow_remote = options.allow_remote
        self._bands = names_needed(pairs, options)
        self._inputs: dict[str, tuple[str, ...]] = {}
        self._grids: list[Grid] = []
        self._forget()
        self.notes = ()
        names: dict[int, str] = {}
        coloured: list[bool] = []
        of, places, repeated = [], [], []
        resampled: list[str] = []
        self._interpolated: Counter[str] = Counter()
        for i, pair in enumerate(self._pairs):
            with self._scene_of(pair) as scene:
                self._look(scene, options, first=i == 0, told=i < _TOLD)
                self._grids.append(scene.grid)
            grid = self._grids[i]
            tiles = cut(
                grid.height, grid.width, self._tile, options.tile_stride, str(scene)
            )
            of.append(np.full(len(tiles.places), i))
            places.append(tiles.places)
            repeated.append(tiles.repeated)
            with self._mask_of(i) as mask:
                add_names(names, mask.names, pair.mask)
                self.colours = {**mask.colours, **self.colours}
                coloured.append(mask.is_coloured)
                check_alike(coloured, pair.mask)
                if mask.resampled:
                    resampled.append(pair.mask.name)
        self._of, self._places = np.concatenate(of), np.concatenate(places)
        self._repeated = np.concatenate(repeated)
        self.places = TilePlaces(
            np.array([str(pair.paths) for pair in pairs], object)[self._of],
            np.array([str(pair.mask) for pair in pairs], object)[self._of],
            self._places,
            once=options.tile_stride in (None, self._tile),
        )
        self.notes += told_resampled(self._interpolated, resampled, len(pairs))
        self.coloured = coloured[0]
        self._add_masks(names, options)
        self._add_groups()

    def _look(
        self, scene: Scene, options: ReadOptions, first: bool, told: bool
    ) -> None:
        """Takes the inputs from the first scene, and checks those of others."""
        if first:
            every = inputs_of(scene)
            some = {n: every[n] for n in options.inputs or () if n in every}
            self._inputs = some or every  # a name that is not there is told later
            levels = level_of(scene, self._inputs)
            self.inputs = tuple(
                InputSpec(
                    name,
                    sensor_of(bands),
                    bands,
                    self._tile,
                    self._tile,
                    level=levels.get(name),
                )
                for name, some in self._inputs.items()
                for bands in [tuple(band(one) for one in some)]
            )
        wanted = [name for some in self._inputs.values() for name in some]
        missing = [name for name in wanted if name not in scene.bands]
        if missing:
            raise UserError(
                f"{scene}: expected the bands {', '.join(wanted)} as "
                f"{self._pairs[0].name} has, found {', '.join(scene.bands)}; "
                f"{', '.join(missing)} missing: leave the scene out, or write all with "
                "the same bands"
            )
        self._interpolated.update(scene.resampled(wanted))
        if told:
            self.notes += tuple(scene.notes(wanted))

    def _add_masks(self, names: Mapping[int, str], options: ReadOptions) -> None:
        told = MaskOptions(
            names or None,
            options.class_names,
            options.class_values,
            options.ignored,
            self.coloured,
        )
        shape = (self._tile, self._tile)
        self.no_data = PixelSets(shape)
        partly = every = 0
        runs = side_by_side(self._of, self._places, self._tile)
        apart = max(1, len(runs) // _RUNS)

        def each() -> Iterator[np.ndarray]:
            nonlocal partly, every
            for number, run in enumerate(runs):
                in_all = number % apart == 0
                some, all_bands = self._look_at_pixels(run, in_all)
                if in_all:
                    partly += int((some & ~all_bands).sum())
                    every += some.size
                yield from self._marked(run)

        masks, notes = FoundMasks.of(each(), shape, told, self.path)
        self.use_masks(masks)
        if self.coloured:
            self.colours = {value: colour_of(value) for value in masks.classes.by_value}
        self.notes += tuple(notes)
        if partly:
            about = "about " if apart > 1 else ""
            self.notes += (
                f"{about}{partly / every:.2%} of the pixels have data in some bands "
                "only: the others take the median of their band in the scene",
            )

    def _look_at_pixels(
        self, run: np.ndarray, in_all_bands: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Keeps which pixels of tiles side by side have no data.

        Since reading is slow, further bands of an input are read only where its first
        lacks data, or where it is wanted.

        Returns:
            See `Scene.has_data`; of all bands only if that is wanted.
        """
        top, left, width = self._place_of(run)
        grid, size = self._grids[int(self._of[run[0]])], self._tile
        window = (
            top,
            left,
            min(size, grid.height - top),
            min(width, grid.width - left),
        )
        with self._lock:
            scene = self._opened("scene", int(self._of[run[0]]))
            if not in_all_bands:
                some, _ = scene.has_data(*window, first_bands(self._inputs))
            if in_all_bands or not some.all():
                some, all_bands = scene.has_data(*window, self._inputs)
            else:
                all_bands = some
        missing = np.pad(~some, ((0, size - window[2]), (0, width - window[3])))
        assert self.no_data is not None
        for row in run.tolist():
            first = int(self._places[row, 1]) - left
            self.no_data.put(row, missing[:, first : first + size])
        return some, all_bands

    def _place_of(self, run: np.ndarray) -> tuple[int, int, int]:
        """First row, first column and width of tiles side by side."""
        top, left = self._places[run[0]].tolist()
        return top, left, int(self._places[run[-1], 1]) - left + self._tile

    def _add_groups(self) -> None:
        scenes = [pair.name for pair in self._pairs]
        self.groups: Mapping[str, np.ndarray] = {"scene": np.array(scenes)[self._of]}
        groups = np.array([pair.group for pair in self._pairs])
        if (groups != "").any():
            self.groups = {"group": groups[self._of], **self.groups}
        self.names: Sequence[str] | None = [
            f"{scenes[i]} row {row} column {column}"
            for i, (row, column) in zip(
                self._of.tolist(), self._places.tolist(), strict=True
            )
        ]

    def _scene_of(self, pair: Pair) -> Scene:
        return Scene(
            pair.paths,
            self._bands,
            allow_no_crs=True,
            allow_remote=self._allow_remote,
        )

    def _mask_of(self, i: int) -> MaskRaster:
        pair = self._pairs[i]
        return MaskRaster(pair.mask, self._grids[i], pair.name, self._allow_remote)

    def _forget(self) -> None:
        self._open: dict[tuple[str, int], Any] = {}
        self._opened_by = os.getpid()
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        left_out = ("_open", "_lock", "_opened_by")
        return {k: v for k, v in self.__dict__.items() if k not in left_out}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def _opened(self, what: str, i: int) -> Any:
        """The open scene or mask of a pair; the lock is held."""
        if self._opened_by != os.getpid():  # a fork must not share a handle
            self._open, self._opened_by = {}, os.getpid()
        key = (what, i)
        if key not in self._open:
            if len(self._open) >= 2 * _OPEN:
                self._open.pop(next(iter(self._open))).__exit__(None, None, None)
            opens = self._mask_of(i) if what == "mask" else None
            self._open[key] = opens or self._scene_of(self._pairs[i])
        else:
            self._open[key] = self._open.pop(key)  # the last used is the last to close
        return self._open[key]

    def read(self, rows: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
        """See `Reader.read`. Values without data become the median of their band.

        Raises:
            UserError: a file is damaged.
        """
        inputs = {name: self._inputs[name] for name in names}
        size = self._tile
        found = {
            name: np.empty((len(rows), size, size, len(some)), np.float32)
            for name, some in inputs.items()
        }
        for at, row in enumerate(rows):
            top, left = self._places[row].tolist()
            with self._lock:
                scene = self._opened("scene", int(self._of[row]))
                pixels, _ = scene.read(top, left, size, size, inputs)
            for name, values in pixels.items():
                found[name][at] = values
        return found

    def stored_masks(self, rows: np.ndarray) -> np.ndarray:
        """See `TargetsOrMasks.stored_masks`.

        Raises:
            UserError: a file is damaged.
        """
        return np.concatenate([self._stored(rows[i : i + 1]) for i in range(len(rows))])

    def _marked(self, run: np.ndarray) -> np.ndarray:
        """Stored masks of tiles side by side, `NO_DATA` where there are no data."""
        assert self.no_data is not None
        return marked(self._stored(run), run, self.no_data)

    def _stored(self, run: np.ndarray) -> np.ndarray:
        """Stored masks of tiles side by side, int32 (n, tile, tile)."""
        top, left, width = self._place_of(run)
        with self._lock:
            mask = self._opened("mask", int(self._of[run[0]]))
            values: np.ndarray = mask.read(top, left, self._tile, width)
        found = np.empty((len(run), self._tile, self._tile), np.int32)
        for one, row in zip(found, run.tolist(), strict=True):
            first = int(self._places[row, 1]) - left
            one[:] = values[:, first : first + self._tile]
            first_row, first_column = self._repeated[row]
            one[:first_row] = OUTSIDE
            one[:, :first_column] = OUTSIDE
        return found

    def coordinates(self) -> np.ndarray | None:
        """See `Reader.coordinates`; of the centres of tiles, if scenes have a place."""
        if not all(is_on_earth(grid.crs) for grid in self._grids):
            return None
        found = np.empty((len(self._of), 2))
        centres = self._places + self._tile / 2
        for i, grid in enumerate(self._grids):
            mine = self._of == i
            found[mine] = to_lonlat(centres[mine, 1], centres[mine, 0], grid)
        return found
