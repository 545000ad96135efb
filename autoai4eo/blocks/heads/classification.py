"""Heads from features to class probabilities."""

from __future__ import annotations

import itertools
import math
from typing import Any

import autokeras as ak
import keras
from keras import layers

from autoai4eo.blocks.heads.pooled import HIDDEN, POOLINGS, Pooled
from autoai4eo.errors import AutoAI4EOWarning, UserError, warn


@keras.utils.register_keras_serializable(package="autoai4eo")
class PooledHead(Pooled, ak.ClassificationHead):
    """Global pooling, at most one hidden layer, class probabilities.

    Features (N, height, width, channels) or (N, channels) become float32 (N, classes),
    in a layer with the head's name. It is a softmax, or a sigmoid for each class with
    `multi_label`; if AutoKeras encodes two classes as one column it is a sigmoid,
    (N, 1).

    An argument left None is searched:

    =======  =========================  =======
    pooling  average, max, average+max  average   (N, channels) is not pooled
    hidden   0 (none), 64, 128          0
    dropout  0.0, 0.25, 0.5             0.25
    =======  =========================  =======

    The last column is the default.

    Args:
        pooling: ``"average"``, ``"max"`` or both, concatenated.
        hidden: units of the hidden layer; 0 for none.
        dropout: before the last layer.
        **kwargs: of `autokeras.ClassificationHead`.

    Raises:
        UserError: an argument is out of range.
    """

    def _output(self, tensor: Any) -> Any:
        classes = int(self.shape[-1])
        tensor = layers.Dense(classes, name=f"{self.name}_logits")(tensor)
        if classes == 1 or self.multi_label:
            return layers.Activation("sigmoid", dtype="float32", name=self.name)(tensor)
        return layers.Softmax(dtype="float32", name=self.name)(tensor)


class BudgetNotEnforced(AutoAI4EOWarning):
    """Warns that a search may train networks slower than a head allows."""


@keras.utils.register_keras_serializable(package="autoai4eo")
class LatencyConstrainedHead(PooledHead):
    """A `PooledHead` that limits the latency of its network.

    `ae.AutoModel` measures each candidate on the device; one whose whole network is
    slower than the limit is infeasible and not trained. The head itself never measures.
    In a graph of stock AutoKeras it therefore warns, once, that nothing enforces the
    limit.

    The search space is that of `PooledHead`.

    Args:
        max_latency_ms: of one forward pass of the whole network, in milliseconds.
        batch_size: patches in that pass.
        **kwargs: of `PooledHead`.

    Raises:
        UserError: `max_latency_ms` is not above 0, or `batch_size` is not a whole
            number from 1.
    """

    def __init__(
        self, max_latency_ms: float, batch_size: int = 1, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if not (max_latency_ms > 0 and math.isfinite(max_latency_ms)):
            raise UserError(
                f"max_latency_ms: expected milliseconds above 0, got {max_latency_ms}; "
                "give the budget of one forward pass"
            )
        if batch_size < 1 or batch_size != int(batch_size):
            raise UserError(
                f"batch_size: expected a whole number from 1, got {batch_size}; "
                "give the number of patches in one forward pass"
            )
        self.max_latency_ms = float(max_latency_ms)
        self.latency_batch_size = int(batch_size)
        self._warned = False

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, for JSON."""
        return {
            **super().get_config(),
            "max_latency_ms": self.max_latency_ms,
            "batch_size": self.latency_batch_size,
        }

    def build(self, hp: Any, inputs: Any = None) -> Any:
        """(N, height, width, channels) or (N, channels) -> (N, classes)"""
        if not self._warned:
            self._warned = True
            warn(
                f"{self.name}: max_latency_ms={self.max_latency_ms:g} is enforced by "
                "autoai4eo.AutoModel only; this search does not measure latency",
                BudgetNotEnforced,
            )
        return super().build(hp, inputs)

    def alternatives(self) -> list[dict[str, Any]]:
        """Returns every choice of pooling and hidden units, which change the latency.

        Dropout costs nothing at inference. Arguments of the constructor are fixed.
        """
        poolings = POOLINGS if self.pooling is None else (self.pooling,)
        widths = HIDDEN if self.hidden is None else (self.hidden,)
        return [
            {"pooling": pooling, "hidden": hidden}
            for pooling, hidden in itertools.product(poolings, widths)
        ]

    def build_alternative(self, features: Any, choice: dict[str, Any]) -> Any:
        """Builds the head `choice`, one of `alternatives`, on `features`.

        Returns the same output tensor as `build`, but without dropout.
        """
        pooling = choice["pooling"] if len(features.shape) > 2 else None
        return self._head(features, pooling, choice["hidden"], dropout=0.0)
