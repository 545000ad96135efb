"""What is to be predicted for a sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autoai4eo.data.sensors import Band

#: A class, several labels, numbers, a class for each pixel, an image, nothing.
KINDS = ("class", "labels", "value", "mask", "image", "none")
_QUANTILES = 10  # of a value, for strata


@dataclass(frozen=True)
class Target:
    """What is to be predicted for a sample.

    Attributes:
        kind: one of `KINDS`. Of one sample ``read_targets`` gives: ``class``: a class
            number, int64 (); ``labels``: which classes it has, uint8 (classes,);
            ``value``: numbers, float32 (values,), NaN where one is not known; ``mask``:
            a class for each pixel, int16 (H, W); ``image``: float32 (H, W, bands).
        classes: names of the classes; of a ``value`` the names of the numbers.
        shape: of one sample's target, as above.
        bands: of an ``image``.
        ignored: the class number that stands for "not known": −1 of a ``class``.
    """

    kind: str
    classes: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()
    bands: tuple[Band, ...] = ()
    ignored: int | None = None

    def __post_init__(self) -> None:
        assert self.kind in KINDS, self.kind


def strata(target: Target, targets: np.ndarray) -> np.ndarray:
    """What splits and samplers balance: which strata each sample belongs to.

    Args:
        target: of kind ``class``, ``labels`` or ``value``.
        targets: of N samples, see `Target`.

    Returns:
        bool (N, strata): of a ``class`` and of ``labels`` the classes; of a ``value``
        the tenths of each number's distribution.
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
