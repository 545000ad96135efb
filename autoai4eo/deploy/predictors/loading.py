"""Loads a model of any kind as a `Predictor`."""

from __future__ import annotations

from pathlib import Path

from autoai4eo.callers import either
from autoai4eo.deploy.predictors.base import Loader, Options, Predictor, checked
from autoai4eo.deploy.predictors.keras import of_catalogue, of_keras_file, of_run
from autoai4eo.deploy.predictors.networks import what_is
from autoai4eo.deploy.predictors.runtimes import (
    of_litert,
    of_onnx,
    of_openvino,
    of_savedmodel,
)
from autoai4eo.errors import UserError
from autoai4eo.files import check_regular
from autoai4eo.runs.network_id import Which
from autoai4eo.runtimes.openvino import FILE


def _is_catalogued(name: str) -> bool:
    from autoai4eo.blocks.pretrained_weights.catalogue import CATALOGUE

    return name in CATALOGUE


#: Every kind of model, by name. The kind added last is tried first.
LOADERS: dict[str, Loader] = {
    "keras": Loader(
        "a .keras file",
        lambda path: Path(path).suffix == ".keras" and Path(path).is_file(),
        of_keras_file,
    ),
    "run": Loader("a run folder", lambda path: Path(path).is_dir(), of_run),
    "onnx": Loader(
        "an .onnx file",
        lambda path: Path(path).suffix == ".onnx" and Path(path).is_file(),
        of_onnx,
    ),
    "litert": Loader(
        "a .tflite file",
        lambda path: Path(path).suffix == ".tflite" and Path(path).is_file(),
        of_litert,
    ),
    "savedmodel": Loader(
        "a SavedModel",
        lambda path: Path(path, "saved_model.pb").is_file(),
        of_savedmodel,
    ),
    "openvino": Loader(
        "an OpenVINO folder", lambda path: Path(path, FILE).is_file(), of_openvino
    ),
    "catalogue": Loader("weights of the catalogue", _is_catalogued, of_catalogue),
}


def load_predictor(
    model: str | Path,
    *,
    trial: Which = None,
    weights: str | Path | None = None,
    trust: bool = False,
) -> Predictor:
    """Loads a run, a Keras, SavedModel, ONNX, LiteRT or OpenVINO model, or weights.

    Names of bands and classes that a file does not hold are read from ``model.json``
    beside it (inside of a folder), see `read_description`.

    Args:
        model: a path, or a name of the catalogue of pretrained weights.
        trial: of a run: the number of a trial, or an ensemble such as
            ``"ensemble-0"``; None: its finalist.
        weights: the file of the catalogue's weights, if it is not in the cache.
        trust: whether a SavedModel may be run: TensorFlow lets it read and write
            files. The other formats cannot.

    Raises:
        UserError: the model does not exist, cannot be read, does not predict a vector
            for each patch, its bands or classes are not known, or it is a SavedModel
            and `trust` is False. `predict` raises it for patches with other bands or
            of another size, and if the network fails or its outputs have another shape
            or are no probabilities.
    """
    from autoai4eo.blocks.pretrained_weights.catalogue import CATALOGUE

    name = str(Path(model))
    check_regular(Path(model))
    found = (kind for kind in reversed(LOADERS.values()) if kind.recognises(name))
    loader = next(found, None)
    if loader is None:
        raise UserError(
            f"{model}: expected {', '.join(kind.told for kind in LOADERS.values())} "
            f"({', '.join(CATALOGUE)}), found {what_is(Path(model))}; "
            + either("check the path; the model comes first", "check the path")
        )
    if weights is not None and loader is not LOADERS["catalogue"]:
        raise UserError(
            f"weights: expected with a name of the catalogue ({', '.join(CATALOGUE)}), "
            f"got it with {model}; leave it out"
        )
    return checked(loader.load(name, Options(trial, weights, trust)))
