"""A network held against labelled data."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.data.sensors import unknown_bands
from autoai4eo.data.units import Typical, unlike_training
from autoai4eo.errors import UserError
from autoai4eo.learning.calibration import expected_calibration_error, reliability
from autoai4eo.learning.intervals import intervals
from autoai4eo.learning.metrics import scores
from autoai4eo.text import line

#: Groups that are preferred where data have several.
_COARSEST_FIRST = ("city", "parent")


def open_for(
    model: keras.Model,
    data: dict[str, Any] | None,
    x: Any,
    y: Any = None,
    *,
    bands: Any = None,
    class_level: int | None = None,
    unlabelled: bool = False,
    typical: Mapping[str, tuple[Typical, ...]] | None = None,
    allow_remote: bool = False,
) -> Dataset:
    """Data as a network wants them: its inputs, bands and classes in their order.

    Classes and bands are matched by name where both sides name them.

    Args:
        model: the network.
        data: what ``run.json`` says of its training data, where that is known.
        x, y: a path, data set or arrays, see `open_dataset`; arrays for several inputs
            are in the order of the network's.
        bands: names of the bands in `x`, where it does not tell them.
        class_level: see `open_dataset`.
        unlabelled: keeps samples without a label where others have one.
        typical: what the bands of the training data are like, where that is known.
        allow_remote: see `open_dataset`.

    Warns:
        UserWarning: what was found on opening; values in other units.

    Raises:
        UserError: inputs, bands or classes that are not there, patches of another size.
    """
    names = [node.name for node in model.inputs]
    x = by_input(x, names)
    known = None
    if data is not None:
        known = told_bands({s["name"]: s["bands"] for s in data["inputs"]})
    dataset = open_dataset(
        x,
        inputs=names,
        labels=y,
        class_names=None if data is None else data["classes"],
        bands=known if bands is None else bands,
        class_level=class_level,
        unlabelled=unlabelled,
        allow_remote=allow_remote,
    )
    if bands is not None and known is not None:
        dataset = dataset.select_bands(known)
    for note in (*dataset.notes, *unlike_training(dataset, typical or {})):
        warnings.warn(line(note), stacklevel=3)
    for node, spec in zip(model.inputs, dataset.inputs, strict=True):
        if tuple(node.shape[1:]) != spec.shape:
            raise UserError(
                f"{dataset.path}: expected {node.name} of {_size(node.shape[1:])}, as "
                f"the network was made for, found {_size(spec.shape)}"
            )
    labelled = (dataset.labels >= 0).any()
    if labelled and dataset.num_classes != model.output_shape[-1]:
        raise UserError(
            f"{dataset.path}: expected the {model.output_shape[-1]} classes of the "
            f"network, found {dataset.num_classes}"
        )
    return dataset


def told_bands(by_input: Mapping[str, Sequence[str]]) -> dict[str, list[str]] | None:
    """The names of the bands; None where an input has none, so that places count.

    Args:
        by_input: names of bands; ``band1``, ``band2``, … where nothing is known.
    """
    nameless = any(
        list(names) == [band.name for band in unknown_bands(len(names))]
        for names in by_input.values()
    )
    return None if nameless else {name: list(b) for name, b in by_input.items()}


def by_input(x: Any, names: Sequence[str]) -> Any:
    """Arrays by input name, where `x` is arrays in order; anything else as it is.

    Raises:
        UserError: as many arrays are needed as there are names.
    """
    if isinstance(x, np.ndarray):
        x = [x]
    if not isinstance(x, list | tuple):
        return x
    if len(x) != len(names):
        raise UserError(
            f"x: expected {len(names)} arrays, one for each input "
            f"({', '.join(names)}), got {len(x)}"
        )
    return dict(zip(names, x, strict=True))


def probabilities(
    model: keras.Model, dataset: Dataset, batch_size: int = 32
) -> np.ndarray:
    """The probability of each class for each patch, float32 (N, classes)."""
    return np.asarray(model.predict(dataset.batches(batch_size), verbose=0))


def evaluate(
    model: keras.Model, dataset: Dataset, batch_size: int = 32
) -> dict[str, Any]:
    """Scores on labelled data, see `judge`.

    Raises:
        UserError: the data have no labels.
    """
    if not len(dataset) or (dataset.labels < 0).any():
        raise UserError(
            f"{dataset.path}: expected labelled samples, found some without a label; "
            "one folder of images per class, or a data set called label, tells them"
        )
    return score(dataset, probabilities(model, dataset, batch_size))


def score(dataset: Dataset, probabilities: np.ndarray) -> dict[str, Any]:
    """All that is said of predictions for labelled data, ready for JSON.

    Args:
        dataset: N labelled samples.
        probabilities: of each class, shape (N, classes).

    Returns:
        What `scores` gives, and ``expected_calibration_error``, ``reliability`` (see
        `calibration.reliability`), ``intervals`` (see `intervals.intervals`) and
        ``resampled_by``: the name of the groups that these were drawn by, such as
        ``"parent"``, or ``"sample"``.
    """
    predicted = probabilities.argmax(axis=-1)
    table = reliability(dataset.labels, probabilities)
    by, groups = _groups(dataset)
    return {
        **scores(dataset.labels, predicted, dataset.class_names),
        "expected_calibration_error": expected_calibration_error(table),
        "reliability": table,
        "intervals": intervals(dataset.labels, predicted, dataset.num_classes, groups),
        "resampled_by": by,
    }


def _groups(dataset: Dataset) -> tuple[str, np.ndarray | None]:
    """What samples belong together by; every sample by itself where nothing says so."""
    for name in (*_COARSEST_FIRST, *dataset.groups):
        groups = dataset.groups.get(name, np.empty(0))
        if 1 < len(np.unique(groups)) < len(dataset):
            return name, groups
    return "sample", None


def _size(shape: Sequence[int]) -> str:
    height, width, bands = shape
    return f"{height}×{width} pixels and {bands} bands"
