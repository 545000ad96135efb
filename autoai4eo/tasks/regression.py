"""Regressors of patches: one or several numbers for each."""

from __future__ import annotations

from typing import Any

import numpy as np

from autoai4eo import blocks
from autoai4eo.errors import UserError
from autoai4eo.tasks.classification import ImageClassifier


class ImageRegressor(ImageClassifier):
    """Finds a network that gives one or several numbers for a patch.

    Such as the share of forest, biomass or height. The blocks are those of
    `ImageClassifier`, with `blocks.PooledRegressionHead` at the end.

    Args:
        **kwargs: as `ImageClassifier`, but for `max_latency_ms` and `multi_label`. The
            objective is ``val_rmse`` by default.

    Raises:
        UserError: an argument that is not understood.
    """

    def __init__(self, project_name: str = "image_regressor", **kwargs: Any) -> None:
        for name in ("max_latency_ms", "multi_label"):
            if name in kwargs:
                raise UserError(
                    f"{name}: expected an argument of ImageRegressor, found one of "
                    'ImageClassifier; limit latency by constraints={"latency_ms": …}'
                )
        super().__init__(project_name=project_name, **kwargs)

    @property
    def kind(self) -> str:
        """See `AutoModel.kind`."""
        return "value"

    def _head(self) -> Any:
        return blocks.PooledRegressionHead()

    def predict_spread(self, x: Any, batch_size: int = 32) -> np.ndarray:
        """The predicted standard deviation of each number, float32 (N, values).

        Raises:
            UserError: the finalist was not trained with ``loss="gaussian"``.
        """
        output = self._outputs(x, batch_size)
        values = len(self._told()["classes"])
        if output.shape[1] == values:
            raise UserError(
                "predict_spread: expected a network that predicts a spread, found one "
                'that gives the numbers only; fit with loss="gaussian"'
            )
        return output[:, values:]
