"""The target: what a network predicts for a sample."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from autoai4eo.data.class_colours import Rgb
from autoai4eo.data.sensors import Band

#: What files can hold and networks learn: a class, several labels, numbers, a class for
#: each pixel.
LEARNED = ("class", "labels", "value", "mask")
#: All kinds: these, an image, nothing.
KINDS = (*LEARNED, "image", "none")
#: The name of a class that nothing names: of its number, or the colour of its mask.
UNNAMED_CLASS = re.compile(r"class (\d+)|#[0-9a-f]{6}")
#: What to do where samples have no target.
TARGETS_COME_FROM = (
    "of images, give the folder that holds one folder for each class; of scenes, their "
    "masks too (--masks); else labels or values beside them"
)
_QUANTILES = 10  # of a value, for strata


@dataclass(frozen=True)
class Target:
    """What a network predicts for a sample.

    Attributes:
        kind: one of `KINDS`. For one sample, ``read_targets`` returns: ``class``: a
            class number, int64 (); ``labels``: 1 for each class that it has, uint8
            (classes,); ``value``: numbers, float32 (values,), NaN if unknown; ``mask``:
            a class for each pixel, int16 (H, W); ``image``: float32 (H, W, bands).
        classes: names of the classes; for a ``value``, names of the numbers.
        shape: shape of one sample's target, as above.
        bands: bands of an ``image``.
        ignored: class number that means "unknown": −1 for a ``class``.
        named: whether a ``class`` was given as an array of names, not of numbers.
        colours: red, green and blue of each class, by name, if the masks that it was
            learned from have a table of them; else {}.
    """

    kind: str
    classes: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()
    bands: tuple[Band, ...] = ()
    ignored: int | None = None
    named: bool = False
    colours: Mapping[str, Rgb] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        assert self.kind in KINDS, self.kind

    @property
    def noun(self) -> str:
        """What each of `classes` is: a ``class`` or a ``value``."""
        return "value" if self.kind == "value" else "class"

    @property
    def nouns(self) -> str:
        """What `classes` are: ``classes`` or ``values``."""
        return "values" if self.kind == "value" else "classes"

    @property
    def sample(self) -> str:
        """What a sample is: a ``patch``, or a ``tile`` whose pixels have classes."""
        return "tile" if self.kind == "mask" else "patch"

    @property
    def output(self) -> str:
        """What a network gives for `classes`: ``probabilities`` or ``values``."""
        return "values" if self.kind == "value" else "probabilities"


def mask_strata(class_pixels: np.ndarray) -> np.ndarray:
    """Returns the strata of masks: which classes each has, and has much of.

    Args:
        class_pixels: of each class in each mask, int64 (N, classes).

    Returns:
        bool (N, 2 × classes): whether the class occurs; and whether its share of the
        known pixels is above the median of the masks in which it occurs.
    """
    known = class_pixels.sum(axis=1, keepdims=True)
    shares = class_pixels / np.maximum(known, 1)
    occurs = class_pixels > 0
    middle = [np.median(one[one > 0]) if (one > 0).any() else 1.0 for one in shares.T]
    return np.concatenate([occurs, shares > np.array(middle)], axis=1)


def strata(target: Target, targets: np.ndarray) -> np.ndarray:
    """Returns the strata of each sample, which splits and samplers balance.

    Args:
        target: of kind ``class``, ``labels`` or ``value``.
        targets: of N samples, see `Target`.

    Returns:
        bool (N, strata): for ``class`` and ``labels`` the classes; for ``value`` the
        tenths of each number's distribution.
    """
    if target.kind == "class":
        return np.asarray(targets[:, None] == np.arange(len(target.classes)))
    if target.kind == "labels":
        return targets.astype(bool)
    columns = []
    for values in targets.T:
        known = values[np.isfinite(values)]
        edges = np.unique(np.quantile(known, np.linspace(0, 1, _QUANTILES + 1)[1:-1]))
        tenth = np.where(
            np.isfinite(values), np.searchsorted(edges, values, "right"), -1
        )
        columns.append(tenth[:, None] == np.arange(len(edges) + 1))
    return np.concatenate(columns, axis=1)
