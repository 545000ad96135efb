"""What can be evaluated: a Keras network, or a model in another runtime."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from autoai4eo.data.stream import Batches


class Network(Protocol):
    """The part of `keras.Model` that an evaluation uses.

    Attributes:
        inputs: each with a ``name`` and a ``shape``, (None, H, W, bands).
        output_shape: (None, …), see `Task`.
    """

    inputs: Any
    output_shape: Any

    def predict(self, batches: Batches, *, verbose: int) -> np.ndarray:
        """Returns the outputs for all samples, float32 (N, …)."""
