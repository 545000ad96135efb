"""Small data sets with masks, in memory."""

import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.readers.arrays import ArraysReader
from autoai4eo.data.sensors import band
from autoai4eo.data.target import Target

CLASSES = ("water", "forest", "town")


class MaskReader(ArraysReader):
    """Arrays (N, H, W, bands) with masks (N, H, W); counts the tiles read at once."""

    def __init__(self, pixels, masks, classes=CLASSES, groups=None):
        super().__init__({"sen2": pixels}, None)
        self.target = Target("mask", tuple(classes), masks.shape[1:], ignored=-1)
        self.targets = masks.astype(np.int16)
        self.groups = {} if groups is None else groups
        self.most = 0

    @property
    def class_pixels(self):
        every = self.targets[..., None] == np.arange(len(self.target.classes))
        return every.sum(axis=(1, 2))

    def read_targets(self, rows):
        self.most = max(self.most, len(rows))
        return self.targets[rows]


def random_masks(n=12, size=16, classes=3, unknown=0.1, seed=0):
    """Returns masks of blocks of 4×4 pixels, with some unknown pixels."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, classes, (n, -(-size // 4), -(-size // 4)))
    masks = np.kron(blocks, np.ones((1, 4, 4), int))[:, :size, :size]
    return np.where(rng.random(masks.shape) < unknown, -1, masks).astype(np.int16)


def dataset(masks=None, noise=0.3, bands=("B03", "B04", "B08"), seed=0, **more):
    """Returns tiles in which the band of a pixel's class is bright."""
    masks = random_masks() if masks is None else masks
    rng = np.random.default_rng(seed)
    pixels = rng.normal(1, noise, (*masks.shape, len(bands)))
    pixels += 2 * (masks[..., None] == np.arange(len(bands)))
    data = Dataset(MaskReader(pixels.astype("float32"), masks, **more))
    return data.name_bands("sen2", [band(b).name for b in bands])
