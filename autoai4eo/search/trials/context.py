"""The context of a trial: its search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import keras_tuner
import optuna

from autoai4eo.runs.folder import Run
from autoai4eo.runs.trial_folder import TrialFolder
from autoai4eo.search.settings import SearchSettings
from autoai4eo.search.strategies.base import CandidateSampler
from autoai4eo.search.trials.feasibility import Budget
from autoai4eo.search.workers.measurement_lock import MeasurementLock
from autoai4eo.search.workers.progress import Progress

#: Builds a network from hyperparameters, a seed for its weights, and the number of
#: training batches (None: unknown).
Build = Callable[[keras_tuner.HyperParameters, int, int | None], keras.Model]


@dataclass(frozen=True)
class TrialContext:
    """The parts of a search that its trials use.

    Attributes:
        study: the record of the search.
        run: its folder.
        settings: its options.
        sampler: of the study; chooses the candidates.
        budget: measures the cost of candidates and checks constraints.
        worker: the name of this process in the study.
        lock: pauses trainings during measurements.
        progress: reports events.
        build: builds a network.
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

    def folder(self, number: int) -> TrialFolder:
        """Returns the folder of a trial's network, cost and learning curve."""
        return Run(self.run).trial(number)
