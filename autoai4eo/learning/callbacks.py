"""Callbacks at the end of every epoch of a training."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.learning import history
from autoai4eo.learning.evaluation import outputs
from autoai4eo.learning.objectives import Objective
from autoai4eo.learning.worst_group import OBJECTIVE, CountedGroups
from autoai4eo.networks.saving import save_model

#: As in AutoKeras.
_PATIENCE = 10


class NonFiniteLossError(ArithmeticError):
    """The loss became NaN or infinite."""


class BestEpoch(keras.callbacks.Callback):
    """Keeps the network of the epoch that is best on validation data.

    Without validation data every epoch counts as better than the one before. The
    weights are kept in memory, since Keras takes seconds to write a file, and written
    when the training ends.

    Attributes:
        logs: all figures of the best epoch so far; empty before the first.
        epoch: the best epoch, from 0; -1 if none was better than `at_least`.
        epochs: number of trained epochs.
        weights: of the best epoch.
        curve: the figure after each epoch.

    Args:
        path: of the ``.keras`` file.
        objective: the figure to compare epochs by.
        at_least: logs that an epoch must beat to be kept.
    """

    def __init__(
        self,
        path: Path,
        objective: Objective,
        at_least: dict[str, float] | None = None,
    ) -> None:
        super().__init__()
        self._path = path
        self._objective = objective
        self.weights: list[np.ndarray] = []
        self.logs = dict(at_least or {})
        self.epoch = -1
        self.epochs = 0
        self.curve: list[float] = []

    def go_on(
        self,
        logs: dict[str, float],
        epoch: int,
        weights: list[np.ndarray],
        epochs: int,
        curve: list[float],
    ) -> None:
        """Restores the attributes from an interrupted training."""
        self.logs, self.epoch = dict(logs), epoch
        self.weights, self.epochs, self.curve = weights, epochs, list(curve)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Raises NonFiniteLossError if the loss is NaN or infinite."""
        logs = {name: float(value) for name, value in (logs or {}).items()}
        self.epochs = epoch + 1
        if not math.isfinite(logs["loss"]):
            raise NonFiniteLossError(
                f"the loss is {logs['loss']} after epoch {epoch + 1}"
            )
        name = self._objective.name
        if name in logs:
            self.curve.append(logs[name])
        if (
            self.logs
            and name in logs
            and not self._objective.better(logs[name], self.logs[name])
        ):
            return
        self.logs, self.epoch = logs, epoch
        self.weights = self.model.get_weights()

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Writes the best epoch's network, if there was one."""
        if self.weights:
            self.model.set_weights(self.weights)
            save_model(self.model, self._path)


class WorstGroup(keras.callbacks.Callback):
    """Adds the kappa of the worst group to the figures of each epoch.

    Stands before the callbacks that use it. Predicts the validation data once more.

    Args:
        validation: the data that have the groups.
        groups: of them.
        batch_size: samples per batch.
    """

    def __init__(
        self, validation: Dataset, groups: CountedGroups, batch_size: int
    ) -> None:
        super().__init__()
        self._validation, self._groups = validation, groups
        self._batch_size = batch_size

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Adds ``val_worst_group_kappa``."""
        if logs is not None:
            output = outputs(self.model, self._validation, self._batch_size)
            logs[OBJECTIVE] = self._groups.worst(output)


class EarlyStopping(keras.callbacks.EarlyStopping):
    """Ends a training whose validation loss has not improved for ten epochs.

    Args:
        earlier: the learning curve before an interruption, which counts, too.
    """

    def __init__(self, earlier: Sequence[Mapping[str, float]] = ()) -> None:
        super().__init__(patience=_PATIENCE, min_delta=1e-4)
        self._earlier = tuple(earlier)

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Counts the earlier epochs."""
        super().on_train_begin(logs)
        for row in self._earlier:
            self.on_epoch_end(int(row["epoch"]) - 1, row)


class Deadline(keras.callbacks.Callback):
    """Ends the training after the epoch in which the search's time limit is reached."""

    def __init__(self, at: float) -> None:
        super().__init__()
        self._at = at

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Checks the clock (`time.monotonic`)."""
        if time.monotonic() >= self._at:
            self.model.stop_training = True


class History(keras.callbacks.Callback):
    """Writes a CSV file after every epoch, in one step.

    Its columns: epoch (from 1), seconds of training so far, figures, and the number
    of the trial.

    Attributes:
        rows: of the file; a resumed training begins with the earlier rows.

    Args:
        path: of the file.
        trial: the number of the trial.
    """

    def __init__(self, path: Path, trial: int) -> None:
        super().__init__()
        self._path = path
        self._trial = trial
        self._start = time.monotonic()
        self.rows: list[dict[str, float]] = []

    def go_on(self, rows: list[dict[str, float]]) -> None:
        """Continues the rows of an interrupted training, and its seconds."""
        self.rows = rows
        if rows:
            self._start = time.monotonic() - rows[-1]["seconds"]

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Adds the row of an epoch."""
        figures = {name: float(value) for name, value in (logs or {}).items()}
        seconds = round(time.monotonic() - self._start, 3)
        self.rows.append({"epoch": epoch + 1, "seconds": seconds, **figures})
        history.write(self._path, self._trial, self.rows)
