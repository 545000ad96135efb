"""Counts the pixels of each class in masks."""

from __future__ import annotations

import math

import numpy as np

from autoai4eo.data.dataset import Dataset

_BLOCK_BYTES = 16 * 2**20  # of masks that are in memory at once


def pixel_counts(dataset: Dataset) -> np.ndarray:
    """Returns the known pixels of each class in each mask, int64 (N, classes).

    Reads the masks block by block.

    Args:
        dataset: N samples with masks.
    """
    classes = dataset.num_classes
    counts = np.zeros((len(dataset), classes), np.int64)
    mask_bytes = 2 * math.prod(dataset.target.shape)
    for rows in dataset.blocks(_BLOCK_BYTES // mask_bytes):
        masks = dataset.read_targets(rows)
        sample, *_ = place = np.nonzero(masks >= 0)
        cells = sample * classes + masks[place]
        found = np.bincount(cells, minlength=len(rows) * classes)
        counts[rows] = found.reshape(len(rows), classes)
    return counts
