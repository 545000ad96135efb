"""The task of one class per sample."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import keras
import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.readers.labels import check_several_classes
from autoai4eo.data.splits import class_weights
from autoai4eo.errors import UserError
from autoai4eo.learning import confusion
from autoai4eo.learning.calibration import (
    Reliability,
    expected_calibration_error,
    fit_temperature,
    reliability,
    scaled,
)
from autoai4eo.learning.intervals import GroupSums, of_counts, of_groups, resampled
from autoai4eo.learning.metrics import AverageAccuracy, CohenKappa
from autoai4eo.learning.objectives import DEFAULTS, Objective
from autoai4eo.learning.task import Task, parsed_weights

_LOSSES = {
    "crossentropy": keras.losses.CategoricalCrossentropy,
    "focal": keras.losses.CategoricalFocalCrossentropy,
}
#: AutoKeras has a sigmoid and a binary loss for two classes.
KERAS_LOSSES = {
    "categorical_crossentropy": "crossentropy",
    "binary_crossentropy": "crossentropy",
    "categorical_focal_crossentropy": "focal",
    "binary_focal_crossentropy": "focal",
}


@dataclass(frozen=True)
class Classification(Task):
    """See `Task`. The network's output is class probabilities, (n, classes)."""

    losses: ClassVar[tuple[str, ...]] = tuple(_LOSSES)
    keras_losses: ClassVar[Mapping[str, str]] = KERAS_LOSSES
    metrics: ClassVar[tuple[str, ...]] = ("accuracy", "average_accuracy", "cohen_kappa")
    objective: ClassVar[Objective] = DEFAULTS["class"]
    resampled: ClassVar[tuple[str, ...]] = metrics
    fitted: ClassVar[tuple[str, ...]] = (
        "temperature",
        "calibrated_expected_calibration_error",
    )

    def check(self, dataset: Dataset) -> None:
        """See `Task.check`: at least two classes must have samples."""
        check_several_classes(dataset.labels, dataset.class_names, dataset.path)

    def encode(self, targets: np.ndarray) -> np.ndarray:
        """Returns one-hot rows, float32 (n, classes); all zero if the class is -1."""
        classes = np.arange(len(self.target.classes))
        return (targets[:, None] == classes).astype(np.float32)

    def loss(self, name: str, targets: np.ndarray) -> Any:
        """See `Task.loss`: cross-entropy, or focal (Lin et al., 2017)."""
        return _LOSSES[name]()

    def keras_metrics(self, targets: np.ndarray) -> list[Any]:
        """See `Task.keras_metrics`."""
        classes = len(self.target.classes)
        return [
            # not by name: Keras would create it in the first step, and trace twice
            keras.metrics.CategoricalAccuracy(name="accuracy"),
            AverageAccuracy(classes),
            CohenKappa(classes),
        ]

    def class_weight(
        self, asked: str | Mapping[int, float] | None, train: Dataset
    ) -> dict[int, float] | None:
        """See `Task.class_weight`: ``"balanced"``, or weights by class number."""
        return parsed_weights(asked, lambda: class_weights(train))

    def fit(self, truth: np.ndarray, output: np.ndarray) -> dict[str, Any]:
        """Fits the temperature; returns it and the calibration error after it."""
        temperature = fit_temperature(truth, output)
        after = reliability(truth, scaled(output, temperature))
        return {
            "temperature": temperature,
            "calibrated_expected_calibration_error": expected_calibration_error(after),
        }

    def decide(self, output: np.ndarray, fitted: Mapping[str, Any]) -> np.ndarray:
        """Returns the most probable class, int64 (n,)."""
        return np.asarray(output.argmax(axis=-1))

    def scorer(self, fitted: Mapping[str, Any]) -> ClassScorer:
        """See `Task.scorer`."""
        return ClassScorer(self.target.classes)


class ClassScorer:
    """See `Scorer`. Keeps a confusion matrix per group and counts per bin.

    ``result`` returns the result of `scores`, ``expected_calibration_error``,
    ``reliability`` (see `calibration.reliability`) and ``intervals`` of OA, AA and
    kappa; and of samples in groups ``single_group_classes``, the classes that occur in
    one group only: the interval of AA does not know how much their recall varies.

    Args:
        class_names: the name of each class number.
    """

    def __init__(self, class_names: Sequence[str]) -> None:
        self._names = class_names
        self._sums = GroupSums()
        self._grouped = False
        self._reliability = Reliability()

    def add(
        self, truth: np.ndarray, output: np.ndarray, group: np.ndarray | None = None
    ) -> None:
        """See `Scorer.add`; the output is the probability of each class."""
        predicted = output.argmax(axis=-1)
        classes = len(self._names)
        _check(truth, predicted, classes)
        self._reliability.add(truth, output)
        self._grouped = group is not None
        group = np.zeros(len(truth), int) if group is None else group
        cells = truth * classes + predicted
        for one in np.unique(group).tolist():
            counts = np.bincount(cells[group == one], minlength=classes**2)
            self._sums.add_sum(counts.astype(float), one)

    def result(self) -> dict[str, Any]:
        """See `Scorer.result`."""
        table = self._sums.table
        reliable = self._reliability.table()
        total = table.sum(axis=0)
        return {
            **confusion.scores(_matrix(total), self._names),
            "expected_calibration_error": expected_calibration_error(reliable),
            "reliability": reliable,
            "intervals": of_groups(table, self._drawn)
            if self._grouped
            else of_counts(total, self._drawn),
            **self._in_one_group(table),
        }

    def of_each_group(self) -> dict[str, np.ndarray]:
        """Returns OA, AA and kappa of each group, (groups,); each has samples."""
        return self._figures(self._sums.table)

    def resampled(self) -> dict[str, np.ndarray]:
        """See `Scorer.resampled`."""
        return resampled(self._sums.table, self._drawn)

    def _figures(
        self, sums: np.ndarray, like: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Returns OA, AA and kappa, (n,), of confusion matrices (n, classes²)."""
        return confusion.figures(sums.reshape(-1, *2 * [len(self._names)]), like)

    def _drawn(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """Returns these of resamples, see `confusion.mean_by_class`."""
        return self._figures(sums, _matrix(self._sums.table.sum(axis=0)))

    def _in_one_group(self, table: np.ndarray) -> dict[str, list[str]]:
        """Returns the classes of whose scores no resample can tell the spread."""
        if not self._grouped:
            return {}
        support = table.reshape(len(table), len(self._names), -1).sum(axis=-1)
        groups = (support > 0).sum(axis=0)
        alone = [n for n, g in zip(self._names, groups, strict=True) if g == 1]
        return {"single_group_classes": alone}


def scores(
    y_true: np.ndarray, y_pred: np.ndarray, class_names: Sequence[str]
) -> dict[str, Any]:
    """Returns the scores of a classification, for JSON.

    Args:
        y_true: true class indices, shape (N,).
        y_pred: predicted class indices, shape (N,).
        class_names: the name of each index.

    Returns:
        ``accuracy`` (overall, OA), ``average_accuracy`` (AA, mean recall of the
        classes in `y_true`), ``cohen_kappa`` (unweighted, zero if undefined),
        ``macro_f1`` (mean F1 of the classes in `y_true` or `y_pred`, as in
        scikit-learn), ``per_class`` (name -> ``precision, recall, f1, support``; zero
        if undefined, None of a class that is not in `y_true`), ``confusion_matrix``
        (rows: truth), ``absent_classes``, the names of the classes that are not in
        `y_true`, and ``unseen_classes``, of those that are not in `y_pred` either.

    Raises:
        UserError: there are no samples, the numbers of samples differ, or an index
            has no name.
    """
    y_true, y_pred = np.asarray(y_true).ravel(), np.asarray(y_pred).ravel()
    classes = len(class_names)
    _check(y_true, y_pred, classes)
    return confusion.scores(
        _matrix(np.bincount(y_true * classes + y_pred, minlength=classes**2)),
        class_names,
    )


def _matrix(counts: np.ndarray) -> np.ndarray:
    """Returns a confusion matrix from its cells, int (classes, classes)."""
    return counts.astype(int).reshape(math.isqrt(counts.size), -1)


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
