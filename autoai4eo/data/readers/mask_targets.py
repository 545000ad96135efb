"""The part of a reader whose target may be masks, which are read when needed."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from autoai4eo.data.class_colours import Rgb
from autoai4eo.data.masks.found import FoundMasks
from autoai4eo.data.masks.no_data import marked, without_data
from autoai4eo.data.masks.pixel_sets import PixelSets
from autoai4eo.data.masks.resampling import are_multiples, on_grid, told_grid
from autoai4eo.data.readers.base import InputSpec, TargetsInMemory
from autoai4eo.errors import UserError

_LOOK_VALUES = 2**23  # of masks and pixels that are looked at together


def check_shape(
    count: int,
    shape: tuple[int, ...],
    samples: Sequence[int],
    inputs: Sequence[InputSpec],
    name: str,
    path: str,
) -> list[str]:
    """Checks that masks are as many as the images, on grids that fit together.

    Args:
        count: of the masks.
        shape: height and width of a mask, and maybe more.
        samples: images of each input.
        inputs: of the data.
        name: of the masks.
        path: of the data, for messages.

    Raises:
        UserError: they are not as many, or the sizes are no whole multiples.

    Returns:
        Sentences on inputs that are resampled to the grid of the masks.
    """
    for spec, images in zip(inputs, samples, strict=True):
        if count != images:
            raise UserError(
                f"{path}: expected as many masks as images, found {count} masks and "
                f"{images} images in {spec.name}; write the data anew"
            )
    for spec in inputs:
        if not are_multiples(spec.shape[:2], (shape[0], shape[1])):
            raise UserError(
                f"{path}: expected {name} of {spec.height} × {spec.width} pixels as "
                f"{spec.name} has, or whole multiples, found {shape[0]} × {shape[1]}; "
                "resample them to one grid, or leave an input out when you write the "
                "data"
            )
    every = [told_grid(s.name, s.shape[:2], (shape[0], shape[1])) for s in inputs]
    return [note for note in every if note is not None]


class TargetsOrMasks(TargetsInMemory, ABC):
    """Targets in memory, or masks that are read from the source.

    Attributes:
        masks: the masks of all samples; None: the target is of another kind.
        colours: of stored values, red, green and blue, if the source has them.
        coloured: whether stored values are colours, see `colour_values`.
        no_data: pixels of the masks without data in one of the inputs; they have no
            class. None: there are none.
        inputs: see `Reader`.
    """

    masks: FoundMasks | None = None
    no_data: PixelSets | None = None
    colours: Mapping[int, Rgb] = MappingProxyType({})
    coloured: bool = False
    inputs: tuple[InputSpec, ...]
    chunk_rows: int

    @abstractmethod
    def stored_masks(self, rows: np.ndarray) -> np.ndarray:
        """Reads masks as they are stored, whole numbers (n, H, W).

        Args:
            rows: int64 (n,), strictly increasing.
        """

    @abstractmethod
    def read(self, rows: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
        """See `Reader.read`."""

    def look_at_masks(
        self, shape: tuple[int, int], samples: int, may_miss: Sequence[str]
    ) -> Iterator[np.ndarray]:
        """Reads each mask, and the inputs in which pixels may have no data, once.

        Args:
            shape: height and width of a mask.
            samples: how many there are.
            may_miss: names of the inputs.

        Yields:
            The stored mask of each sample, `NO_DATA` where one of these has no data.
        """
        self.no_data = PixelSets(shape)
        values = math.prod(shape)
        values += sum(math.prod(s.shape) for s in self.inputs if s.name in may_miss)
        size = -(-max(1, _LOOK_VALUES // values) // self.chunk_rows) * self.chunk_rows
        for start in range(0, samples, size):
            rows = np.arange(start, min(start + size, samples))
            if may_miss:
                pixels = self.read(rows, may_miss)
                missing = without_data(pixels.values(), shape)
                for row, one in zip(rows.tolist(), missing, strict=True):
                    self.no_data.put(row, one)
            yield from marked(self.stored_masks(rows), rows, self.no_data)

    def use_masks(self, masks: FoundMasks) -> None:
        """Makes masks the target; all inputs get their size."""
        self.masks = masks
        height, width = masks.shape
        self.inputs = tuple(
            replace(spec, height=height, width=width) for spec in self.inputs
        )
        self.target = masks.target
        self.targets = np.empty((len(masks.class_pixels), 0))

    def on_mask_grid(self, pixels: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Returns pixels by input, on the grid of the masks if these are the target."""
        if self.masks is None:
            return pixels
        return {name: on_grid(one, self.masks.shape) for name, one in pixels.items()}

    def read_targets(self, rows: np.ndarray) -> np.ndarray:
        """See `Reader.read_targets`."""
        if self.masks is None:
            return super().read_targets(rows)
        some, back = np.unique(rows, return_inverse=True)
        if not len(some):
            return np.empty((0, *self.masks.shape), np.int16)
        stored = self.stored_masks(some)
        if self.no_data is not None:
            stored = marked(stored, some, self.no_data)
        return self.masks.numbers_of(stored)[back]

    @property
    def class_pixels(self) -> np.ndarray:
        """See `Reader`."""
        return super().class_pixels if self.masks is None else self.masks.class_pixels


def is_mask(data: Any) -> bool:
    """Whether an array or an item of a file is masks, (N, H, W) or (N, H, W, 1)."""
    shape: tuple[int, ...] = getattr(data, "shape", ()) or ()
    return len(shape) == 3 or (len(shape) == 4 and shape[3] == 1)
