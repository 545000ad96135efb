"""Small data and a small space, so that a whole search takes seconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import autokeras as ak
import h5py
import keras
import numpy as np
import pytest

import autoai4eo as ae
from autoai4eo.blocks import pixels
from autoai4eo.data.dataset import Dataset
from autoai4eo.search.workers import pool
from autoai4eo.search.workers.progress import Progress

CLASSES = 3
#: What a network is exported as: name of the file -> format, quantize.
EXPORTS = {
    "saved": ("savedmodel", None),
    "m.keras": ("keras", None),
    "m.onnx": ("onnx", None),
    "m.tflite": ("litert", None),
    "m16.tflite": ("litert", "float16"),
    "m8.tflite": ("litert", "int8"),
    "vino": ("openvino", None),
}
#: Those of them that are folders, with their own ``model.json`` and card.
FOLDERS = ("saved", "vino")


def dataset(samples: int = 48, seed: int = 0, size: int = 8, bands: int = 4) -> Dataset:
    """Patches (N, 8, 8, 4) whose class is the band that is bright."""
    rng = np.random.default_rng(seed)
    labels = np.arange(samples) % CLASSES
    pixels = rng.normal(0, 0.3, (samples, size, size, bands)).astype("float32")
    pixels[np.arange(samples), :, :, labels] += 1
    return ae.open_dataset({"sen2": pixels}, labels=labels)


@keras.utils.register_keras_serializable(package="tests")
class TinyBlock(ak.Block):
    """One convolution: a network of it is traced and trained in a second or two."""

    def build(self, hp: Any, inputs: Any = None) -> Any:
        tensor = pixels.standardise(self, 0, keras.tree.flatten(inputs)[0])
        width = hp.Choice("width", [8, 12, 16, 24])
        return keras.layers.Conv2D(width, 3, strides=2, activation="relu")(tensor)


class WithoutReferences(ae.AutoModel):
    """Trains references only where it is told to, to save time."""

    def fit(self, *arguments: Any, references: bool = False, **named: Any) -> None:
        super().fit(*arguments, references=references, **named)


def model(folder: Any, **arguments: Any) -> ae.AutoModel:
    """A search over networks of a few thousand parameters."""
    node = ae.ImageInput("sen2")
    features = TinyBlock()(node)
    head = arguments.pop("head", None) or ae.blocks.PooledHead(
        pooling="average", dropout=0.0
    )
    given = {"max_trials": 2, "seed": 3, "tuner": "random", **arguments}
    return WithoutReferences(
        node, head(features), directory=folder, project_name="run", **given
    )


@contextmanager
def in_this_process() -> Iterator[None]:
    """Searches in this process, so that a test can look into it, and sooner."""

    def search(tuner, training, refit_on=None, *, task="search", **_):
        tuner.open(training)
        progress = Progress(lambda message: None, tuner.monitor)
        if task == "finalist":
            tuner.train_finalist(training, progress, refit_on)
        else:
            tuner.work(training, progress, refit_on)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "search", search)
        yield


def write(path: Path, samples: int = 48, seed: int = 0) -> Path:
    """The patches of `dataset` as a file in So2Sat's layout, with named bands."""
    made = dataset(samples, seed)
    with h5py.File(path, "w") as file:
        file["sen2"] = made.read(np.arange(samples))["sen2"]
        file["label"] = np.eye(CLASSES, dtype="float32")[made.labels]
        file.attrs["sen2_bands"] = ["B02", "B03", "B04", "B08"]
    return path
