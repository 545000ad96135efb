"""The decoder of a feature pyramid network."""

from __future__ import annotations

from typing import Any

import autokeras as ak
import keras
from keras import layers

from autoai4eo.blocks.backbones.units import convolution, normalised
from autoai4eo.blocks.choices import choose, require, require_number
from autoai4eo.blocks.decoders.levels import (
    CHANNELS,
    check_stride,
    convolved,
    enlarged,
    levels_of,
    rectified,
    summed,
)

FINEST = (2, 4)


@keras.utils.register_keras_serializable(package="autoai4eo")
class FPNDecoder(ak.Block):
    """Feature pyramid network (Lin et al. 2017, arXiv:1612.03144) for segmentation.

    Each level passes a 1×1 convolution and gets the next coarser one added, enlarged
    (nearest); then a 3×3 convolution. The levels are enlarged (bilinear) and added, as
    in *Panoptic feature pyramid networks* (Kirillov et al. 2019, arXiv:1901.02446).
    Levels of a pyramid become (N, h, w, channels) of the finest level that is used.

    An argument left None is searched:

    =========  ==============  =======
    channels   16, 32, 64, 96  32
    finest     2, 4            2        stride of the finest level; 2 with two levels
    separable  False, True     False    depthwise and 1×1 in place of 3×3
    =========  ==============  =======

    The last column is the default.

    Raises:
        UserError: an argument is out of range; when built: the inputs are no pyramid,
            or have too few levels for `finest`.
    """

    def __init__(
        self,
        channels: int | None = None,
        finest: int | None = None,
        separable: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        require_number("channels", channels)
        require("finest", finest, FINEST)
        self.channels = channels
        self.finest = finest
        self.separable = separable

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, for JSON."""
        return {
            **super().get_config(),
            "channels": self.channels,
            "finest": self.finest,
            "separable": self.separable,
        }

    def build(self, hp: Any, inputs: Any = None) -> Any:
        """Levels, the finest (N, h, w, …) first -> (N, h', w', channels)"""
        levels = levels_of(self, inputs)
        channels = choose(hp, "channels", self.channels, CHANNELS, 32)
        possible = FINEST[: len(levels) - 1]
        check_stride(self, "finest", self.finest, possible, len(levels))
        finest = FINEST[0]
        if len(possible) > 1:
            finest = choose(hp, "finest", self.finest, FINEST, finest)
        separable = self.separable
        if separable is None:
            separable = hp.Boolean("separable", default=False)
        first = FINEST.index(finest)
        merged: list[Any] = []
        for i, level in reversed(list(enumerate(levels[first:], first + 1))):
            name = f"{self.name}_level{i}"
            lateral = f"{name}_lateral"
            tensor = convolution(channels, 1, 1, lateral)(level)
            tensor = normalised(tensor, lateral, relu=False)
            if merged:
                up = enlarged(merged[0], 2, tensor.shape[1:3], f"{name}_up")
                tensor = layers.Add(name=f"{name}_add")([tensor, up])
            merged.insert(0, tensor)
        outputs = []
        for i, tensor in enumerate(merged, first + 1):
            name = f"{self.name}_level{i}_out"
            outputs.append(
                rectified(convolved(tensor, channels, separable, name), name)
            )
        return summed(outputs, self.name)
