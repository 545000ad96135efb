"""What one trial may know of its search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import keras_tuner
import optuna

from autoai4eo.runs.layout import TRIALS
from autoai4eo.search.settings import SearchSettings
from autoai4eo.search.strategies.base import CandidateSampler
from autoai4eo.search.trials.feasibility import Budget
from autoai4eo.search.workers.measurement_lock import MeasurementLock
from autoai4eo.search.workers.progress import Progress

#: Makes a network of hyperparameters, a seed for its weights, and the number of batches
#: that it is trained on (None: not known).
Build = Callable[[keras_tuner.HyperParameters, int, int | None], keras.Model]


@dataclass(frozen=True)
class TrialContext:
    """What one trial may know of its search.

    Attributes:
        study: the record of the search.
        run: its folder.
        settings: its options.
        sampler: chooses the candidates; that of the study.
        budget: says what a candidate costs and whether it may be trained.
        worker: the name of this process in the study.
        lock: keeps the training out of the way of measurements.
        progress: is told what happens.
        build: makes a network.
    """

    study: optuna.Study
    run: Path
    settings: SearchSettings
    sampler: CandidateSampler
    budget: Budget
    worker: str
    lock: MeasurementLock
    progress: Progress
    build: Build

    def folder(self, number: int) -> Path:
        """Where a trial's network, cost and learning curve lie."""
        return self.run / TRIALS / str(number)
