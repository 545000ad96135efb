"""Metrics of a class per sample or per pixel during training.

Overall accuracy is misleading for uneven classes, as in land cover: a map that is all
forest can reach 0.9. Average accuracy weights all classes equally; Cohen's kappa
subtracts the agreement expected by chance. Samples or pixels whose one-hot truth is all
zero are unknown, and do not count.
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
            y_true: one-hot (…, classes), or class indices (…,) or (…, 1).
            y_pred: class probabilities (…, classes).
            sample_weight: (…,); None: each sample or pixel has the weight 1.

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
        weight = 1.0
        if len(y_true.shape) > 1 and y_true.shape[-1] == self.num_classes:
            weight = ops.cast(ops.any(y_true > 0, axis=-1), self.dtype)
            y_true = ops.argmax(y_true, axis=-1)
        truth = ops.cast(ops.reshape(y_true, (-1,)), "int32")
        prediction = ops.cast(ops.argmax(y_pred, axis=-1), "int32")
        cells = truth * self.num_classes + ops.reshape(prediction, (-1,))
        weight = ops.reshape(weight, (-1,)) * ops.ones_like(cells, dtype=self.dtype)
        if sample_weight is not None:
            weight *= ops.cast(ops.reshape(sample_weight, (-1,)), self.dtype)
        else:  # whole numbers: float32 cannot count beyond 2**24
            weight = ops.cast(weight, "int32")
        counts = ops.segment_sum(weight, cells, self.num_classes**2)
        counts = ops.cast(counts, self.dtype)
        self.confusion.assign_add(ops.reshape(counts, self.confusion.shape))

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, for JSON."""
        return {**super().get_config(), "num_classes": self.num_classes}

    def _totals(self) -> tuple[Any, Any, Any]:
        """Returns of each class how often it is right, true and predicted."""
        confusion = ops.convert_to_tensor(self.confusion)
        return (
            ops.diagonal(confusion),
            ops.sum(confusion, axis=1),
            ops.sum(confusion, axis=0),
        )


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
        right, truth, _ = self._totals()
        return _mean_where(truth > 0, right, truth)


@keras.utils.register_keras_serializable(package="autoai4eo")
class OverallAccuracy(_ConfusionMetric):
    """Share of right predictions (OA). Zero before the first sample.

    Args:
        num_classes: number of classes, and of the network's outputs.
        name: the metric's name.
        dtype: of the state and the result.
    """

    def __init__(
        self, num_classes: int, name: str = "accuracy", dtype: Any = None
    ) -> None:
        super().__init__(num_classes, name=name, dtype=dtype)

    def result(self) -> Any:
        """Returns the accuracy of all batches since the last reset, a scalar."""
        right, truth, _ = self._totals()
        return ops.sum(right) / ops.maximum(ops.sum(truth), keras.backend.epsilon())


@keras.utils.register_keras_serializable(package="autoai4eo")
class MeanIoU(_ConfusionMetric):
    """Mean intersection over union of the classes in the truth (mIoU).

    Classes that are not in the truth do not count. Zero before the first sample.

    Args:
        num_classes: number of classes, and of the network's outputs.
        name: the metric's name.
        dtype: of the state and the result.
    """

    def __init__(
        self, num_classes: int, name: str = "mean_iou", dtype: Any = None
    ) -> None:
        super().__init__(num_classes, name=name, dtype=dtype)

    def result(self) -> Any:
        """Returns the mIoU of all batches since the last reset, a scalar."""
        right, truth, predicted = self._totals()
        return _mean_where(truth > 0, right, truth + predicted - right)


def _mean_where(counted: Any, part: Any, whole: Any) -> Any:
    """Returns the mean of part / whole over the classes that count; 0 without any."""
    each = ops.where(counted, part / ops.where(counted, whole, 1.0), 0.0)
    return ops.sum(each) / ops.maximum(ops.sum(ops.cast(counted, each.dtype)), 1.0)
