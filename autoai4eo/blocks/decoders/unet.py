"""The decoder of U-Net."""

from __future__ import annotations

from typing import Any

import autokeras as ak
import keras
from keras import layers

from autoai4eo.blocks.backbones.units import level_channels
from autoai4eo.blocks.choices import choose, require_number
from autoai4eo.blocks.decoders.levels import (
    convolved,
    enlarged,
    levels_of,
    rectified,
)


@keras.utils.register_keras_serializable(package="autoai4eo")
class UNetDecoder(ak.Block):
    """Decoder of U-Net (Ronneberger et al. 2015, arXiv:1505.04597).

    From the coarsest level on: enlarge to the next finer level (nearest), concatenate
    with it, convolve 3×3 `depth` times. Levels of a pyramid become (N, h, w, width) of
    the finest level; the coarser have twice the channels, up to 8 times.

    An argument left None is searched:

    =========  ==============  =======
    width      8, 16, 24, 32   16
    depth      1, 2            1
    separable  False, True     False    depthwise and 1×1 in place of 3×3
    =========  ==============  =======

    The last column is the default.

    Raises:
        UserError: an argument is out of range; when built: the inputs are no pyramid.
    """

    def __init__(
        self,
        width: int | None = None,
        depth: int | None = None,
        separable: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        require_number("width", width)
        require_number("depth", depth)
        self.width = width
        self.depth = depth
        self.separable = separable

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, for JSON."""
        return {
            **super().get_config(),
            "width": self.width,
            "depth": self.depth,
            "separable": self.separable,
        }

    def build(self, hp: Any, inputs: Any = None) -> Any:
        """Levels, the finest (N, h, w, …) first -> (N, h, w, width)"""
        *finer, tensor = levels_of(self, inputs)
        width = choose(hp, "width", self.width, (8, 16, 24, 32), 16)
        depth = choose(hp, "depth", self.depth, (1, 2), 1)
        separable = self.separable
        if separable is None:
            separable = hp.Boolean("separable", default=False)
        for i, level in reversed(list(enumerate(finer))):
            name = f"{self.name}_level{i + 1}"
            tensor = enlarged(tensor, 2, level.shape[1:3], f"{name}_up")
            tensor = layers.Concatenate(name=f"{name}_skip")([tensor, level])
            for unit in range(1, depth + 1):
                one = f"{name}_{unit}"
                filters = level_channels(width, i)
                tensor = rectified(convolved(tensor, filters, separable, one), one)
        return tensor
