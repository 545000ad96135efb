"""A residual network for any bands, optionally pretrained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import autokeras as ak
import keras

from autoai4eo.blocks.backbones.resnets import (
    ARCHITECTURES,
    build_trunk,
    find_architecture,
)
from autoai4eo.blocks.choices import (
    band_names,
    choose,
    one_input,
    require,
    require_image,
    require_number,
    where,
)
from autoai4eo.blocks.pixels import bands_of, is_pixels, standardise
from autoai4eo.blocks.pretrained_weights.adaptation import (
    adapt_kernel,
    imputation,
    project,
    scale_pixels,
)
from autoai4eo.blocks.pretrained_weights.catalogue import (
    CATALOGUE,
    Weights,
    find_weights,
)
from autoai4eo.blocks.pretrained_weights.files import from_file, load_layers
from autoai4eo.cost import count
from autoai4eo.data.sensors import RGB, Band, unknown_bands
from autoai4eo.errors import UserError

SEARCHED = ["resnet20", "resnet18"]
ADAPTATIONS = ["by_band", "project"]
UPSCALINGS = [1, 2]
TRAINING = ["nothing", "all_but_last_stage"]  # what is frozen where some layers train
FREEZINGS = [*TRAINING, "all"]
LEARNING_RATE_FACTORS = [1.0, 0.3, 0.1]


@keras.utils.register_keras_serializable(package="autoai4eo")
class PretrainedResNetBlock(ak.Block):
    """ResNet trunk from patches or features (N, h, w, c) to features (N, h', w', c').

    Without weights, the default, it is initialised at random and needs no file. An
    argument left None is searched, the default value first::

        architecture          resnet20 | resnet18               only without weights
        upscaling             1 | 2                             bilinear, of the input
        adaptation            by_band | project                 only if bands differ
        freeze                nothing | all_but_last_stage | all     only with weights
        learning_rate_factor  0.1 | 0.3 | 1.0                   only if some train

    Pixels are scaled as for the training of the weights. If the input has other bands
    than the weights, the first convolution is adapted (see `imputation`), or a 1×1
    convolution projects the input to the bands of the weights; features are always
    projected. Three unknown bands are assumed to be red, green and blue. Frozen layers
    keep their batch normalisation in inference mode.

    Args:
        architecture: resnet20, resnet18, resnet34, resnet50 or resnet101. With weights
            it is theirs, and needed only for a path.
        weights: a name in `catalogue.CATALOGUE`, a record of `catalogue.find_weights`
            or `files.from_file` (in `autoai4eo.blocks.pretrained_weights`), or the path
            of a Keras weight file of a network that was trained on standardised pixels
            of the same bands as the input's.
        adaptation: see above.
        upscaling: a factor on height and width; a fixed one is not capped.
        freeze: the pretrained layers that are not trained.
        learning_rate_factor: of the pretrained layers. The graph reads it from
            ``learning_rate_factors``, by layer name; stock AutoKeras ignores it.
        max_macs: a searched up-scaling is left out if the trunk would need more
            multiply-adds than this for one patch.
        bands: of the input, if its node does not have them.

    Raises:
        UserError: when constructed: an argument is unknown, or does not suit the
            weights; when built: the weights' file is missing or of another network, or
            the input is not (N, h, w, c).
    """

    def __init__(
        self,
        architecture: str | None = None,
        weights: str | Path | Weights | Mapping[str, Any] | None = None,
        adaptation: str | None = None,
        upscaling: int | None = None,
        freeze: str | None = None,
        learning_rate_factor: float | None = None,
        max_macs: int = 500_000_000,
        bands: Sequence[str | Band] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        require("architecture", architecture, list(ARCHITECTURES))
        require("adaptation", adaptation, ADAPTATIONS)
        require("freeze", freeze, FREEZINGS)
        require_number("upscaling", upscaling)
        if learning_rate_factor is not None and not 0 < learning_rate_factor <= 1:
            raise UserError(
                "expected a learning_rate_factor over 0 and at most 1, got "
                f"{learning_rate_factor}; freeze='all' trains nothing"
            )
        self.architecture = architecture
        self.weights = _source(weights)
        self.adaptation = adaptation
        self.upscaling = upscaling
        self.freeze = freeze
        self.learning_rate_factor = learning_rate_factor
        self.max_macs = max_macs
        self.bands = bands
        self.learning_rate_factors: dict[str, float] = {}
        source = self.weights
        if isinstance(source, str) and architecture is None:
            raise UserError(
                f"expected an architecture with the weight file {source}, got none; "
                f"give one of {', '.join(ARCHITECTURES)}"
            )
        if isinstance(source, Weights) and architecture not in (
            None,
            source.architecture,
        ):
            raise UserError(
                f"expected architecture {source.architecture!r} with the weights "
                f"{source.name!r}, got {architecture!r}; leave it out"
            )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, for JSON."""
        weights: Any = self.weights
        if isinstance(weights, Weights):
            known = CATALOGUE.get(weights.name) == weights
            weights = weights.name if known else weights.to_dict()
        return {
            **super().get_config(),
            "architecture": self.architecture,
            "weights": weights,
            "adaptation": self.adaptation,
            "upscaling": self.upscaling,
            "freeze": self.freeze,
            "learning_rate_factor": self.learning_rate_factor,
            "max_macs": self.max_macs,
            "bands": band_names(self.bands),
        }

    def build(self, hp: Any, inputs: Any = None) -> Any:
        """Builds the trunk; returns the features of the last stage."""
        _, trunk, tensor = self._trunk(hp, inputs)
        return trunk(tensor)

    def build_levels(self, hp: Any, inputs: Any = None) -> list[Any]:
        """Builds the trunk; returns its features at strides 2, 4, … of its input."""
        architecture, trunk, tensor = self._trunk(hp, inputs)
        ends = [trunk.get_layer(n).output for n in find_architecture(architecture).ends]
        return list(keras.Model(trunk.input, ends, name=trunk.name)(tensor))

    def _trunk(self, hp: Any, inputs: Any) -> tuple[str, keras.Model, Any]:
        """Returns the architecture, the trunk with its weights, and its input."""
        tensor = one_input(self, inputs)
        require_image(self, tensor)
        self.learning_rate_factors = {}
        if self.weights is None:
            architecture = choose(
                hp, "architecture", self.architecture, SEARCHED, "resnet20"
            )
            x = standardise(self, 0, tensor)
            return architecture, *self._upscale(hp, architecture, x)
        given = self._given_bands(tensor)
        record = (
            self.weights
            if isinstance(self.weights, Weights)
            else from_file(self.weights, str(self.architecture), given)
        )
        layers = dict(load_layers(record))
        if self._adaptation(hp, given, record) == "project":
            x = standardise(self, 0, tensor)
            x = project(x, record.scaling, f"{self.name}_project")
        else:
            shares = imputation(record.bands, given)
            node = self.inputs[0]
            x = scale_pixels(
                tensor,
                given,
                getattr(node, "mean", None),
                getattr(node, "std", None),
                record.scaling,
                shares,
                f"{self.name}_scale",
            )
            first = find_architecture(record.architecture).first
            kernel, *bias = layers[first]
            layers[first] = [adapt_kernel(kernel, shares), *bias]
        trunk, x = self._upscale(hp, record.architecture, x)
        for name, arrays in layers.items():
            trunk.get_layer(name).set_weights(arrays)
        self._freeze(hp, record.architecture, trunk)
        return record.architecture, trunk, x

    def _given_bands(self, tensor: Any) -> tuple[Band, ...]:
        bands = bands_of(self, 0, tensor)
        if bands is not None:
            return bands
        channels = int(tensor.shape[-1])
        if is_pixels(self, 0) and channels == 3:
            # the range of the pixels is unknown, and so is their quantity
            return tuple(Band(b.name, b.wavelength, "unknown") for b in RGB.bands)
        return unknown_bands(channels)

    def _adaptation(self, hp: Any, given: tuple[Band, ...], record: Weights) -> str:
        if not is_pixels(self, 0):
            if self.adaptation == "by_band":
                raise UserError(
                    f"{self.name}: expected pixels for adaptation by band, "
                    "found features of another block; give adaptation='project'"
                )
            return "project"
        if self.adaptation is None and set(given) == set(record.bands):
            return "by_band"
        return str(choose(hp, "adaptation", self.adaptation, ADAPTATIONS, "by_band"))

    def _upscale(self, hp: Any, architecture: str, x: Any) -> tuple[keras.Model, Any]:
        """Returns the trunk for the up-scaled input, and this input."""
        _, height, width, channels = x.shape
        name = f"{self.name}_{architecture}"

        def trunk(factor: int) -> keras.Model:
            shape = (factor * height, factor * width, int(channels))
            return build_trunk(architecture, shape, name)

        factor = choose(hp, "upscaling", self.upscaling, UPSCALINGS, 1)
        model = trunk(factor)
        if self.upscaling is None and factor > 1 and count(model).macs > self.max_macs:
            factor, model = 1, trunk(1)
        if factor > 1:
            x = keras.layers.UpSampling2D(
                factor, interpolation="bilinear", name=f"{self.name}_upscale"
            )(x)
        return model, x

    def _freeze(self, hp: Any, architecture: str, trunk: keras.Model) -> None:
        freeze = choose(hp, "freeze", self.freeze, FREEZINGS, "nothing")
        last_stage = find_architecture(architecture).last_stage
        for layer in trunk.layers:
            in_last_stage = layer.name.startswith(last_stage)
            layer.trainable = freeze == "nothing" or (
                freeze == "all_but_last_stage" and in_last_stage
            )
        if freeze in TRAINING:
            with where(hp, "freeze", self.freeze, TRAINING):
                factor = choose(
                    hp,
                    "learning_rate_factor",
                    self.learning_rate_factor,
                    LEARNING_RATE_FACTORS,
                    0.1,
                )
            self.learning_rate_factors = {trunk.name: float(factor)}


def _source(
    weights: str | Path | Weights | Mapping[str, Any] | None,
) -> str | Weights | None:
    """Returns a record, or the path of a file whose bands will be the input's."""
    if weights is None or isinstance(weights, Weights):
        return weights
    if isinstance(weights, Mapping):
        return Weights.from_dict(weights)
    if str(weights) not in CATALOGUE and Path(weights).expanduser().is_file():
        return str(weights)
    return find_weights(str(weights))
