"""The tuner: AutoKeras's, with Optuna's loop, storage and samplers under it."""

from __future__ import annotations

import gc
import os
import platform
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import optuna
from autokeras.engine.tuner import AutoTuner
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState

from autoai4eo.blocks.heads.classification import LatencyConstrainedHead
from autoai4eo.cost import profile
from autoai4eo.cost.registry import has_rule
from autoai4eo.data.dataset import Dataset
from autoai4eo.learning.objectives import (
    DEFAULT,
    Objective,
    parse_constraints,
    parse_objectives,
)
from autoai4eo.learning.training import Training
from autoai4eo.networks.device import device_name
from autoai4eo.networks.fingerprint import fingerprint
from autoai4eo.runs import databases, front
from autoai4eo.runs.belonging import trained_finalist
from autoai4eo.runs.folder import locked
from autoai4eo.runs.seeds import candidate, derived_seed
from autoai4eo.runs.study import FULL_TRAINING_OF, check_device, open_study, trials_of
from autoai4eo.search import stopping, strategies
from autoai4eo.search.space.base import Values
from autoai4eo.search.space.graph_space import GraphCandidates
from autoai4eo.search.trials import finalist
from autoai4eo.search.trials.feasibility import Budget
from autoai4eo.search.trials.retries import (
    broken_off,
    enqueue_retry,
    fail_and_retry_stale,
    sign_new_trials,
)
from autoai4eo.search.trials.runner import TrialRunner, tell_front
from autoai4eo.search.workers.measurement_lock import MeasurementLock
from autoai4eo.search.workers.progress import Progress

_POLL_S = 0.5


class Tuner(AutoTuner):
    """An AutoKeras tuner whose search runs on Optuna and records what all costs.

    Every trial is written to ``RUN/study.db`` (Optuna's storage), its network, cost
    and learning curve to ``RUN/trials/ID``. Its cost is counted and measured before it
    is trained; one that is over a limit is recorded as infeasible and not trained.

    Args:
        hypermodel: the graph, see `autoai4eo.search.space.graph.Graph`.
        objective: name of a metric on the validation data or of a cost, a
            `keras_tuner.Objective`, or several of them.
        max_trials: how many candidates are trained; infeasible ones do not count.
        tuner: name of a strategy or a `keras_tuner.Oracle` class; None:
            ``cost-aware``.
        constraints: upper limits of costs by name.
        latency_batch_size: batch size for which latency is measured.
        map_step: pixels for which ``map_ms_per_km2`` is measured; None: it is not.
        patience: the search ends when so many trainings in a row did not enlarge what
            the front dominates; None: it does not.
        finalists: how many of the front are trained in full after a search by cheaper
            trainings.
        prune: whether a training ends that cannot reach the front any more,
            see `learning_curves`.
        directory, project_name: the run's folder is ``directory/project_name``.
        storage: URL of the study's database; None: ``RUN/study.db``.
        seed: makes the trials of one worker repeatable.
        overwrite: forgets what the folder holds.

    Raises:
        UserError: an objective, constraint or strategy that is not known.
    """

    def __init__(
        self,
        hypermodel: Any,
        objective: Any = DEFAULT,
        max_trials: int = 100,
        tuner: Any = None,
        constraints: Mapping[str, float] | None = None,
        latency_batch_size: int = 1,
        map_step: int | None = None,
        patience: int | None = None,
        finalists: int = 1,
        prune: bool = False,
        directory: str | Path | None = None,
        project_name: str = "auto_model",
        storage: str | None = None,
        seed: int = 0,
        overwrite: bool = False,
    ) -> None:
        self.objectives = parse_objectives(objective)
        self.strategy = strategies.check(tuner or strategies.DEFAULT)
        self.budget = Budget(
            parse_constraints(constraints),
            latency_batch_size,
            [b for b in hypermodel.blocks if isinstance(b, LatencyConstrainedHead)],
            map_step,
        )
        self._max_trials = max_trials
        self.patience = patience
        self.finalists = finalists
        self.prune = prune
        self.storage = storage and databases.name(storage)
        self.seed = seed
        # KerasTuner insists on an oracle; strategies take its place.
        super().__init__(
            keras_tuner.Oracle(objective="val_loss"),
            hypermodel,
            directory=str(directory or "."),
            project_name=project_name,
            overwrite=overwrite,
        )
        self.run = Path(self.project_dir)
        self.study: optuna.Study
        self.measurement_lock: MeasurementLock
        self.name: str

    def __getstate__(self) -> dict[str, Any]:
        # a worker opens the study itself
        return {name: v for name, v in self.__dict__.items() if name != "study"}

    @property
    def max_trials(self) -> int:
        """How many candidates are trained."""
        return self._max_trials

    @property
    def objective(self) -> Objective | tuple[Objective, ...]:
        """What is optimised; several are a tuple."""
        return self.objectives if len(self.objectives) > 1 else self.objectives[0]

    @property
    def monitor(self) -> Objective:
        """The figure by which the best epoch of a trial is known."""
        trained = [o for o in self.objectives if not o.is_cost]
        return (trained or parse_objectives(DEFAULT))[0]

    @property
    def best_model_path(self) -> Path:
        """Where the finalist lies."""
        return self.run / "best" / "model.keras"

    def connect(self, sampler: Any = None) -> None:
        """Opens the folder's study, or begins one.

        Raises:
            UserError: the folder holds a search for other objectives, or the database
            cannot be used.
        """
        self.study = open_study(
            self.run,
            self.objectives,
            sampler,
            self.storage,
            lambda study, trial: enqueue_retry(study, trial, self.run),
        )

    def open(
        self, training: Training, say: Callable[[str], None] | None = None
    ) -> None:
        """Makes this process a worker of the folder's study.

        Args:
            training: what candidates are trained and judged on, and how.
            say: is told who is waited for.

        Raises:
            UserError: the folder holds a search for other objectives, or one that
                measures latency on another device.
        """
        self.name = f"{platform.node()}:{os.getpid()}"
        self.measurement_lock = self.budget.measurement_lock = MeasurementLock(tell=say)
        self.hypermodel.steps = training.cheaper(self.seed).steps
        space = keras_tuner.HyperParameters()
        self.hypermodel.build(space)
        costs = [o.name for o in self.objectives if o.is_cost]
        candidates = GraphCandidates(
            self._count,
            space,
            list(dict.fromkeys([*costs, *self.budget.limits, "macs", "params"])),
            self.budget.batch_size,
        )
        setting = strategies.SearchContext(
            self.objectives,
            space,
            training.cheaper(self.seed).max_epochs,
            self.seed,
            candidates,
            self.budget.limits,
            lambda: locked(self.run, "proposing", say or warnings.warn),
        )
        self.connect(strategies.strategy(self.strategy, setting))
        sign_new_trials(self.study, self.name)
        if self.budget.measures or any(o.is_measured for o in self.objectives):
            check_device(self.study, self.run, device_name())
        for trial in trials_of(self.study):
            kept = trial.user_attrs
            if "fingerprint" in kept:
                self.budget.remember(kept["fingerprint"], kept["cost"])
        # a million objects of libraries: looking through them for garbage after every
        # network takes as long as building one
        gc.freeze()

    def work(
        self,
        training: Training,
        progress: Progress,
        refit_on: Dataset | None = None,
        candidates: int | None = None,
    ) -> bool:
        """Tries candidates until the search is over, then trains the finalist.

        Several workers may do so at the same time; one of them trains the finalist.

        Args:
            training: the same as for `open`.
            progress: is told what happens.
            refit_on: training and validation data together; the finalist is trained
                anew on them, as AutoKeras does after a ``validation_split``. Without
                it is trained on from its best epoch, and the better of both is kept.
            candidates: at most so many.

        Returns:
            Whether the search is over.

        Raises:
            UserError: no candidate is feasible.
            SearchError: every trial failed; the first cause is told.
        """
        tried = 0
        while self._awaits_next(training, progress):
            if tried == candidates:
                return False
            with self.measurement_lock.training():
                self._try_next(training, progress)
            tell_front(self.study, self.budget.limits, progress)
            tried += 1
        stopping.raise_if_all_failed(trials_of(self.study), self.run)
        progress.line("waiting for the finalist")
        with (
            locked(self.run, "finalist", progress.line),
            self.measurement_lock.training(),
        ):
            if trained_finalist(self.run) != finalist.of(self.study).number:
                self.train_finalist(training, progress, refit_on)
        return True

    def train_finalist(
        self, training: Training, progress: Progress, refit_on: Dataset | None = None
    ) -> None:
        """Trains the finalist to its end, see `work`; it replaces the one before."""
        trial = finalist.of(self.study)
        in_full = FULL_TRAINING_OF in trial.user_attrs
        if in_full and refit_on is None:
            return finalist.keep(self.run, trial)
        hp = keras_tuner.HyperParameters()
        hp.values = dict(trial.user_attrs["hyperparameters"])
        seed = derived_seed(self.seed, candidate(self.study, trial), 1)
        # the search has an end, its outcome is worth a whole training
        training = replace(
            training,
            end=inf,
            batch_size=trial.user_attrs.get("batch_size", training.batch_size),
        )
        if refit_on is not None:
            cheap = training.proxy is not None and not in_full
            best = trial.user_attrs["best_epoch"] + 1
            # the best epoch of a cheaper training says nothing of a whole one
            epochs = training.max_epochs if cheap else best
            training = training.on_everything(refit_on, epochs)
        self.hypermodel.steps = training.steps
        finalist.train(
            self.run,
            trial,
            lambda: self.build(hp, seed),
            training,
            seed,
            self.monitor,
            progress,
            self.measurement_lock,
        )

    def get_best_models(self, num_models: int = 1) -> list[keras.Model]:
        """The finalist, then the other complete trials, best first."""
        best = finalist.of(self.study)
        sign = -1 if self.objectives[0].direction == "max" else 1
        others = sorted(
            (
                t
                for t in trials_of(self.study)
                if t.state == TrialState.COMPLETE and t.number != best.number
            ),
            key=lambda t: sign * t.values[0],
        )
        paths = [
            self.best_model_path,
            *(self.trial_folder(t.number) / "model.keras" for t in others),
        ]
        return [keras.models.load_model(path) for path in paths[:num_models]]

    def trial_folder(self, number: int) -> Path:
        """Where a trial's network, cost and learning curve lie."""
        return self.run / "trials" / str(number)

    def build(self, hp: keras_tuner.HyperParameters, seed: int) -> keras.Model:
        """The network of these hyperparameters, its weights drawn by the seed."""
        keras.backend.clear_session()  # else Keras's memory grows with every network
        gc.collect()
        keras.utils.set_random_seed(seed)
        return self.hypermodel.build(hp)

    def _count(
        self, values: Values
    ) -> tuple[keras_tuner.HyperParameters, str, dict[str, Any]]:
        hp = keras_tuner.HyperParameters()
        hp.values = dict(values)
        model = self.build(hp, self.seed)
        found = fingerprint(model, has_rule)
        return hp, found, profile(model, latency=False).to_dict()

    def _awaits_next(self, training: Training, progress: Progress) -> bool:
        """Whether there is another candidate to be tried, once that is known."""
        sampler: Any = self.study.sampler
        ended = -1
        while True:
            fail_and_retry_stale(self.study, self.run)
            everything = self.study.get_trials(deepcopy=False)
            queued = [t for t in everything if t.state == TrialState.WAITING]
            trials = trials_of(self.study)
            stopping.raise_if_infeasible(trials, self.budget.limits)
            trained = [t for t in trials if stopping.was_trained(t)]
            over = (
                len(trained) >= self.max_trials
                or getattr(sampler, "exhausted", False)
                or stopping.exhausted(trials)
                or stopping.stagnated(self.study, trials, self.patience)
                or (training.time_is_up and bool(trained))
            )
            if any(FULL_TRAINING_OF in t.user_attrs for t in queued):
                return True
            if not over and (queued or stopping.has_budget(trials, self.max_trials)):
                return True
            if not any(t.state == TrialState.RUNNING for t in trials):
                if training.proxy is None or not self._queue_finalists():
                    return False
                continue
            progress.line("waiting for other workers")
            time.sleep(_POLL_S)
            # with what others found there may be something to propose again
            before, ended = ended, sum(t.state.is_finished() for t in trials)
            if before not in (-1, ended):
                sampler.exhausted = False

    def _queue_finalists(self) -> bool:
        """Queues those of the front that were not trained in full yet, if any."""
        with locked(self.run, "finalist"):
            known = {
                t.user_attrs.get(FULL_TRAINING_OF)
                for t in self.study.get_trials(deepcopy=False)
            }
            new = [
                t
                for t in front.finalists(self.study, self.finalists)
                if t.number not in known
            ]
            for trial in new:
                kept = {"values": trial.user_attrs["hyperparameters"]}
                attributes = {FULL_TRAINING_OF: trial.number, "proposed": kept}
                self.study.enqueue_trial(trial.params, user_attrs=attributes)
        return bool(new)

    def _try_next(self, training: Training, progress: Progress) -> None:
        trying = TrialRunner(self, training, progress)
        try:
            self.study.optimize(trying, n_trials=1, catch=(Exception,))
        except (UpdateFinishedTrialError, ValueError):
            mine = [
                t
                for t in self.study.get_trials(deepcopy=False)
                if t.user_attrs.get("worker") == self.name
            ]
            if not mine or not broken_off(mine[-1]):
                raise
            progress.done(f"trial {mine[-1].number}   taken over by another worker")
        if trying.fatal is not None:
            raise trying.fatal
