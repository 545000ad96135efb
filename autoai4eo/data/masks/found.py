"""The masks of a data set: their classes, and how many pixels each class has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from autoai4eo.data.masks.classes import (
    IGNORED,
    MaskClasses,
    MaskOptions,
    classes_of,
)
from autoai4eo.data.masks.colour_values import MOST_COLOURS
from autoai4eo.data.masks.values import survey
from autoai4eo.data.target import Target


@dataclass(frozen=True)
class FoundMasks:
    """The masks of N samples.

    Attributes:
        path: of the data, for messages.
        classes: which stored value means which class.
        class_pixels: of each class in each sample, int64 (N, classes).
        shape: height and width of a mask.
    """

    path: str
    classes: MaskClasses
    class_pixels: np.ndarray
    shape: tuple[int, int]

    @classmethod
    def of(
        cls,
        masks: Iterable[np.ndarray],
        shape: tuple[int, int],
        options: MaskOptions,
        path: str,
    ) -> tuple[FoundMasks, list[str]]:
        """Looks at each mask once, and returns them and notes.

        Args:
            masks: of each sample, whole numbers (H, W); see `values.as_whole`.
            shape: height and width of a mask.
            options: how values become classes.
            path: of the data, for messages.

        Raises:
            UserError: see `autoai4eo.data.masks.values.survey` and `classes_of`.
        """
        how = (MOST_COLOURS, "colours that are classes") if options.coloured else ()
        classes, pixels, notes = classes_of(survey(masks, path, *how), options, path)
        return cls(path, classes, pixels, shape), notes

    @property
    def target(self) -> Target:
        """The target of a sample."""
        return Target("mask", self.classes.names, self.shape, ignored=IGNORED)

    def numbers_of(self, masks: np.ndarray) -> np.ndarray:
        """Returns the class number of each pixel of stored masks, int16."""
        return self.classes.numbers_of(masks, self.path)
