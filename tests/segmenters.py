"""Small networks with a class for each pixel."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import scenes


def padded(window: tuple[int, int]) -> keras.Model:
    """Zeros at the edge of a tile change the classes of 6 pixels there."""
    keras.utils.set_random_seed(0)
    pixels = keras.Input((*window, 3), name="image")
    x = pixels
    layers = [keras.layers.Conv2D(3, 7, padding="same") for _ in range(2)]
    for layer in layers:
        x = layer(x)
    for layer in layers:  # means, so that zeros darken
        layer.set_weights([np.tile(np.eye(3), (7, 7, 1, 1)) / 49, np.zeros(3)])
    return _ends(pixels, x)


def pooled(window: tuple[int, int]) -> keras.Model:
    """Classes depend on the mean of the whole tile, too."""
    keras.utils.set_random_seed(0)
    pixels = keras.Input((*window, 3), name="image")
    mean = keras.layers.GlobalAveragePooling2D(keepdims=True)(pixels)
    return _ends(pixels, keras.layers.Subtract()([pixels, mean]))


def unpadded(window: tuple[int, int]) -> keras.Model:
    """A U-Net of one level without padding: it predicts all but 3 pixels at edges."""
    keras.utils.set_random_seed(0)
    pixels = keras.Input((*window, 3), name="image")
    fine = keras.layers.Conv2D(4, 3, activation="relu")(pixels)
    x = keras.layers.MaxPooling2D(2)(fine)
    x = keras.layers.Conv2D(4, 3, activation="relu")(x)
    x = keras.layers.UpSampling2D(2)(x)
    x = keras.layers.Concatenate()([keras.layers.Cropping2D(2)(fine), x])
    return _ends(pixels, x)


def of_pixels(window: tuple[int, int]) -> keras.Model:
    """Classes depend on their pixel alone."""
    keras.utils.set_random_seed(0)
    pixels = keras.Input((*window, 3), name="image")
    return _ends(pixels, pixels)


def _ends(pixels: object, features: object) -> keras.Model:
    """Adds the head; its weights make each of three classes win somewhere."""
    last = keras.layers.Conv2D(3, 1, activation="softmax")
    model = keras.Model(pixels, last(features))
    window = model.input_shape[1:]
    sample = np.random.default_rng(0).integers(300, 3000, (8, 1, 1, 3)) * 1e-4
    land = np.broadcast_to(sample, (8, *window)).astype("float32")
    noise = np.random.default_rng(1).normal(0, 0.005, land.shape)
    found = keras.Model(pixels, features).predict(land + noise, verbose=0)
    flat = found.reshape(-1, found.shape[-1])
    kernel = np.random.default_rng(3).normal(size=(flat.shape[1], 3))
    scores = flat @ kernel
    slope = 2 / scores.std(axis=0)
    last.set_weights([(kernel * slope)[None, None], -scores.mean(axis=0) * slope])
    return model


def enlarged(
    make: object, window: tuple[int, int], size: tuple[int, int]
) -> keras.Model:
    """The same network for a larger window."""
    model = make(size)  # type: ignore[operator]
    model.set_weights(make(window).get_weights())  # type: ignore[operator]
    return model


def save(model: keras.Model, folder: Path) -> Path:
    """The network as a user has it."""
    return scenes.save(model, folder)
