"""Predictors: a function that predicts, and the description of its model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from autoai4eo.data.target import Target
from autoai4eo.data.units import Typical
from autoai4eo.deploy.predictors.networks import reason
from autoai4eo.errors import UserError
from autoai4eo.runs.network_id import Which

_ROUNDED = 0.01  # how far a quantised network's probability may leave 0 to 1
#: The last layer of a network for probabilities, by kind of target.
_THRESHOLD = 0.5  # of a label without a tuned one
_LAST = {"class": "a softmax", "labels": "a sigmoid", "mask": "a softmax"}

Pixels = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Predictor:
    """A model that predicts a vector for each patch or pixel, in any runtime.

    Attributes:
        path: the file, folder or name that it was loaded from.
        bands: names of the bands of each input, in their order.
        window: height and width of a patch, in pixels.
        target: the kind (``class``, ``labels``, ``value`` or ``mask``), and the names
            of the classes or values, one for each output. The shape of a ``mask`` is
            that of the network's output, which is centred on the patch.
        predict: float32 (N, height, width, bands) by input -> float32 (N, outputs), of
            a ``mask`` (N, rows, columns, outputs): the probability of each class, or
            the values in the units of the target.
        fingerprint: equal only for equal weights.
        files: the files that it was read from.
        level: processing level of the training data, if known.
        map_step: pixels between neighbouring windows that it was made for, if any.
        network: the Keras network, if it is one.
        typical: by input, statistics of each band in the training data, which show its
            units; None: not known.
        thresholds: of ``labels``: a patch has a label whose probability is at least
            its threshold; one for each class. None: 0.5.
    """

    path: str
    bands: Mapping[str, tuple[str, ...]]
    window: tuple[int, int]
    target: Target
    predict: Callable[[Pixels], np.ndarray]
    fingerprint: str
    files: tuple[Path, ...] = ()
    level: str | None = None
    map_step: int | None = None
    network: keras.Model | None = None
    typical: Mapping[str, tuple[Typical, ...]] | None = None
    thresholds: tuple[float, ...] | None = None

    @property
    def least(self) -> tuple[float, ...]:
        """The threshold of each of ``labels``; 0.5 where none is known."""
        return self.thresholds or (_THRESHOLD,) * len(self.target.classes)

    @property
    def typical_by_band(self) -> dict[str, Typical]:
        """Statistics of the training data by band; empty if they are not known."""
        known = self.typical or {}
        return {
            name: one
            for key, bands in self.bands.items()
            if key in known
            for name, one in zip(bands, known[key], strict=True)
        }


@dataclass(frozen=True)
class Options:
    """Options of `load_predictor`, which describes them."""

    trial: Which = None
    weights: str | Path | None = None
    trust: bool = False


@dataclass(frozen=True)
class Loader:
    """A kind of model that can be loaded; to add one, add an entry in `LOADERS`.

    `load_predictor` calls `recognises` of every loader, the one added last first, and
    `load` of the first that returns True. It checks the inputs and outputs of
    `predict`, so a loader need not.

    Attributes:
        told: the kind in messages, such as "a .keras file".
        recognises: whether a path or name is of this kind; reads as little as possible.
        load: makes the predictor. Raises `UserError` if the model cannot be read, or if
            its bands or classes are not known.
    """

    told: str
    recognises: Callable[[str], bool]
    load: Callable[[str, Options], Predictor]


def checked(predictor: Predictor) -> Predictor:
    """Returns a predictor whose `predict` raises UserError for wrong pixels or outputs.

    It does so if the pixels have other inputs, bands or another window, if the network
    fails, or if its outputs have another shape or, for other than a ``value``, are no
    probabilities.
    """
    path, kind = predictor.path, predictor.target.kind
    outputs = output_shape(predictor.target)
    told = predictor.target.output
    inputs = {
        name: (*predictor.window, len(bands)) for name, bands in predictor.bands.items()
    }

    def predict(pixels: Pixels) -> np.ndarray:
        found = {name: np.shape(values)[1:] for name, values in pixels.items()}
        if found != inputs:
            raise UserError(
                f"{path}: expected patches (height, width, bands) {_told(inputs)}, "
                f"found {_told(found)}; give the bands that the network takes"
            )
        try:
            predicted = predictor.predict(pixels)
        except Exception as error:  # runtimes raise errors of any class
            raise UserError(
                f"{path}: expected a network that runs here, found that it does not "
                f"({reason(error)}); use another model, or export it again"
            ) from error
        wanted = (len(next(iter(pixels.values()))), *outputs)
        if predicted.shape != wanted:
            raise UserError(
                f"{path}: expected {told} of the shape {wanted}, found "
                f"{predicted.shape}; use a network made for patches"
            )
        if kind in _LAST:
            _check_probabilities(predicted, path, _LAST[kind])
        return predicted

    return replace(predictor, predict=predict)


def _told(shapes: Mapping[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in shapes.items()) or "none"


def _check_probabilities(predicted: np.ndarray, path: str, last: str) -> None:
    low, high = np.nanmin(predicted, initial=0), np.nanmax(predicted, initial=1)
    if not -_ROUNDED <= low <= high <= 1 + _ROUNDED:
        raise UserError(
            f"{path}: expected probabilities, from 0 to 1, found values from "
            f"{low:.4g} to {high:.4g}; use a network that ends with {last}"
        )


def output_shape(target: Target) -> tuple[int, ...]:
    """Returns the shape of a network's output for one patch."""
    return (*(target.shape if target.kind == "mask" else ()), len(target.classes))


def outputs_of(shape: Any, path: str) -> tuple[int, ...]:
    """Returns the shape of a network's output for one patch.

    Args:
        shape: of its one output; a list or names if it has several.
        path: of the network.

    Returns:
        (classes or values,) of a patch, or (rows, columns, classes) of its pixels.

    Raises:
        UserError: its output is not a vector for each patch or for each pixel.
    """
    if (
        not isinstance(shape, tuple)
        or len(shape) not in (2, 4)
        or not all(isinstance(n, int) and n > 0 for n in shape[1:])
    ):
        raise UserError(
            f"{path}: expected a network with one output (patches, classes or values) "
            f"or (patches, rows, columns, classes), found {shape}; use a network made "
            "for patches"
        )
    return shape[1:]


def window_of(shapes: Mapping[str, tuple[Any, ...]], path: str) -> tuple[int, int]:
    """Returns height and width of the patches that a network takes.

    Args:
        shapes: (N, height, width, bands) by input.
        path: of the network.

    Raises:
        UserError: it does not take patches, or takes patches of several sizes.
    """
    sizes = {shape[1:3] for shape in shapes.values()}
    sides = [n for shape in shapes.values() for n in shape[1:]]
    if (
        len(sizes) != 1
        or not all(isinstance(n, int) and n > 0 for n in sides)
        or any(len(shape) != 4 for shape in shapes.values())
    ):
        raise UserError(
            f"{path}: expected a network for patches (N, height, width, bands) of one "
            f"known size, found {_told(shapes)}; use a network made for patches"
        )
    return sizes.pop()


def digest(*files: Path) -> str:
    """Returns a fingerprint of the content of files."""
    found = hashlib.sha256()
    for file in files:
        found.update(file.read_bytes())
    return found.hexdigest()[:16]
