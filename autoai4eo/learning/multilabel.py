"""The task of several labels per sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from autoai4eo.data.dataset import Dataset
from autoai4eo.errors import UserError
from autoai4eo.learning.average_precision import (
    BINS,
    RankedScores,
    each_of_histogram,
    histogram,
    mean_of_histogram,
)
from autoai4eo.learning.intervals import interval
from autoai4eo.learning.objectives import DEFAULTS, Objective
from autoai4eo.learning.sums import SumsMetric, SumsScorer
from autoai4eo.learning.task import Task

_LOSSES = {
    "crossentropy": keras.losses.BinaryCrossentropy,
    "focal": keras.losses.BinaryFocalCrossentropy,
}
_THRESHOLD = 0.5


@dataclass(frozen=True)
class MultiLabel(Task):
    """See `Task`. The network's output is a probability of each class, (n, classes)."""

    losses: ClassVar[tuple[str, ...]] = tuple(_LOSSES)
    keras_losses: ClassVar[Mapping[str, str]] = {
        "binary_crossentropy": "crossentropy",
        "binary_focal_crossentropy": "focal",
    }
    metrics: ClassVar[tuple[str, ...]] = (
        "mean_average_precision",
        "f1_macro",
        "f1_micro",
        "f1_samples",
        "subset_accuracy",
    )
    objective: ClassVar[Objective] = DEFAULTS["labels"]
    resampled: ClassVar[tuple[str, ...]] = metrics
    fitted: ClassVar[tuple[str, ...]] = ("thresholds",)

    def check(self, dataset: Dataset) -> None:
        """See `Task.check`: some samples must have a class that others lack."""
        counts = dataset.label_counts()
        if not ((counts > 0) & (counts < len(dataset))).any():
            raise UserError(
                f"{dataset.path}: expected labels that some samples have and others "
                f"lack, found none among {', '.join(dataset.class_names)}; there is "
                "nothing to learn"
            )

    def loss(self, name: str, targets: np.ndarray) -> Any:
        """See `Task.loss`: binary cross-entropy, or focal (Lin et al., 2017)."""
        return _LOSSES[name]()

    def keras_metrics(self, targets: np.ndarray) -> list[Any]:
        """See `Task.keras_metrics`; a label needs a probability of at least 0.5."""
        return [LabelMetric(name, len(self.target.classes)) for name in self.metrics]

    def fit(self, truth: np.ndarray, output: np.ndarray) -> dict[str, Any]:
        """Returns ``thresholds``: for each class the one with the highest F1.

        It is half way between two scores; 0.5 if no sample has the class, or if scores
        are no numbers.
        """
        thresholds = []
        for has, score in zip(truth.T > 0, output.T.astype(float), strict=True):
            order = np.argsort(-score, kind="stable")
            ranked, found = score[order], np.cumsum(has[order])
            f1 = 2 * found / (np.arange(1, len(has) + 1) + max(1, has.sum()))
            last = np.append(ranked[1:] < ranked[:-1], True)  # equal scores go together
            best = int(np.argmax(np.where(last, f1, -1.0)))
            below = ranked[best + 1] if best + 1 < len(ranked) else 0.0
            middle = float((ranked[best] + below) / 2) if has.any() else np.nan
            thresholds.append(middle if np.isfinite(middle) else _THRESHOLD)
        return {"thresholds": thresholds}

    def decide(self, output: np.ndarray, fitted: Mapping[str, Any]) -> np.ndarray:
        """Returns the classes of each sample, uint8 (n, classes) of 0 and 1."""
        return (output >= self._thresholds(fitted)).astype(np.uint8)

    def scorer(self, fitted: Mapping[str, Any]) -> LabelScorer:
        """See `Task.scorer`."""
        return LabelScorer(self.target.classes, self._thresholds(fitted))

    def _thresholds(self, fitted: Mapping[str, Any]) -> np.ndarray:
        default = [_THRESHOLD] * len(self.target.classes)
        return np.array(fitted.get("thresholds", default))


@keras.utils.register_keras_serializable(package="autoai4eo")
class LabelMetric(SumsMetric):
    """A metric of several labels; a label needs a probability of at least 0.5.

    Args:
        name: one of `MultiLabel.metrics`.
        num_classes: number of classes, and of the network's outputs.
        dtype: of the state and the result.
    """

    def __init__(self, name: str, num_classes: int, dtype: Any = None) -> None:
        self.num_classes = num_classes
        self._of_histogram = name == "mean_average_precision"
        counts, sums = 2 * num_classes * BINS, 3 * num_classes + 3
        super().__init__(name, counts if self._of_histogram else sums, dtype)

    def sums_of(self, truth: Any, output: Any) -> Any:
        """See `SumsMetric.sums_of`."""
        if self._of_histogram:
            return histogram(truth, output, ops)
        return ops.sum(_rows(truth, output, _THRESHOLD, ops), axis=0)

    def scores(self, sums: Any) -> dict[str, Any]:
        """See `SumsMetric.scores`."""
        if self._of_histogram:
            return {self.name: mean_of_histogram(sums, self.num_classes, ops)}
        return _figures(sums, ops)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, for JSON."""
        return {**super().get_config(), "num_classes": self.num_classes}


class LabelScorer(SumsScorer):
    """See `Scorer`. Keeps sums per group, and a histogram and ranks of the scores.

    ``result`` returns F1 (``f1_micro``; ``f1_macro``: the mean over the classes in
    truth or prediction; ``f1_samples``: the mean over the samples, 1 if a sample has no
    label and none is predicted), ``subset_accuracy`` (all labels of a sample right),
    ``mean_average_precision`` over the classes in the truth, their ``intervals``,
    ``per_class``, ``absent_classes`` and ``unseen_classes``.

    Args:
        classes: their names.
        thresholds: least probability to predict each class, (classes,).
    """

    def __init__(self, classes: tuple[str, ...], thresholds: np.ndarray) -> None:
        super().__init__(partial(_rows, thresholds=thresholds), _figures)
        self._classes, self._thresholds = classes, thresholds
        self._histogram = np.zeros(2 * len(classes) * BINS)
        self._ranked = RankedScores()
        self._draws: dict[str, np.ndarray] = {}

    def add(
        self, truth: np.ndarray, output: np.ndarray, group: np.ndarray | None = None
    ) -> None:
        """See `Scorer.add`; the output is a probability of each class."""
        if group is None:
            group = self._sums.random(len(truth))
        super().add(truth, output, group)
        self._histogram += np.asarray(histogram(truth.astype("float32"), output, ops))
        self._ranked.add(truth, output, group)
        self._draws = {}

    def resampled(self) -> dict[str, np.ndarray]:
        """See `Scorer.resampled`."""
        if not self._draws:
            precision = {"mean_average_precision": self._ranked.resampled()}
            self._draws = {**super().resampled(), **precision}
        return self._draws

    def _drawn(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """Returns the scores of resamples, see `confusion.mean_by_class`."""
        return _figures(sums, np, self.total)

    def result(self) -> dict[str, Any]:
        """See `Scorer.result`."""
        right, wrong, missed = np.split(self.total[:-3], 3)
        support = right + missed
        precision = each_of_histogram(self._histogram.reshape(2, len(support), BINS))
        ratios = {
            "precision": right / np.maximum(right + wrong, 1),
            "recall": right / np.maximum(support, 1),
            "f1": 2 * right / np.maximum(2 * right + wrong + missed, 1),
            "average_precision": precision,
            "threshold": self._thresholds,
        }
        names = enumerate(self._classes)
        return {
            "mean_average_precision": float(precision[support > 0].mean())
            if support.any()
            else 0.0,
            **self._scores(),
            "intervals": {name: interval(v) for name, v in self.resampled().items()},
            "per_class": {
                name: {
                    **{
                        ratio: float(values[i])
                        if support[i] or ratio == "threshold"
                        else None
                        for ratio, values in ratios.items()
                    },
                    "support": int(support[i]),
                }
                for i, name in names
            },
            "absent_classes": [
                name
                for name, samples in zip(self._classes, support, strict=True)
                if not samples
            ],
            "unseen_classes": [
                name
                for name, labels in zip(self._classes, support + wrong, strict=True)
                if not labels
            ],
        }


def _rows(truth: Any, output: Any, thresholds: Any, xp: Any) -> Any:
    """Returns rows (n, 3·classes + 3) to sum.

    The columns: right, wrong and missed labels of each class; then one, whether all
    labels are right, and F1 of the sample.
    """
    found = xp.where(output >= thresholds, 1.0, 0.0)
    right, wrong, missed = truth * found, (1 - truth) * found, truth * (1 - found)
    errors, both = xp.sum(wrong + missed, axis=-1), 2 * xp.sum(right, axis=-1)
    some = both + errors > 0
    f1 = xp.where(some, both / xp.maximum(both + errors, 1.0), 1.0)
    exact = xp.where(errors > 0, 0.0, 1.0)
    rest = xp.stack([xp.ones_like(f1), exact, f1], axis=-1)
    return xp.concatenate([right, wrong, missed, rest], axis=-1)


def _figures(sums: Any, xp: Any, like: Any = None) -> dict[str, Any]:
    """Returns scores of sums (…, k); `like`: those of the whole, of resamples."""
    classes = (sums.shape[-1] - 3) // 3
    right = sums[..., :classes]
    errors = sums[..., classes : 2 * classes] + sums[..., 2 * classes : 3 * classes]
    samples = xp.maximum(sums[..., -3], 1.0)
    total = 2 * right + errors
    f1, counts = 2 * right / xp.maximum(total, 1.0), total > 0
    if like is not None:
        known = like[:classes] + like[2 * classes : 3 * classes] > 0
        lacks = known & (right + sums[..., 2 * classes : 3 * classes] == 0)
        errors_of = like[classes : 2 * classes] + like[2 * classes : 3 * classes]
        whole = 2 * like[:classes] / xp.maximum(2 * like[:classes] + errors_of, 1.0)
        f1, counts = xp.where(lacks, whole, f1), counts | known
    counted = xp.sum(xp.where(counts, 1.0, 0.0), axis=-1)
    everything = xp.maximum(xp.sum(total, axis=-1), 1.0)
    return {
        "f1_macro": xp.sum(f1, axis=-1) / xp.maximum(counted, 1.0),
        "f1_micro": 2 * xp.sum(right, axis=-1) / everything,
        "f1_samples": sums[..., -1] / samples,
        "subset_accuracy": sums[..., -2] / samples,
    }
