"""Regressors of patches: they predict one or several values for each patch."""

from __future__ import annotations

from typing import Any

import numpy as np

from autoai4eo import blocks
from autoai4eo.errors import UserError
from autoai4eo.learning import evaluation
from autoai4eo.runs.folder import Run
from autoai4eo.tasks.classification import ImageClassifier

#: Arguments of `ImageClassifier` that say nothing about values, and what does.
_OF_CLASSES = {
    "max_latency_ms": 'limit latency by constraints={"latency_ms": …}',
    "multi_label": "leave it out",
    "num_classes": "give output_dim",
}


class ImageRegressor(ImageClassifier):
    """Searches for a network that predicts one or several values for a patch.

    Values are, for example, the share of forest, biomass or height. The blocks are
    those of `ImageClassifier`, with `blocks.PooledRegressionHead` at the end.

    Args:
        output_dim: number of values, as in AutoKeras; None: those of the data.
        **kwargs: as `ImageClassifier`, except `max_latency_ms`, `multi_label` and
            `num_classes`. The objective is ``val_rmse`` by default.

    Raises:
        UserError: an argument is not valid.
    """

    def __init__(
        self,
        project_name: str = "image_regressor",
        output_dim: int | None = None,
        **kwargs: Any,
    ) -> None:
        for name, advice in _OF_CLASSES.items():
            if name in kwargs:
                raise UserError(
                    f"{name}: expected an argument of ImageRegressor, found one of "
                    f"ImageClassifier; {advice}"
                )
        super().__init__(project_name=project_name, **kwargs)
        self.output_dim = output_dim

    def _asked_number(self) -> int | None:
        return self.output_dim

    @property
    def kind(self) -> str:
        """See `AutoModel.kind`."""
        return "value"

    def _head(self) -> Any:
        return blocks.PooledRegressionHead(**self._asked)

    def predict_spread(self, x: Any, batch_size: int = 32) -> np.ndarray:
        """Returns the predicted standard deviation of each value, float32 (N, values).

        Raises:
            UserError: the finalist was not trained with ``loss="gaussian"``.
        """
        output = evaluation.outputs(*self._unlabelled(x), batch_size)
        values = len(Run(self.run).read()["data"]["training"]["classes"])
        if output.shape[1] == values:
            raise UserError(
                "predict_spread: expected a network that predicts a spread, found one "
                'that predicts values only; fit with loss="gaussian"'
            )
        return output[:, values:]
