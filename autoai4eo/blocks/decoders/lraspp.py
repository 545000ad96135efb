"""The light decoder of MobileNetV3."""

from __future__ import annotations

from typing import Any

import autokeras as ak
import keras
from keras import layers

from autoai4eo.blocks.backbones.units import ConvUnit, convolution
from autoai4eo.blocks.choices import choose, require, require_number
from autoai4eo.blocks.decoders.levels import check_stride, enlarged, levels_of

SKIPS = (2, 4, 8, 16)
_USUAL = 8


@keras.utils.register_keras_serializable(package="autoai4eo")
class LRASPPDecoder(ak.Block):
    """Lite R-ASPP (Howard et al. 2019, *Searching for MobileNetV3*, arXiv:1905.02244).

    ::

        deep ─┬─ 1×1 ─ BN ─ ReLU ────────── × ─ enlarge ─┐
              └─ global average ─ 1×1 ─ sigmoid ┘        ├ concatenate
        skip ────────────────────────────────────────────┘

    *deep* is the level after *skip*; others are not used. The 1×1 convolution of the
    head on the concatenation equals the paper's sum of two. Levels of a pyramid become
    (N, h, w, channels) of *skip*.

    An argument left None is searched:

    ========  ============  =======
    channels  32, 64, 128   64       of the branch of *deep*
    skip      2, 4, 8, 16   8        its stride; all but the coarsest of the pyramid
    ========  ============  =======

    The last column is the default.

    Raises:
        UserError: an argument is out of range; when built: the inputs are no pyramid,
            or have no level after *skip*.
    """

    def __init__(
        self, channels: int | None = None, skip: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        require_number("channels", channels)
        require("skip", skip, SKIPS)
        self.channels = channels
        self.skip = skip

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, for JSON."""
        return {**super().get_config(), "channels": self.channels, "skip": self.skip}

    def build(self, hp: Any, inputs: Any = None) -> Any:
        """Levels, the finest (N, h, w, …) first -> (N, h', w', channels')"""
        levels = levels_of(self, inputs)
        possible = SKIPS[: len(levels) - 1]
        check_stride(self, "skip", self.skip, possible, len(levels))
        channels = choose(hp, "channels", self.channels, (32, 64, 128), 64)
        default = min(_USUAL, possible[-1])
        skip = choose(hp, "skip", self.skip, possible, default)
        i = SKIPS.index(skip)
        fine, deep = levels[i], levels[i + 1]
        gate = f"{self.name}_gate"
        weight = layers.GlobalAveragePooling2D(keepdims=True, name=f"{gate}_mean")(deep)
        weight = convolution(channels, 1, 1, f"{gate}_conv")(weight)
        weight = layers.Activation("sigmoid", name=f"{gate}_sigmoid")(weight)
        tensor = ConvUnit(f"{self.name}_deep", channels, 1)(deep)
        tensor = layers.Multiply(name=gate)([tensor, weight])
        size = fine.shape[1:3]
        tensor = enlarged(tensor, 2, size, f"{self.name}_up", "bilinear")
        return layers.Concatenate(name=f"{self.name}_both")([tensor, fine])
