"""Input nodes with the bands of their pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import autokeras as ak
import keras
import numpy as np
from keras import ops

from autoai4eo.data.input_names import input_names
from autoai4eo.data.sensors import Band, band
from autoai4eo.errors import UserError


@keras.utils.register_keras_serializable(package="autoai4eo")
class ImageInput(ak.ImageInput):
    """Input node for patches of shape (N, height, width, bands), as in AutoKeras.

    Unlike AutoKeras's, it passes its name to the Keras model, is always float32, and
    has bands and their statistics: `ae.AutoModel` fills in both from the data set; for
    a graph of stock AutoKeras give them here.

    Args:
        name: the input's name, for So2Sat ``"sen1"`` or ``"sen2"``.
        bands: band names in the order of the last axis.
        mean: per band, in the units of the file; the model replaces missing pixels
            (NaN, infinite) by it.
        std: per band, in the units of the file.

    Raises:
        UserError: not every format of an exported model accepts the name.
    """

    def __init__(
        self,
        name: str | None = None,
        bands: Sequence[str | Band] | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        **kwargs: Any,
    ) -> None:
        if name is not None:
            (possible,) = input_names([name], "ImageInput")[0].values()
            if name != possible:
                raise UserError(
                    f"ImageInput: expected a name of letters, digits and _, got "
                    f"{name!r}; use {possible}; data named {name!r} match it"
                )
        super().__init__(name=name, **kwargs)
        self.bands = (
            None
            if bands is None
            else tuple(b if isinstance(b, Band) else band(b) for b in bands)
        )
        self.mean = None if mean is None else [float(m) for m in mean]
        self.std = None if std is None else [float(s) for s in std]

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, for JSON."""
        names = None if self.bands is None else [b.name for b in self.bands]
        return {
            **super().get_config(),
            "bands": names,
            "mean": self.mean,
            "std": self.std,
        }

    def build_node(self, hp: Any) -> Any:
        """Returns a float32 Keras input with this node's name."""
        return keras.Input(shape=self.shape, dtype="float32", name=self.name)

    def build(self, hp: Any, inputs: Any = None) -> Any:
        """Returns the pixels, with missing ones replaced by the band's mean."""
        pixels = keras.tree.flatten(inputs)[0]
        if self.mean is None:
            return pixels
        return ops.where(ops.isfinite(pixels), pixels, np.asarray(self.mean, "float32"))
