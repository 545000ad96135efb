"""Predictors in Keras: of runs, ``.keras`` files and weights of the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from autoai4eo.data.lcz42 import LCZ42_CLASSES
from autoai4eo.data.target import Target
from autoai4eo.data.units import typical_of
from autoai4eo.deploy.predictors.base import (
    Options,
    Pixels,
    Predictor,
    digest,
    outputs_of,
    window_of,
)
from autoai4eo.deploy.predictors.description import (
    METADATA,
    of_outputs,
    read_description,
    target_of,
    target_of_run,
)
from autoai4eo.deploy.predictors.networks import (
    load_model,
    network_file,
)
from autoai4eo.errors import UserError
from autoai4eo.networks.outputs import without_spread
from autoai4eo.runs.folder import Run


def of_run(path: str, options: Options) -> Predictor:
    """Loads the finalist of a run, or one of its trials or ensembles."""
    run = Path(path)
    file = network_file(run, options.trial)
    network = load_model(file)
    outputs = outputs_of(network.output_shape, path)
    known = Run(run).read()
    data = known["data"]["training"]
    target = of_outputs(target_of(data), outputs, path)
    network = without_spread(network, target)
    thresholds = target_of_run(run, data, options.trial).get("thresholds")
    levels = {spec.get("level") for spec in data["inputs"]} - {None}
    return Predictor(
        path=path,
        bands={s["name"]: tuple(s["bands"]) for s in data["inputs"]},
        window=window_of(_shapes(network), path),
        target=target,
        predict=_forward(network),
        fingerprint=digest(file),
        files=(file, Run(run).json, Run(run).statistics),
        level=levels.pop() if len(levels) == 1 else None,
        map_step=known["arguments"].get("map_step"),
        network=network,
        typical={n: typical_of(told) for n, told in Run(run).read_statistics().items()},
        thresholds=None if thresholds is None else tuple(thresholds),
    )


def of_keras_file(path: str, options: Options) -> Predictor:
    """Loads a ``.keras`` file with ``model.json`` beside it."""
    file = Path(path)
    network = load_model(file)
    shapes = _shapes(network)
    outputs = outputs_of(network.output_shape, path)
    beside = file.parent / METADATA
    return Predictor(
        path=path,
        window=window_of(shapes, path),
        predict=_forward(network),
        fingerprint=digest(file),
        files=(file, beside),
        network=network,
        **read_description(beside, shapes, outputs, file),
    )


def of_catalogue(name: str, options: Options) -> Predictor:
    """Loads pretrained weights of local climate zones, by their name."""
    from autoai4eo.blocks.pretrained_weights.catalogue import find_weights
    from autoai4eo.blocks.pretrained_weights.files import load_classifier, locate

    record = find_weights(name, options.weights)
    network = load_classifier(record)
    if record.scaling.quantity is None:
        raise UserError(
            f"{name}: expected weights for reflectance, found ones whose bands "
            f"({', '.join(b.name for b in record.bands)}) were each standardised over "
            "their scene; use another model"
        )
    node = network.inputs[0]
    bands = tuple(band.name for band in record.bands)
    shift = np.array(record.scaling.shift, np.float32)
    forward = _forward(network)
    mean, std = np.array(record.scaling.mean), np.array(record.scaling.std)
    normal = {"mean": mean, "std": std, "p2": mean - 2 * std, "p98": mean + 2 * std}
    return Predictor(
        path=name,
        bands={node.name: bands},
        window=(node.shape[1], node.shape[2]),
        target=Target("class", LCZ42_CLASSES),
        predict=lambda pixels: forward({node.name: pixels[node.name] - shift}),
        fingerprint=digest(locate(record)),
        files=(locate(record),),
        level=record.level,
        # the shift is not in the network's layers, so it cannot run densely
        network=network if not shift.any() else None,
        typical={node.name: typical_of(normal)},
    )


def _shapes(network: keras.Model) -> dict[str, tuple[Any, ...]]:
    """(N, height, width, bands) by input."""
    return {node.name: tuple(node.shape) for node in network.inputs}


def _forward(network: keras.Model) -> Callable[[Pixels], np.ndarray]:
    names = [node.name for node in network.inputs]

    def predict(pixels: Pixels) -> np.ndarray:
        given: Any = [pixels[name] for name in names]
        if isinstance(network, keras.Sequential):
            return np.asarray(network.predict_on_batch(given[0]))
        given = keras.tree.pack_sequence_as(network.input, given)
        return np.asarray(network.predict_on_batch(given))

    return predict
