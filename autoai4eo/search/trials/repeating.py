"""Trains the networks of some trials again, on folds and with several seeds.

Workers divide the trainings among them: each takes the next one that nobody has begun.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf, nan
from pathlib import Path

import keras
import keras_tuner
import numpy as np
import optuna
from optuna.trial import FrozenTrial

from autoai4eo import locks
from autoai4eo.data.dataset import Dataset
from autoai4eo.learning.evaluation import outputs_in_parts, score
from autoai4eo.learning.figures import VALIDATION
from autoai4eo.learning.lazy_outputs import in_parts
from autoai4eo.learning.registry import task_of
from autoai4eo.learning.training import Training
from autoai4eo.learning.worst_group import WORST
from autoai4eo.runs.repeats import Repeat
from autoai4eo.runs.seeds import candidate, derived_seed
from autoai4eo.search.settings import SearchSettings
from autoai4eo.search.space.graph import Graph, build
from autoai4eo.search.trials.finalist import epochs_alone
from autoai4eo.search.workers.measurement_lock import MeasurementLock
from autoai4eo.search.workers.progress import Progress
from autoai4eo.search.workers.yielding import YieldToMeasurements

_POLL_S = 1.0
#: Distinguishes the seeds of repeated trainings from those of the search.
_SEEDS = 2


@dataclass(frozen=True)
class Repeating:
    """The repeated trainings of some trials.

    Attributes:
        run: the folder.
        graph: of blocks.
        study: of the search.
        settings: its options.
        training: data and options of a full training, with its ``splits``.
        trials: to repeat.
    """

    run: Path
    graph: Graph
    study: optuna.Study
    settings: SearchSettings
    training: Training
    trials: Sequence[FrozenTrial]

    def figures(self, metric: str) -> np.ndarray:
        """Returns a metric of each trial (trials, n); NaN where it is not known.

        Column by column a fold, the mean over its seeds; without folds a seed.
        """
        found = np.full((len(self.trials), len(self.training.splits), self._seeds), nan)
        for i, trial in enumerate(self.trials):
            for repeat in self._repeats(trial):
                known = repeat.metrics(self.run) or {}
                found[i, repeat.fold, repeat.seed] = known.get(metric, nan)
        by_seed = len(self.training.splits) == 1
        return found[:, 0] if by_seed else found.mean(axis=2)

    @property
    def _seeds(self) -> int:
        return self.settings.seeds

    def work(
        self, progress: Progress, lock: MeasurementLock, most: int | None = None
    ) -> bool:
        """Trains until all are done, by this worker or others.

        Args:
            progress: reports events.
            lock: pauses the trainings during measurements.
            most: trainings of this worker; None: no limit.

        Returns:
            Whether all are done.
        """
        trained = 0
        while left := list(self._left()):
            before = trained
            for trial, repeat in left:
                if trained == most:
                    return False
                with self._taken(repeat) as mine:
                    if mine and repeat.metrics(self.run) is None:
                        with lock.training():
                            self._train(trial, repeat, progress, lock)
                        trained += 1
            if trained == before:
                numbers = ", ".join(map(str, sorted({t.number for t, _ in left})))
                progress.line(f"waiting for other workers, which train {numbers} again")
                time.sleep(_POLL_S)
        return True

    def _left(self) -> Iterator[tuple[FrozenTrial, Repeat]]:
        for trial in self.trials:
            for repeat in self._repeats(trial):
                if repeat.metrics(self.run) is None:
                    yield trial, repeat

    def _repeats(self, trial: FrozenTrial) -> Iterator[Repeat]:
        epochs = epochs_alone(self.training, trial)
        for fold, mark in enumerate(self._marks):
            recipe = hashlib.sha256(f"{mark} {epochs}".encode()).hexdigest()
            for seed in range(self._seeds):
                yield Repeat(trial.number, fold, seed, epochs, recipe)

    @cached_property
    def _marks(self) -> list[str]:
        """What distinguishes the trainings of each fold from those of other options."""
        how = self.training
        options = (how.batch_size, how.class_weight, how.augmentation, how.fit)
        loss = getattr(self.graph.loss, "name", self.graph.loss)
        known = f"{options} {loss} {self.settings.seed}"
        return [
            f"{train.fingerprint()} {held_out.fingerprint()} {known}"
            for train, held_out in how.splits
        ]

    @contextmanager
    def _taken(self, repeat: Repeat) -> Iterator[bool]:
        """Yields whether no other worker is at this training."""
        path = self.run / f".repeat-{repeat.name}.lock"
        try:
            with locks.locked(path):
                try:
                    yield True
                finally:
                    path.unlink(missing_ok=True)
        except BlockingIOError:
            yield False

    def _train(
        self,
        trial: FrozenTrial,
        repeat: Repeat,
        progress: Progress,
        lock: MeasurementLock,
    ) -> None:
        name = self._name(repeat)
        train, held_out = self.training.splits[repeat.fold]
        batch_size = trial.user_attrs.get("batch_size", self.training.batch_size)
        whole = self.training.on_everything(train, repeat.epochs)
        whole = replace(whole, end=inf, batch_size=batch_size)
        whole = whole.by_recipe(trial.user_attrs["hyperparameters"])
        number = candidate(self.study, trial)
        of = (self.settings.seed, number, _SEEDS, repeat.fold, repeat.seed)
        seed = derived_seed(*of)
        hp = keras_tuner.HyperParameters()
        hp.values = dict(trial.user_attrs["hyperparameters"])
        model = build(self.graph, hp, seed, whole.steps)
        progress.line(name)
        callbacks: list[keras.callbacks.Callback] = [YieldToMeasurements(lock)]
        callbacks.append(progress.callback(name, repeat.epochs))
        whole.run(model, seed, callbacks)
        metrics = _metrics(model, held_out, whole.batch_size)
        repeat.keep(self.run, metrics)
        shown = progress.objective
        figure = f"{metrics[shown.name]:.4g}" if metrics else "diverged"
        progress.done(f"{name}   {shown.name} {figure}")

    def _name(self, repeat: Repeat) -> str:
        parts = [f"trial {repeat.trial} again"]
        if (folds := len(self.training.splits)) > 1:
            parts.append(f"fold {repeat.fold + 1} of {folds}")
        if self._seeds > 1:
            parts.append(f"seed {repeat.seed + 1} of {self._seeds}")
        return "   ".join(parts)


def _metrics(
    model: keras.Model, held_out: Dataset, batch_size: int
) -> dict[str, float]:
    """Returns the metrics that a trial has; {} if the training diverged."""
    output = outputs_in_parts(model, held_out, batch_size)
    parts = in_parts(np.arange(len(held_out)), held_out.target)
    if not all(np.isfinite(output[rows]).all() for rows in parts):
        return {}  # it diverged
    found = score(held_out, output)
    names = (*task_of(held_out.target).metrics, WORST)
    return {f"{VALIDATION}{n}": float(found[n]) for n in names if n in found}
