"""The head from features to numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import autokeras as ak
import keras
from keras import layers

from autoai4eo.blocks.heads.pooled import Pooled

#: The smallest spread, in standard deviations: it bounds the likelihood.
_LEAST_SPREAD = 1e-3


@keras.utils.register_keras_serializable(package="autoai4eo")
class PooledRegressionHead(Pooled, ak.RegressionHead):
    """Global pooling, at most one hidden layer, numbers.

    Features (N, height, width, channels) or (N, channels) become float32 (N, values),
    in a layer with the head's name. The network learns numbers of mean 0 and standard
    deviation 1; a `keras.layers.Rescaling` at the end converts them to their own units.
    `ae.AutoModel` takes mean and standard deviation from the training data. With a
    spread the output is (N, 2 · values): the mean of each number, then the predicted
    standard deviation of each.

    The search space is that of `PooledHead`.

    Args:
        pooling: ``"average"``, ``"max"`` or both, concatenated.
        hidden: units of the hidden layer; 0 for none.
        dropout: before the last layer.
        mean: of each number; None: 0.
        std: standard deviation of each number; None: 1.
        spread: whether to predict a spread, too.
        loss: None: mean squared error, in a graph of stock AutoKeras.
        **kwargs: of `autokeras.RegressionHead`.

    Raises:
        UserError: an argument is out of range.
    """

    loss: Any

    def __init__(
        self,
        pooling: str | None = None,
        hidden: int | None = None,
        dropout: float | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        spread: bool = False,
        loss: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pooling, hidden, dropout, loss=loss, **kwargs)
        self.mean = None if mean is None else [float(m) for m in mean]
        self.std = None if std is None else [float(s) for s in std]
        self.spread = spread

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, for JSON."""
        config = super().get_config()
        return {**config, "mean": self.mean, "std": self.std, "spread": self.spread}

    def config_from_analyser(self, analyser: Any) -> None:
        """See AutoKeras."""
        super().config_from_analyser(analyser)
        self.loss = self.loss or "mean_squared_error"

    def _output(self, tensor: Any) -> Any:
        values = int(self.shape[-1])
        mean, std = self.mean or [0.0] * values, self.std or [1.0] * values
        last = f"{self.name}_mean" if self.spread else self.name
        numbers = layers.Dense(values, name=f"{self.name}_standardised")(tensor)
        numbers = layers.Rescaling(std, mean, dtype="float32", name=last)(numbers)
        if not self.spread:
            return numbers
        spread = layers.Dense(values, "softplus", name=f"{self.name}_softplus")(tensor)
        least = [_LEAST_SPREAD * s for s in std]
        spread = layers.Rescaling(
            std, least, dtype="float32", name=f"{self.name}_spread"
        )(spread)
        return layers.Concatenate(dtype="float32", name=self.name)([numbers, spread])
