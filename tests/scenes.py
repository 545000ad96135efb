"""Scenes and classifiers that the tests make."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import Affine

UTM = Affine(10.0, 0.0, 300_000.0, 0.0, -10.0, 4_200_000.0)
BANDS = ("B02", "B03", "B04")
CLASSES = ("water", "field", "town")
HEIGHT, WIDTH = 61, 83  # multiples of nothing
WINDOW = (8, 8)


def digits(height: int, width: int, bands: int = 3, seed: int = 0) -> np.ndarray:
    """Digital numbers of land in patches of 7 pixels, uint16 (height, width, bands)."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(300, 3000, (-(-height // 7), -(-width // 7), bands))
    smooth = coarse.repeat(7, axis=0).repeat(7, axis=1)[:height, :width]
    return (smooth + rng.integers(0, 200, smooth.shape)).astype(np.uint16)


def write_scene(
    path: Path,
    pixels: np.ndarray,
    bands: Sequence[str] | None = BANDS,
    *,
    crs: str | None = "EPSG:32630",
    transform: Any = UTM,
    nodata: float | None = None,
    driver: str = "GTiff",
    **profile: Any,
) -> Path:
    """A GeoTIFF, or another raster, of pixels (height, width, bands)."""
    height, width, count = pixels.shape
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            path,
            "w",
            driver=driver,
            dtype=pixels.dtype,
            height=height,
            width=width,
            count=count,
            crs=crs,
            transform=transform,
            nodata=nodata,
            **profile,
        ) as file:
            file.write(pixels.transpose(2, 0, 1))
            if bands is not None:
                file.descriptions = tuple(bands)
    return path


def read(path: Path, band: int = 1) -> np.ndarray:
    """A band of a raster."""
    with rasterio.open(path) as file:
        return file.read(band)


def classifier(window: tuple[int, int] = WINDOW, bands: int = 3) -> keras.Model:
    """An untrained network that pads, whose classes depend on the pixels."""
    keras.utils.set_random_seed(0)
    pixels = keras.Input((*window, bands), name="image")
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(pixels)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.BatchNormalization(center=False, scale=False)(x)
    model = keras.Model(pixels, keras.layers.Dense(3, activation="softmax")(x))
    # of untrained networks all windows have one class: let features be spread
    rng = np.random.default_rng(0)
    norm = model.layers[-2]
    sample = rng.integers(300, 3000, (64, *window, bands)) * 1e-4
    features = keras.Model(pixels, norm.input).predict(sample, verbose=0)
    norm.set_weights([features.mean(axis=0), features.var(axis=0) + 1e-6])
    return model


def save(model: keras.Model, folder: Path, bands: Sequence[str] = BANDS) -> Path:
    """The network as a user has it: a file, and a few lines on it beside."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / "net.keras")
    describe(folder, bands)
    return folder / "net.keras"


def describe(folder: Path, bands: Sequence[str] = BANDS, **more: Any) -> None:
    """The few lines that suffice."""
    classes = [{"value": i, "name": n} for i, n in enumerate(CLASSES, start=1)]
    told = {
        "mlm:input": [{"name": "image", "bands": list(bands)}],
        "mlm:output": [{"classification:classes": classes}],
        **more,
    }
    (folder / "model.json").write_text(json.dumps({"properties": told}))
