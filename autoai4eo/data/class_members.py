"""Which samples have a class."""

from __future__ import annotations

import numpy as np

from autoai4eo.data.dataset import Dataset


def having(dataset: Dataset, i: int) -> np.ndarray:
    """Returns whether each sample has a class, a label or a value, bool (N,).

    Args:
        dataset: of N samples.
        i: number of the class, label or value. A mask has the classes of its pixels.
    """
    if dataset.target.kind == "mask":
        return np.asarray(dataset.class_pixels[:, i] > 0)
    if dataset.target.kind == "class":
        return np.asarray(dataset.labels == i)
    if dataset.target.kind == "value":
        return np.asarray(np.isfinite(dataset.targets[:, i]))
    return np.asarray(dataset.targets[:, i] > 0)
