"""The bands of a scene as they are stored, read by windows of one grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autoai4eo.data.scenes.grid import Grid, is_on_earth
from autoai4eo.data.scenes.masks import QUALITY, unusable
from autoai4eo.data.scenes.rasters import Rasters, Slot, zero_kind
from autoai4eo.data.sensors import band
from autoai4eo.errors import UserError


@dataclass(frozen=True)
class StoredBands:
    """Bands of several files, and which of their pixels have no data.

    Attributes:
        grid: of the pixels.
        slots: by band, where it lies.
        rasters: the bands by the grid of their files.
        mask_clouds: whether clouds are pixels without data.
    """

    grid: Grid
    slots: Mapping[str, Slot]
    rasters: Sequence[Rasters]
    mask_clouds: bool

    @classmethod
    def of(
        cls, scene: str, slots: Mapping[str, Slot], grid: Grid, mask_clouds: bool
    ) -> StoredBands:
        """The bands of some files.

        Args:
            scene: its name, for messages.
            slots: where each band lies.
            grid: of the pixels.
            mask_clouds: whether clouds are pixels without data.

        Raises:
            UserError: files of several grids without a place on the Earth.
        """
        found: list[tuple[bool, Grid, dict[str, Slot]]] = []
        for name, slot in slots.items():
            mine, classes = Grid.of(slot.source), name in QUALITY
            placed = is_on_earth(mine.crs) and is_on_earth(grid.crs)
            if not placed and not grid.holds(mine):
                raise UserError(
                    f"{scene}: expected files without a coordinate reference system to "
                    f"have one grid, found {mine.height}×{mine.width} and "
                    f"{grid.height}×{grid.width} pixels; georeference them"
                )
            for other, where, bands in found:
                if other == classes and where.holds(mine):
                    bands[name] = slot
                    break
            else:
                found.append((classes, mine, {name: slot}))
        rasters = [Rasters(where, bands) for _, where, bands in found]
        return cls(grid, slots, rasters, mask_clouds)

    @property
    def quality(self) -> list[str]:
        """The bands that mark unusable pixels."""
        return [name for name in QUALITY if name in self.slots]

    def resampled(self, names: Sequence[str]) -> list[str]:
        """Returns a sentence on the bands of each other grid than the scene's."""
        found = []
        for group in self.rasters:
            here = [name for name in names if name in group.slots]
            if here and not self.grid.holds(group.grid):
                unit = " m" if is_on_earth(self.grid.crs) else ""
                size, finest = group.grid.metres(), self.grid.metres()
                found.append(
                    f"{', '.join(here)}: their pixels of {size:.3g}{unit} are "
                    f"interpolated (bilinear) to the {finest:.3g}{unit} of the scene's "
                    "finest bands"
                )
        return found

    def read(self, names: Sequence[str], window: Any) -> dict[str, np.ndarray]:
        """The bands in a window inside of the scene, float32, NaN without data."""
        values, _ = self.stored(names, window)
        optical = [n for n in names if band(n).quantity == "reflectance"]
        if optical and self.quality:
            without, clouds = self.quality_masks(window)
            without |= clouds & self.mask_clouds
            for name in optical:
                values[name][without] = np.nan
        return values

    def stored(
        self, names: Sequence[str], window: Any
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Values as they are stored, and which are missing because they are 0."""
        (top, bottom), (left, right) = window
        shape = (bottom - top, right - left)
        values: dict[str, np.ndarray] = {}
        zeros: dict[str, np.ndarray] = {}
        for group in self.rasters:
            here = [name for name in names if name in group.slots]
            if here:
                pixels = group.read(here, self.grid, window)
                values.update(zip(here, pixels.values, strict=True))
                zeros.update(zip(here, pixels.zeros, strict=True))
        # where bands of another grid have data a 0 is a dark pixel
        for kind in ("optical", "radar") if len(self.rasters) > 1 else ():
            mine = [n for n in names if zero_kind(n) == kind]
            some = np.zeros(shape, bool)
            for name in mine:
                some |= ~np.isnan(values[name])
            for name in mine:
                alone = kind == "optical" and self.slots[name].zero_is_none
                if not alone and zeros[name].any():
                    values[name][zeros[name] & some] = 0
                    zeros[name] = zeros[name] & ~some
        return {n: values[n] for n in names}, zeros

    def quality_masks(self, window: Any) -> tuple[np.ndarray, np.ndarray]:
        """Pixels that are no data, and clouds, by SCL and QA60."""
        (top, bottom), (left, right) = window
        without = np.zeros((bottom - top, right - left), bool)
        clouds = without.copy()
        for name, values in self.stored(self.quality, window)[0].items():
            without |= unusable(name, values, clouds=False)
            clouds |= unusable(name, values, clouds=True)
        return without, clouds
