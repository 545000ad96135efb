"""Pretrained weights as data: a catalogue of small frozen records, and their loading.

A record says which network the weights belong to, which bands it was trained on and how
their pixels were scaled, what may be done with it, and where its file comes from. A
file is looked for at `Weights.file`, then in the folder `cache_folder()`, then it is
downloaded; the ImageNet weights are downloaded by `keras.applications`.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from autoai4eo.blocks.resnets import (
    TOP,
    build_classifier,
    build_trunk,
    find_architecture,
)
from autoai4eo.data.lcz42 import LCZ42_SEN2_BANDS
from autoai4eo.data.sensors import RGB, Band, band
from autoai4eo.errors import UserError

CACHE_VARIABLE = "AUTOAI4EO_WEIGHTS"


@dataclass(frozen=True)
class Scaling:
    """How pixels were scaled before the network was trained on them.

    Of each band: pixels were given in the units of ``quantity`` (of `Band`; reflectance
    0 to 1, colour 0 to 255; None where each band was standardised by its own mean and
    standard deviation) and had ``mean`` and ``std`` in the training data; ``shift`` was
    taken off them.
    """

    quantity: str | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    shift: tuple[float, ...]


def standardised(bands: int) -> Scaling:
    """The scaling of a network that was trained on standardised pixels."""
    return Scaling(None, (0.0,) * bands, (1.0,) * bands, (0.0,) * bands)


@dataclass(frozen=True)
class Weights:
    """Weights of a network trained before, on ``bands`` in this order.

    ``file`` is a Keras weight file (.h5 of Keras 2, .weights.h5) of the network with or
    without its top; ``url`` and ``sha256`` are where to get it and what it must be.
    ``from_keras`` leaves the download to `keras.applications`.
    """

    name: str
    architecture: str
    sensor: str
    bands: tuple[Band, ...]
    licence: str
    scaling: Scaling
    url: str | None = None
    sha256: str | None = None
    file: str | None = None
    from_keras: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The record, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Weights:
        """The record that `to_dict` wrote."""
        scaling = record["scaling"]
        return cls(
            **{
                **record,
                "bands": tuple(Band(**b) for b in record["bands"]),
                "scaling": Scaling(
                    scaling["quantity"],
                    mean=tuple(scaling["mean"]),
                    std=tuple(scaling["std"]),
                    shift=tuple(scaling["shift"]),
                ),
            }
        )


def _imagenet(architecture: str) -> Weights:
    return Weights(
        name=f"imagenet-{architecture}",
        architecture=architecture,
        sensor=RGB.name,
        # The order of Caffe, which `keras.applications` keeps for its ResNets.
        bands=RGB.pick("B", "G", "R"),
        licence="MIT (He et al. 2016, as distributed with Keras)",
        scaling=Scaling(
            "colour",
            mean=(103.939, 116.779, 123.68),
            std=(57.375, 57.12, 58.395),
            shift=(103.939, 116.779, 123.68),
        ),
        url="https://storage.googleapis.com/tensorflow/keras-applications/resnet/",
        from_keras=True,
    )


_LCZ42 = "https://raw.githubusercontent.com/zhu-xlab/So2Sat-LCZ-Classification-Demo"
# Of So2Sat LCZ42's training patches, reflectance, rounded from TorchGeo's data module.
_LCZ42_MEAN = (
    0.1238,
    0.1093,
    0.1011,
    0.1142,
    0.1593,
    0.1815,
    0.1746,
    0.1950,
    0.1543,
    0.1091,
)
_LCZ42_STD = (
    0.0396,
    0.0478,
    0.0664,
    0.0636,
    0.0774,
    0.0910,
    0.0922,
    0.1016,
    0.0999,
    0.0878,
)

CATALOGUE = {
    weights.name: weights
    for weights in (
        _imagenet("resnet50"),
        _imagenet("resnet101"),
        Weights(
            name="lcz42-resnet20-s2",
            architecture="resnet20",
            sensor="Sentinel-2",
            bands=LCZ42_SEN2_BANDS,
            licence="MIT",
            scaling=Scaling(
                "reflectance",
                mean=_LCZ42_MEAN,
                std=_LCZ42_STD,
                shift=(0.0,) * 10,
            ),
            url=f"{_LCZ42}/fd2c1228644c450a0d1ae18c864c58a31dbdbaf3/Modules/"
            "3_classification/model/"
            "S2_RESNET20_BS16_LR2e-4_IN32-32-10_PRO-52-0R12_2019-06-27.h5",
            sha256="a4348f55e21039b81aec6f57b1c943c851dc70c5b79e025fb9e93438cc1e730f",
        ),
        Weights(
            name="lcz42-resnet20-s1",
            architecture="resnet20",
            sensor="Sentinel-1 (dB)",
            # The features and their order are those of `featSelection` in the project's
            # global_production.py: each standardised over its scene.
            bands=(
                Band("VH", None, "decibel"),
                Band("VV", None, "decibel"),
                Band("coherence", None, "unknown"),
                Band("VH_lee", None, "decibel"),
                Band("VV_lee", None, "decibel"),
                Band("coherence_lee", None, "unknown"),
                Band("cos_phase_lee", None, "unknown"),
            ),
            licence="MIT",
            scaling=standardised(7),
            url=f"{_LCZ42}/c68c865ac346e804b9cab8c9a5f58e42b161bd41/Modules/"
            "Classification/model/"
            "S1_RESNET20_BS32_LR1e-4_IN32-32-7_PRO52A-R10-GLOBAL_2019_06_22.h5",
            sha256="88bef20ec3807a591c63d2153196cc5228e8329edc0171d0b23d68667c4dcbc1",
        ),
    )
}


def find_weights(name: str, file: str | Path | None = None) -> Weights:
    """The catalogue's record of this name, with its file where you have it.

    Raises:
        UserError: there is none; the message lists those that there are.
    """
    if name not in CATALOGUE:
        raise UserError(
            f"expected weights named {', '.join(CATALOGUE)} or a Keras weight file, "
            f"got {name!r}; give one of these names or the path of a file that is there"
        )
    record = CATALOGUE[name]
    return record if file is None else dataclasses.replace(record, file=str(file))


def from_file(
    path: str | Path,
    architecture: str,
    bands: Sequence[str | Band],
    scaling: Scaling | None = None,
) -> Weights:
    """A record for a Keras weight file of your own.

    Args:
        path: of a .h5 file of Keras 2 or a .weights.h5 file, of the network with or
            without its top.
        architecture: a name of `resnets.ARCHITECTURES`.
        bands: what the network was trained on, in the order of its input.
        scaling: of these bands; standardised pixels where None.

    Raises:
        UserError: there is no such file or architecture, or not one scaling per band.
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
    """Where weight files are kept: $AUTOAI4EO_WEIGHTS, else ~/.cache/autoai4eo."""
    folder = os.environ.get(CACHE_VARIABLE) or "~/.cache/autoai4eo"
    return Path(folder).expanduser()


def locate(weights: Weights) -> Path:
    """The record's file, downloaded into `cache_folder()` where it must be.

    Raises:
        UserError: it is not there and cannot be had; the message says where to put it.
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
            f"could not download it ({_line(error)}); put the file there or give "
            f"weights=find_weights({weights.name!r}, file=…)"
        ) from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _classes(path: Path) -> int | None:
    """How many classes the top in a weight file has; None where it has no top.

    Among the arrays of a ResNet only the kernel of a dense layer has two axes.
    """
    found: list[int] = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.ndim == 2:
            found.append(int(item.shape[1]))

    with h5py.File(path) as file:
        # A whole model of Keras 2 keeps its optimizer beside its weights.
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
            # Keras only warns where it leaves layers as they were initialised.
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
            f"give weights=find_weights({weights.name!r}, file=…)"
        ) from error


def load_layers(weights: Weights) -> dict[str, list[np.ndarray]]:
    """The arrays of each layer of the trunk, by the layer's name.

    They are kept in memory: the graph of a trial is built many times.

    Raises:
        UserError: the file is not there, or is not of this network.
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
    """The whole network with its own top, ready to predict.

    Returns:
        A model from (N, height, width, bands), scaled as ``weights.scaling`` says, to
        class probabilities (N, classes). For the LCZ42 weights these are the 17
        classes of `autoai4eo.data.lcz42`.

    Raises:
        UserError: the file is not there, is not of this network, or has no top.
    """
    if not (weights.from_keras and weights.file is None):
        model = _read_file(weights, height, width)
        if len(model.output_shape) == 2:
            return model
    raise UserError(
        f"expected weights with their own top, found {weights.name!r} without; give "
        "a file that was saved with it"
    )
