"""Small masks and a small segmenter, so that a whole search takes seconds."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import small

import autoai4eo as ae
from autoai4eo.data.dataset import Dataset
from autoai4eo.errors import AutoAI4EOWarning

CLASSES = ("soil", "forest", "water", "snow")
BANDS = ["B02", "B03", "B04", "B08"]
ABSENT, UNKNOWN = 3, 255  # a class without a pixel; the value of unknown pixels


def masks(samples: int = 12, size: int = 16, seed: int = 0) -> np.ndarray:
    """Masks (N, 16, 16) of three classes in vertical stripes, some pixels unknown."""
    rng = np.random.default_rng(seed)
    edges = np.sort(rng.integers(2, size - 2, (samples, 2)), axis=1)
    columns = np.arange(size)
    found = (columns[None] >= edges[:, :1]).astype("uint8") + (
        columns[None] >= edges[:, 1:]
    )
    found = np.repeat(found[:, None], size, axis=1)
    found[:, 0, 0] = UNKNOWN
    return found


def write(path: Path, samples: int = 12, seed: int = 0, size: int = 16) -> Path:
    """Tiles whose classes differ in brightness, as HDF5 with ``sen2`` and ``mask``."""
    truth = masks(samples, size, seed)
    rng = np.random.default_rng(seed + 1)
    level = np.where(truth == UNKNOWN, 0, truth)[..., None] / 2
    pixels = level + rng.normal(0, 0.1, (*truth.shape, len(BANDS)))
    with h5py.File(path, "w") as file:
        file["sen2"] = pixels.astype("float32")
        file["mask"] = truth
        file["mask"].attrs["names"] = list(CLASSES)
        file["mask"].attrs["ignored"] = UNKNOWN
        file.attrs["sen2_bands"] = BANDS
    return path


def dataset(path: Path) -> Dataset:
    """The tiles of `write`."""
    return ae.open_dataset(path, kind="mask")


class TinySegmenter(ae.ImageSegmenter):
    """One convolution and the head."""

    def fit(self, *arguments: Any, references: bool = False, **named: Any) -> None:
        super().fit(*arguments, references=references, **named)

    def _features(self) -> Any:
        return small.TinyBlock()(self.inputs[0])


def searched(folder: Path, **arguments: Any) -> TinySegmenter:
    """A finished run in ``folder/run`` on ``folder/train.h5`` and ``folder/val.h5``."""
    keras.utils.set_random_seed(0)
    train = write(folder / "train.h5", 24)
    validation = write(folder / "val.h5", 12, seed=5)
    given = {"max_trials": 1, "seed": 3, "tuner": "random", **arguments}
    model = TinySegmenter(directory=folder, project_name="run", **given)
    with small.in_this_process(), warnings.catch_warnings():
        warnings.simplefilter("ignore", AutoAI4EOWarning)  # of the unknown pixels
        model.fit(
            str(train), validation_data=str(validation), epochs=3, batch_size=4,
            verbose=0,
        )  # fmt: skip
    return model
