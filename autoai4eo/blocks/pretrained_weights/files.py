"""Finds, downloads and reads the files of pretrained weights.

Looks for a file at `Weights.file`, then in the folder `cache_folder()`, then downloads
it; `keras.applications` downloads the ImageNet weights.
"""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from autoai4eo.blocks.backbones.resnets import (
    TOP,
    build_classifier,
    build_trunk,
    find_architecture,
)
from autoai4eo.blocks.pretrained_weights.catalogue import Scaling, Weights, standardised
from autoai4eo.callers import either
from autoai4eo.data.sensors import Band, band
from autoai4eo.errors import UserError

CACHE_VARIABLE = "AUTOAI4EO_WEIGHTS"


def from_file(
    path: str | Path,
    architecture: str,
    bands: Sequence[str | Band],
    scaling: Scaling | None = None,
) -> Weights:
    """Returns a record for a Keras weight file of your own.

    Args:
        path: of a .h5 file of Keras 2 or a .weights.h5 file, of the network with or
            without its top.
        architecture: a name in `autoai4eo.blocks.backbones.resnets.ARCHITECTURES`.
        bands: of the training data, in the order of the network's input.
        scaling: of these bands; None: standardised pixels.

    Raises:
        UserError: the file or architecture does not exist, or the scaling is not of
            these bands.
    """
    find_architecture(architecture)
    known = tuple(b if isinstance(b, Band) else band(b) for b in bands)
    scaling = scaling or standardised(len(known))
    if len(scaling.mean) != len(known):
        raise UserError(
            f"expected the scaling of {len(known)} bands for {path}, got that of "
            f"{len(scaling.mean)}; give one mean, std and shift per band"
        )
    record = Weights(
        name=Path(path).name,
        architecture=architecture,
        sensor="unknown",
        bands=known,
        licence="unknown",
        scaling=scaling,
        file=str(path),
    )
    locate(record)
    return record


def cache_folder() -> Path:
    """Returns the folder of weights: $AUTOAI4EO_WEIGHTS, or ~/.cache/autoai4eo."""
    folder = os.environ.get(CACHE_VARIABLE) or "~/.cache/autoai4eo"
    return Path(folder).expanduser()


def locate(weights: Weights) -> Path:
    """Returns the path of a record's file; downloads it if it is missing.

    Raises:
        UserError: it is missing and the download fails; the message names its place.
    """
    if weights.file is not None:
        path = Path(weights.file).expanduser()
        if not path.is_file():
            raise UserError(
                f"expected the weights {weights.name!r} in {path}, found no such file; "
                "give the path of a Keras weight file (.h5 or .weights.h5)"
            )
        return path
    if weights.url is None:
        raise UserError(
            f"expected a file or a URL for the weights {weights.name!r}, found neither;"
            " give their file"
        )
    path = cache_folder() / weights.url.rsplit("/", 1)[-1]
    if path.is_file():
        return path
    try:
        return Path(
            keras.utils.get_file(
                path.name,
                weights.url,
                file_hash=weights.sha256,
                cache_dir=path.parent,
                cache_subdir="",
            )
        )
    except Exception as error:  # get_file raises Exception itself
        raise UserError(
            f"expected the weights {weights.name!r} in {path}, found no such file and "
            f"could not download it ({_line(error)}); put the file there or "
            f"{_give_file(weights)}"
        ) from error


def _give_file(weights: Weights) -> str:
    """How to name a file of weights: the command ``map`` and the blocks differ."""
    in_python = f"give weights=find_weights({weights.name!r}, file=…)"
    return either("name it with --weights", in_python)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _classes(path: Path) -> int | None:
    """Returns the number of classes of the top in a weight file; None without a top.

    Only the kernel of a dense layer has two axes among the arrays of a ResNet.
    """
    found: list[int] = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.ndim == 2:
            found.append(int(item.shape[1]))

    with h5py.File(path) as file:
        # a whole model of Keras 2 also has its optimizer
        file.get("model_weights", file).visititems(visit)
    return found[-1] if found else None


def _read_file(weights: Weights, height: int | None, width: int | None) -> keras.Model:
    path = locate(weights)
    shape = (height, width, len(weights.bands))
    try:
        classes = _classes(path)
        if classes is None:
            model = build_trunk(weights.architecture, shape, weights.architecture)
        else:
            model = build_classifier(
                weights.architecture, shape, classes, weights.architecture
            )
        with warnings.catch_warnings():
            # Keras only warns if it skips layers
            warnings.filterwarnings("error", "Skipping nested", UserWarning)
            model.load_weights(path)
    except (OSError, ValueError, KeyError, UserWarning) as error:
        raise UserError(
            f"expected in {path} Keras weights of {weights.architecture} for "
            f"{len(weights.bands)} bands, found something else ({_line(error)}); give "
            "the architecture and the bands that the file was made for"
        ) from error
    return model


def _read_keras_application(weights: Weights) -> keras.Model:
    constructor = {
        "resnet50": keras.applications.ResNet50,
        "resnet101": keras.applications.ResNet101,
    }[weights.architecture]
    try:
        return constructor(
            include_top=False, weights="imagenet", input_shape=(32, 32, 3)
        )
    except Exception as error:  # keras.utils.get_file raises Exception itself
        raise UserError(
            f"expected to download the weights {weights.name!r} with "
            f"keras.applications, found {_line(error)}; get the file elsewhere and "
            f"{_give_file(weights)}"
        ) from error


def load_layers(weights: Weights) -> dict[str, list[np.ndarray]]:
    """Returns the arrays of each layer of the trunk, by the layer's name.

    They are cached: the graph of a trial is built many times.

    Raises:
        UserError: the file is missing, or of another network.
    """
    if weights.from_keras and weights.file is None:
        return _load_layers(weights, 0)
    return _load_layers(weights, locate(weights).stat().st_mtime_ns)


@functools.lru_cache(maxsize=4)
def _load_layers(weights: Weights, modified: int) -> dict[str, list[np.ndarray]]:
    if weights.from_keras and weights.file is None:
        model = _read_keras_application(weights)
    else:
        model = _read_file(weights, 32, 32)
    return {
        layer.name: layer.get_weights()
        for layer in model.layers
        if layer.weights and layer.name != TOP
    }


def load_classifier(
    weights: Weights, height: int | None = 32, width: int | None = 32
) -> keras.Model:
    """Loads the whole network with its own top, ready to predict.

    Returns:
        A model from (N, height, width, bands), scaled as ``weights.scaling`` says, to
        class probabilities (N, classes). For the LCZ42 weights these are the 17
        classes of `autoai4eo.data.lcz42`.

    Raises:
        UserError: the file is missing, of another network, or has no top.
    """
    if not (weights.from_keras and weights.file is None):
        model = _read_file(weights, height, width)
        if len(model.output_shape) == 2:
            return model
    raise UserError(
        f"expected weights with their own top, found {weights.name!r} without; give "
        "a file that was saved with the top"
    )
