"""The common part of all heads for a whole patch: pooling and a hidden layer."""

from __future__ import annotations

from typing import Any

from keras import layers

from autoai4eo.blocks.choices import (
    choose,
    one_input,
    require,
    require_number,
    require_share,
)

POOLINGS = ("average", "max", "average+max")
HIDDEN = (0, 64, 128)
DROPOUTS = (0.0, 0.25, 0.5)


class Pooled:
    """The part of a head before its output layer; a mixin before AutoKeras's head.

    Args:
        pooling: ``"average"``, ``"max"`` or both, concatenated.
        hidden: units of the hidden layer; 0 for none.
        dropout: before the last layer.
        **kwargs: of AutoKeras's head.

    Raises:
        UserError: an argument is out of range.
    """

    name: str
    dropout: float | None

    def __init__(
        self,
        pooling: str | None = None,
        hidden: int | None = None,
        dropout: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(dropout=dropout, **kwargs)  # type: ignore[call-arg]
        require("pooling", pooling, POOLINGS)
        require_number("hidden", hidden, least=0)
        require_share("dropout", dropout)
        self.pooling = pooling
        self.hidden = hidden

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, for JSON."""
        known: dict[str, Any] = super().get_config()  # type: ignore[misc]
        return {**known, "pooling": self.pooling, "hidden": self.hidden}

    def build(self, hp: Any, inputs: Any = None) -> Any:
        """(N, height, width, channels) or (N, channels) -> (N, outputs)"""
        features = one_input(self, inputs)
        pooling = None
        if len(features.shape) > 2:
            pooling = choose(hp, "pooling", self.pooling, POOLINGS, "average")
        hidden = choose(hp, "hidden", self.hidden, HIDDEN, 0)
        dropout = choose(hp, "dropout", self.dropout, DROPOUTS, 0.25)
        return self._head(features, pooling, hidden, dropout)

    def _head(
        self, features: Any, pooling: str | None, hidden: int, dropout: float
    ) -> Any:
        tensor = self._pool(features, pooling)
        if hidden:
            tensor = layers.Dense(
                hidden, activation="relu", name=f"{self.name}_hidden"
            )(tensor)
        if dropout:
            tensor = layers.Dropout(dropout, name=f"{self.name}_dropout")(tensor)
        return self._output(tensor)

    def _output(self, tensor: Any) -> Any:
        """Adds the head's last layers; the last one has the head's name."""
        raise NotImplementedError

    def _pool(self, features: Any, pooling: str | None) -> Any:
        first = f"{self.name}_pool"
        if pooling is None:
            return layers.Identity(name=first)(features)
        if pooling == "max":
            return layers.GlobalMaxPooling2D(name=first)(features)
        average = layers.GlobalAveragePooling2D(name=first)(features)
        if pooling == "average":
            return average
        highest = layers.GlobalMaxPooling2D(name=f"{first}_max")(features)
        return layers.Concatenate(name=f"{first}_both")([average, highest])
