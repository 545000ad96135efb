"""Metrics of a classification during training: kappa and average accuracy.

Overall accuracy is misleading for uneven classes, as in land cover: a map that is all
forest can reach 0.9. Average accuracy weights all classes equally; Cohen's kappa
subtracts the agreement expected by chance.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from autoai4eo.errors import UserError


class _ConfusionMetric(keras.metrics.Metric):
    """Keeps the confusion matrix; rows: truth, columns: prediction."""

    def __init__(
        self, num_classes: int, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.num_classes = int(num_classes)
        self.confusion = self.add_variable(
            shape=(self.num_classes, self.num_classes),
            initializer="zeros",
            name="confusion",
        )

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Counts a batch.

        Args:
            y_true: one-hot (N, classes), or class indices (N,) or (N, 1).
            y_pred: class probabilities (N, classes).
            sample_weight: (N,); None: each sample has the weight 1.

        Raises:
            UserError: `y_pred` has another number of classes.
        """
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        if y_pred.shape[-1] != self.num_classes:
            raise UserError(
                f"expected probabilities of {self.num_classes} classes in "
                f"{self.name}, found {y_pred.shape[-1]}; give the number of the "
                "network's outputs as num_classes"
            )
        if len(y_true.shape) == 2 and y_true.shape[-1] == self.num_classes:
            y_true = ops.argmax(y_true, axis=-1)
        truth = self._one_hot(ops.reshape(y_true, (-1,)))
        if sample_weight is not None:
            weight = ops.cast(ops.reshape(sample_weight, (-1, 1)), self.dtype)
            truth = truth * weight
        prediction = self._one_hot(ops.argmax(y_pred, axis=-1))
        self.confusion.assign_add(ops.matmul(ops.transpose(truth), prediction))

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, for JSON."""
        return {**super().get_config(), "num_classes": self.num_classes}

    def _one_hot(self, indices: Any) -> Any:
        indices = ops.cast(indices, "int32")
        return ops.one_hot(indices, self.num_classes, dtype=self.dtype)


@keras.utils.register_keras_serializable(package="autoai4eo")
class CohenKappa(_ConfusionMetric):
    """Agreement of prediction and truth beyond chance (Cohen, 1960).

    One is perfect, zero is chance, below zero is worse than chance. If it is undefined
    (truth and prediction are all one class) it is zero. The results are those of
    tensorflow-addons.

    Args:
        num_classes: number of classes, and of the network's outputs.
        weightage: None counts all errors equally; ``"linear"`` and ``"quadratic"``
            weight them by the distance of ordered classes (Cohen, 1968).
        name: the metric's name.
        dtype: of the state and the result.

    Raises:
        UserError: `weightage` is unknown.
    """

    def __init__(
        self,
        num_classes: int,
        weightage: str | None = None,
        name: str = "cohen_kappa",
        dtype: Any = None,
    ) -> None:
        if weightage not in (None, "linear", "quadratic"):
            raise UserError(
                f"expected weightage None, 'linear' or 'quadratic', found "
                f"{weightage!r}; choose one of them"
            )
        super().__init__(num_classes, name=name, dtype=dtype)
        self.weightage = weightage

    def result(self) -> Any:
        """Returns the kappa of all batches since the last reset, a scalar."""
        i = np.arange(self.num_classes)
        distance = np.abs(i[:, None] - i[None, :])
        power = {None: 0, "linear": 1, "quadratic": 2}[self.weightage]
        penalty = ops.cast((distance > 0) * distance.astype(float) ** power, self.dtype)
        confusion = ops.convert_to_tensor(self.confusion)
        total = ops.maximum(ops.sum(confusion), keras.backend.epsilon())
        truth = ops.sum(confusion, axis=1, keepdims=True) / total
        prediction = ops.sum(confusion, axis=0, keepdims=True) / total
        observed = ops.sum(penalty * confusion) / total
        by_chance = ops.sum(penalty * truth * prediction)
        defined = by_chance > 0
        ratio = observed / ops.where(defined, by_chance, 1.0)
        return ops.where(defined, 1.0 - ratio, 0.0)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, for JSON."""
        return {**super().get_config(), "weightage": self.weightage}


@keras.utils.register_keras_serializable(package="autoai4eo")
class AverageAccuracy(_ConfusionMetric):
    """Mean recall of the classes in the truth (macro recall, AA).

    Classes without a sample do not count. Zero before the first sample.

    Args:
        num_classes: number of classes, and of the network's outputs.
        name: the metric's name.
        dtype: of the state and the result.
    """

    def __init__(
        self, num_classes: int, name: str = "average_accuracy", dtype: Any = None
    ) -> None:
        super().__init__(num_classes, name=name, dtype=dtype)

    def result(self) -> Any:
        """Returns the accuracy of all batches since the last reset, a scalar."""
        confusion = ops.convert_to_tensor(self.confusion)
        support = ops.sum(confusion, axis=1)
        present = ops.cast(support > 0, self.dtype)
        recall = ops.diagonal(confusion) / ops.where(support > 0, support, 1.0)
        return ops.sum(recall) / ops.maximum(ops.sum(present), 1.0)
