"""Records of pretrained weights, and a catalogue of them.

A record has the architecture, bands and scaling of pixels of the weights, their
licence, and the source of their file.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoai4eo.data.lcz42 import LCZ42_SEN2_BANDS
from autoai4eo.data.sensors import RGB, Band
from autoai4eo.errors import UserError


@dataclass(frozen=True)
class Scaling:
    """The scaling of pixels in the training of a network.

    Attributes:
        quantity: of `Band`, whose units the pixels had: reflectance 0 to 1, colour 0 to
            255; None: each band was standardised.
        mean: per band, of the training data, in these units.
        std: per band, as ``mean``.
        shift: per band, subtracted from the pixels.
    """

    quantity: str | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    shift: tuple[float, ...]


def standardised(bands: int) -> Scaling:
    """Returns the scaling of a network that was trained on standardised pixels."""
    return Scaling(None, (0.0,) * bands, (1.0,) * bands, (0.0,) * bands)


@dataclass(frozen=True)
class Weights:
    """The record of the weights of a pretrained network.

    Attributes:
        name: of the record.
        architecture: see `autoai4eo.blocks.backbones.resnets.ARCHITECTURES`.
        sensor: of the training data.
        bands: of the training data, in the order of the input.
        licence: of the weights.
        scaling: of the pixels.
        url: where to download the file.
        sha256: of the file.
        file: a Keras weight file (.h5 of Keras 2, .weights.h5) of the network with or
            without its top.
        from_keras: whether `keras.applications` downloads the file.
        level: processing level of the scenes of the training data, if known.
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
    level: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns the record, for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Weights:
        """Returns the record from the result of `to_dict`."""
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
        # BGR, the order of Caffe, also in the ResNets of `keras.applications`
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
            level="L1C",  # of the mosaics of Schmitt et al. 2019, ISPRS Annals IV-2/W7
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
    """Returns a record of the catalogue, with its file if you have it.

    Raises:
        UserError: the name is unknown; the message lists the known ones.
    """
    if name not in CATALOGUE:
        raise UserError(
            f"expected weights named {', '.join(CATALOGUE)} or a Keras weight file, "
            f"got {name!r}; give one of these names or the path of an existing file"
        )
    record = CATALOGUE[name]
    return record if file is None else dataclasses.replace(record, file=str(file))
