"""A supernet of one block and one cell, for patches of 8×8 pixels."""

from __future__ import annotations

import keras
import numpy as np

from autoai4eo.compact.complexity import Complexity, complexity
from autoai4eo.compact.supernet import Space, Supernet, supernet

SHAPES = {"sen2": (8, 8, 4)}
CLASSES = 3


def costs(space: Space, cost: str = "flops") -> Complexity:
    return complexity(SHAPES, CLASSES, space.channels, space.blocks, space.cells, cost)


def built(space: Space | None = None, constant: float = 0.0, **how) -> Supernet:
    space = space or Space(channels=4, blocks=1, depth=1)
    keras.utils.set_random_seed(0)
    return supernet(space, SHAPES, CLASSES, costs(space), constant, 0, **how)


def batch(samples: int = 16, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(samples) % CLASSES
    pixels = rng.normal(0, 0.3, (samples, 8, 8, 4)).astype("float32")
    pixels[np.arange(samples), :, :, labels] += 1
    return pixels, np.eye(CLASSES, dtype="float32")[labels]
