"""How good a classification is: kappa and average accuracy, in training and after.

Overall accuracy says little where classes are as uneven as in land cover: a map that
calls everything forest can reach 0.9. Average accuracy weighs each class the same;
Cohen's kappa takes off the agreement that chance alone would give.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from autoai4eo.errors import UserError


class _ConfusionMetric(keras.metrics.Metric):
    """Keeps the confusion matrix, rows the truth, columns the prediction."""

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
            sample_weight: (N,), or None where each sample counts one.

        Raises:
            UserError: `y_pred` has another number of classes.
        """
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        if y_pred.shape[-1] != self.num_classes:
            raise UserError(
                f"expected probabilities of {self.num_classes} classes in "
                f"{self.name}, found {y_pred.shape[-1]}; give num_classes as the "
                "network has outputs"
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
        """The constructor's arguments, ready for JSON."""
        return {**super().get_config(), "num_classes": self.num_classes}

    def _one_hot(self, indices: Any) -> Any:
        indices = ops.cast(indices, "int32")
        return ops.one_hot(indices, self.num_classes, dtype=self.dtype)


@keras.utils.register_keras_serializable(package="autoai4eo")
class CohenKappa(_ConfusionMetric):
    """Agreement of prediction and truth beyond chance (Cohen, 1960).

    One is perfect, zero is what chance gives, below zero is worse. Where it is not
    defined (truth and prediction are all one and the same class) it is zero. The
    numbers are those of tensorflow-addons.

    Args:
        num_classes: number of classes, and of the network's outputs.
        weightage: None counts every error alike; ``"linear"`` and ``"quadratic"``
            by the distance of the classes' indices (Cohen, 1968), for ordered ones.
        name: the metric's name.
        dtype: of the state and the result.

    Raises:
        UserError: `weightage` is none of these.
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
        """The kappa of all batches since the last reset, a scalar."""
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
        """The constructor's arguments, ready for JSON."""
        return {**super().get_config(), "weightage": self.weightage}


@keras.utils.register_keras_serializable(package="autoai4eo")
class AverageAccuracy(_ConfusionMetric):
    """Mean of the recall of each class that the truth holds (macro recall, AA).

    Classes without a sample are left out. Zero before the first sample.

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
        """The average accuracy of all batches since the last reset, a scalar."""
        confusion = ops.convert_to_tensor(self.confusion)
        support = ops.sum(confusion, axis=1)
        present = ops.cast(support > 0, self.dtype)
        recall = ops.diagonal(confusion) / ops.where(support > 0, support, 1.0)
        return ops.sum(recall) / ops.maximum(ops.sum(present), 1.0)


def scores(
    y_true: np.ndarray, y_pred: np.ndarray, class_names: Sequence[str]
) -> dict[str, Any]:
    """All that is said of a classification, ready for JSON.

    Args:
        y_true: true class indices, shape (N,).
        y_pred: predicted class indices, shape (N,).
        class_names: the name of each index.

    Returns:
        ``accuracy`` (overall, OA), ``average_accuracy`` (AA, mean recall of the
        classes that `y_true` holds), ``cohen_kappa`` (unweighted, zero where it is
        not defined), ``macro_f1`` (mean F1 of the classes that `y_true` or `y_pred`
        holds, as in scikit-learn), ``per_class`` (name -> ``precision, recall, f1,
        support``; zero where not defined), ``confusion_matrix`` (rows the truth) and
        ``absent_classes``, the names of those that `y_true` lacks.

    Raises:
        UserError: there are no samples, the two differ in number, or an index has
            no name.
    """
    from sklearn import metrics

    y_true, y_pred = np.asarray(y_true).ravel(), np.asarray(y_pred).ravel()
    _check(y_true, y_pred, len(class_names))
    labels = np.arange(len(class_names))
    confusion = metrics.confusion_matrix(y_true, y_pred, labels=labels)
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        y_true, y_pred, labels=labels, zero_division=0.0
    )
    present = support > 0
    one_class_only = len(np.union1d(y_true, y_pred)) == 1
    return {
        "accuracy": float(metrics.accuracy_score(y_true, y_pred)),
        "average_accuracy": float(recall[present].mean()),
        "cohen_kappa": 0.0
        if one_class_only
        else float(metrics.cohen_kappa_score(y_true, y_pred)),
        "macro_f1": float(f1[present | (confusion.sum(axis=0) > 0)].mean()),
        "per_class": {
            name: {
                "precision": float(precision[i]),
                "recall": float(recall[i]),
                "f1": float(f1[i]),
                "support": int(support[i]),
            }
            for i, name in enumerate(class_names)
        },
        "confusion_matrix": confusion.tolist(),
        "absent_classes": [
            name for name, here in zip(class_names, present, strict=True) if not here
        ],
    }


def _check(y_true: np.ndarray, y_pred: np.ndarray, num_classes: int) -> None:
    if len(y_true) == 0 or len(y_true) != len(y_pred):
        raise UserError(
            f"expected one prediction for each of one or more labels, found "
            f"{len(y_pred)} for {len(y_true)}; evaluate on data with labels"
        )
    both = np.concatenate([y_true, y_pred])
    if both.min() < 0 or both.max() >= num_classes:
        raise UserError(
            f"expected class indices from 0 to {num_classes - 1}, found "
            f"{both.min()} to {both.max()}; give a name for each class"
        )
