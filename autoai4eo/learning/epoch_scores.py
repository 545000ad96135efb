"""Scores a network before and while it is trained, on several data sets."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.learning import evaluation
from autoai4eo.learning.lazy_outputs import Outputs, in_parts
from autoai4eo.learning.registry import task_of
from autoai4eo.learning.zero_cost import zero_cost_scores

#: Column of the seconds that the scores of an epoch took.
SECONDS = "scoring_seconds"
#: Begins the names of the recalls of classes, after that of the data set.
RECALL = "recall_"


class EpochScores(keras.callbacks.Callback):
    """Adds scores on data sets to the figures of every so many epochs, and of the last.

    ``NAME_loss``, ``NAME_accuracy``, ``NAME_average_accuracy``, …: the metrics of the
    task, of the network as it predicts, without augmentation; of one class per sample
    also ``NAME_recall_CLASS``, for classes with samples. ``scoring_seconds`` is the
    time that they took, in every epoch.

    Args:
        parts: data sets by name.
        every: number of epochs.
        epochs: of the training.
        batch_size: samples per batch.
    """

    def __init__(
        self, parts: Mapping[str, Dataset], every: int, epochs: int, batch_size: int
    ) -> None:
        super().__init__()
        self._parts = dict(parts)
        self._every, self._epochs, self._batch_size = every, epochs, batch_size

    def __deepcopy__(self, memo: Any) -> EpochScores:
        return copy.copy(self)  # the data are shared

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Adds the scores."""
        if logs is None:
            return
        begun = time.monotonic()
        if (epoch + 1) % self._every == 0 or epoch + 1 == self._epochs:
            for name, dataset in self._parts.items():
                found = self._scores(dataset)
                logs.update({f"{name}_{score}": v for score, v in found.items()})
        logs[SECONDS] = logs.get(SECONDS, 0.0) + round(time.monotonic() - begun, 3)

    def _scores(self, dataset: Dataset) -> dict[str, float]:
        task = task_of(dataset.target)
        loss = task.loss(task.losses[0], dataset.targets)
        metrics = task.keras_metrics(dataset.targets)
        output = evaluation.outputs_in_parts(self.model, dataset, self._batch_size)
        total = 0.0
        for part in in_parts(np.arange(len(dataset)), dataset.target):
            truth, found = task.encode(dataset.read_targets(part)), output[part]
            total += len(part) * float(loss(truth, found))
            for metric in metrics:
                metric.update_state(truth, found)
        return {
            "loss": total / len(dataset),
            **{metric.name: float(metric.result()) for metric in metrics},
            **recalls(dataset, output),
        }


def recalls(dataset: Dataset, output: Outputs) -> dict[str, float]:
    """Returns the recall of each class that has samples; {} for other targets.

    Args:
        dataset: N samples.
        output: of a network for them, (N, classes).
    """
    if dataset.target.kind != "class":
        return {}
    right = np.asarray(output).argmax(axis=-1) == dataset.labels
    return {
        f"{RECALL}{name}": float(right[of].mean())
        for i, name in enumerate(dataset.class_names)
        if (of := dataset.labels == i).any()
    }


class UntrainedScores(keras.callbacks.Callback):
    """Adds the scores of the untrained network to the figures of the first epoch.

    See `zero_cost_scores`. They are of the same samples for every network, spread over
    the data.

    Args:
        dataset: the training data.
        samples: number of samples.
    """

    def __init__(self, dataset: Dataset, samples: int = 64) -> None:
        super().__init__()
        rows = np.linspace(0, len(dataset) - 1, min(samples, len(dataset))).astype(int)
        self._dataset = dataset.subset(np.unique(rows))
        self._found: dict[str, float] = {}

    def __deepcopy__(self, memo: Any) -> UntrainedScores:
        return copy.copy(self)  # the data are shared

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Computes the scores before the first epoch."""
        self._found = {}
        if epoch == 0:
            begun = time.monotonic()
            dataset, task = self._dataset, task_of(self._dataset.target)
            pixels = dataset.read(np.arange(len(dataset)))
            truth = task.encode(dataset.read_targets(np.arange(len(dataset))))
            loss = task.loss(task.losses[0], dataset.targets)
            self._found = zero_cost_scores(self.model, pixels, truth, loss)
            self._found[SECONDS] = round(time.monotonic() - begun, 3)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Adds the scores after the first epoch, and the seconds that they took."""
        if logs is not None:
            logs.update(self._found)
