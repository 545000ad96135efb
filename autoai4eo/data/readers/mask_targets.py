"""The part of a reader whose target may be masks, which are read when needed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from autoai4eo.data.class_colours import Rgb
from autoai4eo.data.masks.found import FoundMasks
from autoai4eo.data.masks.resampling import are_multiples, on_grid, told
from autoai4eo.data.readers.base import InputSpec, TargetsInMemory
from autoai4eo.errors import UserError


def check_shape(
    count: int,
    shape: tuple[int, ...],
    samples: int,
    inputs: Sequence[InputSpec],
    name: str,
    path: str,
) -> list[str]:
    """Checks that masks are as many as the images, on grids that fit together.

    Raises:
        UserError: they are not as many, or the sizes are no whole multiples.

    Returns:
        Sentences on inputs that are resampled to the grid of the masks.
    """
    if count != samples:
        raise UserError(
            f"{path}: expected as many masks as images, found {count} masks and "
            f"{samples} images; write the data anew"
        )
    for spec in inputs:
        if not are_multiples(spec.shape[:2], (shape[0], shape[1])):
            raise UserError(
                f"{path}: expected {name} of {spec.height} × {spec.width} pixels as "
                f"{spec.name} has, or whole multiples, found {shape[0]} × {shape[1]}; "
                "resample them to one grid, or leave an input out when you write the "
                "data"
            )
    every = [told(s.name, s.shape[:2], (shape[0], shape[1])) for s in inputs]
    return [note for note in every if note is not None]


class TargetsOrMasks(TargetsInMemory, ABC):
    """Targets in memory, or masks that are read from the source.

    Attributes:
        masks: the masks of all samples; None: the target is of another kind.
        colours: of stored values, red, green and blue, if the source has them.
        inputs: see `Reader`.
    """

    masks: FoundMasks | None = None
    colours: Mapping[int, Rgb] = MappingProxyType({})
    inputs: tuple[InputSpec, ...]

    @abstractmethod
    def stored_masks(self, rows: np.ndarray) -> np.ndarray:
        """Reads masks as they are stored, whole numbers (n, H, W).

        Args:
            rows: int64 (n,), strictly increasing.
        """

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
        return self.masks.numbers_of(self.stored_masks(some))[back]

    @property
    def class_pixels(self) -> np.ndarray:
        """See `Reader`."""
        return super().class_pixels if self.masks is None else self.masks.class_pixels


def is_mask(data: Any) -> bool:
    """Whether an array or an item of a file is masks, (N, H, W) or (N, H, W, 1)."""
    shape: tuple[int, ...] = getattr(data, "shape", ()) or ()
    return len(shape) == 3 or (len(shape) == 4 and shape[3] == 1)
