"""The head from features to a class for each pixel."""

from __future__ import annotations

from typing import Any

import autokeras as ak
import keras
from keras import layers

from autoai4eo.blocks.choices import choose, one_input, require_image, require_share
from autoai4eo.blocks.decoders.levels import enlarged
from autoai4eo.errors import UserError

DROPOUTS = (0.0, 0.1, 0.25)


@keras.utils.register_keras_serializable(package="autoai4eo")
class SegmentationHead(ak.Head):
    """Class probabilities of each pixel.

    A 1×1 convolution to the classes, on the grid of the features; its result is
    enlarged bilinearly to the size of the mask; softmax. Features (N, h, w, channels)
    become float32 (N, height, width, classes), in a layer with the head's name.

    `shape` is (height, width, classes), of a one-hot mask; `ae.AutoModel` fills it in.
    Stock AutoKeras takes it from one-hot masks (N, height, width, classes).

    The search space: `dropout` 0.0, 0.1, 0.25, before the convolution; the first is the
    default.

    Args:
        dropout: before the convolution; None is searched.
        **kwargs: of `autokeras.Head`: ``loss``, ``metrics``, ``shape``.

    Raises:
        UserError: `dropout` is out of range; when built: `shape` is not as above, or
            the features are no image.
    """

    loss: Any

    def __init__(self, dropout: float | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require_share("dropout", dropout)
        self.dropout = dropout

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, for JSON."""
        return {**super().get_config(), "dropout": self.dropout}

    def get_adapter(self) -> Any:
        """See AutoKeras: masks are taken as they are, as numbers are."""
        return ak.RegressionHead(name=self.name).get_adapter()

    def get_analyser(self) -> Any:
        """See AutoKeras, and `get_adapter`."""
        return ak.RegressionHead(name=self.name).get_analyser()

    def get_hyper_preprocessors(self) -> list[Any]:
        """See AutoKeras: there are none."""
        return []

    def config_from_analyser(self, analyser: Any) -> None:
        """See AutoKeras."""
        super().config_from_analyser(analyser)
        self.loss = self.loss or "categorical_crossentropy"

    def build(self, hp: Any, inputs: Any = None) -> Any:
        """(N, h, w, channels) -> (N, height, width, classes)"""
        tensor = one_input(self, inputs)
        require_image(self, tensor)
        if len(self.shape or ()) != 3:
            raise UserError(
                f"{self.name}: expected the shape (height, width, classes) of a "
                f"one-hot mask, got {self.shape}; give masks of one size"
            )
        *size, classes = (int(n) for n in self.shape)
        dropout = choose(hp, "dropout", self.dropout, DROPOUTS, 0.0)
        if dropout:
            tensor = layers.Dropout(dropout, name=f"{self.name}_dropout")(tensor)
        tensor = layers.Conv2D(classes, 1, name=f"{self.name}_logits")(tensor)
        tensor = self._full_size(tensor, (size[0], size[1]))
        return layers.Softmax(dtype="float32", name=self.name)(tensor)

    def _full_size(self, tensor: Any, size: tuple[int, int]) -> Any:
        found = tuple(tensor.shape[1:3])
        name = f"{self.name}_enlarged"
        for times in (1, 2, 4, 8, 16, 32):
            if found == tuple(-(-n // times) for n in size):
                return enlarged(tensor, times, size, name, "bilinear")
        return layers.Resizing(*size, name=name)(tensor)
