"""The tuner: tries candidates, one after another, until the search is over."""

from __future__ import annotations

import gc
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

import keras_tuner
import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from autoai4eo.cost.latency import MeasuringInstrument, comparable
from autoai4eo.data.dataset import Dataset
from autoai4eo.errors import warn
from autoai4eo.learning.figures import THROUGHPUT
from autoai4eo.learning.objectives import Objective
from autoai4eo.learning.training import Training
from autoai4eo.runs import chosen
from autoai4eo.runs.folder import locked
from autoai4eo.runs.instrument import instrument_of
from autoai4eo.runs.seeds import candidate, derived_seed
from autoai4eo.runs.study import FULL_TRAINING_OF, open_study, trials_of
from autoai4eo.runs.trials import interrupted, named_running, was_trained
from autoai4eo.runtimes.base import Pixels
from autoai4eo.search import stopping, strategies
from autoai4eo.search.compat.optuna import read_once
from autoai4eo.search.settings import SearchSettings
from autoai4eo.search.space.building import candidates_of
from autoai4eo.search.space.graph import Graph, build
from autoai4eo.search.space.suggestions import recorded_choices
from autoai4eo.search.strategies.base import CandidateSampler
from autoai4eo.search.strategies.prior import Prior
from autoai4eo.search.trials import finalist, fine_tuning
from autoai4eo.search.trials.context import TrialContext
from autoai4eo.search.trials.feasibility import Budget
from autoai4eo.search.trials.instruments import (
    heads_of,
    instrument_for,
    record_instrument,
    some,
)
from autoai4eo.search.trials.retries import (
    enqueue_retry,
    fail_and_retry_stale,
    sign_new_trials,
)
from autoai4eo.search.trials.runner import TrialRunner
from autoai4eo.search.trials.selecting import select_finalist
from autoai4eo.search.workers.measurement_lock import MeasurementLock
from autoai4eo.search.workers.progress import Progress, tell_front

Say = Callable[[str], None] | None
_POLL_S, _LONGEST_POLL_S = 0.5, 10.0  # seconds between two looks at the record


class Tuner:
    """Searches a graph of blocks, with an Optuna study as its record.

    Records every trial in ``RUN/study.db`` (Optuna's storage), and writes its network,
    cost and learning curve to ``RUN/trials/ID``. Counts and measures the cost of a
    candidate before training; one over a limit is infeasible and not trained.

    A tuner can be pickled: each worker process opens the study itself (`open`).

    Args:
        graph: of blocks.
        settings: the options of the search.
        run: the run's folder, which must exist.
    """

    def __init__(self, graph: Graph, settings: SearchSettings, run: Path) -> None:
        self.graph = graph
        self.settings = settings
        self.run = Path(run)
        self.priors: Sequence[Prior] = ()  # earlier searches
        self.study: optuna.Study
        self._sampler: CandidateSampler
        self._budget: Budget
        self._lock: MeasurementLock
        self._earlier = 0
        self._name: str

    def __getstate__(self) -> dict[str, Any]:
        # a worker opens the study itself
        return {name: v for name, v in self.__dict__.items() if name != "study"}

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """The objectives of the search, in order."""
        return self.settings.objectives

    @property
    def monitor(self) -> Objective:
        """The metric that determines the best epoch of a trial."""
        return self.settings.monitor

    def connect(self, sampler: CandidateSampler | None = None) -> None:
        """Opens the folder's study, or begins one.

        Raises:
            UserError: the folder holds a search for other objectives, or the database
                cannot be used.
        """
        self.study = open_study(
            self.run,
            self.settings.objectives,
            sampler,
            self.settings.storage,
            lambda study, trial: enqueue_retry(study, trial, self.run),
        )

    def instrument(
        self, patches: Pixels | None = None, say: Say = None
    ) -> MeasuringInstrument:
        """Returns the instrument that measures latency.

        Uses the options of the user, otherwise those that the search began with,
        otherwise the defaults.

        Args:
            patches: some of the training data, see `Instrument`.
            say: is told that a device is waited for, or has changed.

        Raises:
            UserError: see `instrument_for`.
        """
        return instrument_for(
            self.settings, instrument_of(self.study), self.run, patches, say
        )

    def open(self, training: Training, say: Say = None, waits: Say = None) -> None:
        """Makes this process a worker of the folder's study.

        Args:
            training: data and options of the trainings.
            say, waits: take a line about a worker that is waited for, see
                `MeasurementLock`.

        Raises:
            UserError: the folder holds a search for other objectives, or one that
                measures latency on another device.
        """
        settings = self.settings
        cheaper = training.cheaper(settings.seed)
        self._name = f"{platform.node()}:{os.getpid()}"
        self._lock = MeasurementLock(tell=say, waits=waits)
        self.connect()
        instrument = self.instrument(some(training.train), say)
        self._budget = Budget(
            settings.constraints,
            settings.latency_batch_size,
            heads_of(self.graph),
            settings.mapped_every,
            self._lock,
            instrument,
            any(o.name == THROUGHPUT for o in settings.objectives),
        )
        space, candidates = candidates_of(
            self.graph,
            settings,
            cheaper.steps,
            partial(
                comparable,
                about=instrument.about(),
                batch_size=settings.latency_batch_size,
            ),
            recorded_choices(self.study),
        )
        about = (settings.objectives, space, cheaper.max_epochs, settings.seed)
        lock = partial(locked, self.run, "proposing", say or warn)
        context = strategies.SearchContext(
            *about, candidates, settings.constraints, lock, self.priors
        )
        self._sampler = strategies.strategy(settings.tuner, context)
        self.connect(self._sampler)
        self._earlier = len(self.study.get_trials(deepcopy=False))
        sign_new_trials(self.study, self._name)
        record_instrument(
            self.study, self.run, settings, self.graph, instrument.about()
        )
        # libraries hold a million objects: a garbage collection of these after every
        # network takes as long as building one
        gc.freeze()

    def work(
        self,
        training: Training,
        progress: Progress,
        refit_on: Dataset | None = None,
        candidates: int | None = None,
    ) -> bool:
        """Tries candidates until the search is over, then trains the finalist, if any.

        Several workers may do so at the same time; one of them trains the finalist.

        Args:
            training: the same as for `open`.
            progress: reports events.
            refit_on: training and validation data together, to train the finalist anew
                on, as AutoKeras does after a ``validation_split``. None: trains it
                further from its best epoch, and keeps the better network.
            candidates: most candidates to try in this call; None: no limit.

        Returns:
            Whether the search is over.

        Raises:
            UserError: no candidate is feasible.
            SearchError: every trial failed; the message names the first cause.
        """
        tried = 0
        while self._awaits_next(training, progress):
            if tried == candidates:
                return False
            with self._lock.training():
                self._try_next(training, progress)
            tell_front(self.study, self.settings.constraints, progress)
            tried += 1
        stopping.raise_if_all_failed(trials_of(self.study), self.run)
        if self.settings.finalists == 0:
            return True
        work = (self.graph, self.settings, training, progress, self._lock)
        if not select_finalist(self.run, self.study, *work, candidates):
            return False
        if refit_on is not None and chosen.of(self.study).is_ensemble:
            progress.done("an ensemble is the finalist, which is not trained again")
        progress.line("waiting for the finalist")
        with locked(self.run, "finalist", progress.line), self._lock.training():
            as_asked = (refit_on is not None, training.final_epochs)
            known = finalist.is_trained(self.run, self.study, *as_asked)
            if known and refit_on is None and finalist.is_of_everything(self.run):
                progress.done(
                    "the finalist was trained on the validation data, too, and is "
                    "kept; select without a trial trains it on the training data alone"
                )
            if known and not fine_tuning.is_other(self.run, self.settings):
                self._fine_tune(training, progress)
            else:
                self.train_finalist(training, progress, refit_on)
        return True

    def train_finalist(
        self, training: Training, progress: Progress, refit_on: Dataset | None = None
    ) -> None:
        """Trains the finalist, see `work`; its network replaces the former one."""
        if (wanted := chosen.of(self.study)).is_ensemble:
            return finalist.keep_ensemble(self.run, wanted.number)
        trial = finalist.trial(self.study)
        in_full = FULL_TRAINING_OF in trial.user_attrs
        hp = keras_tuner.HyperParameters()
        hp.values = dict(trial.user_attrs["hyperparameters"])
        # the time limit of the search does not apply to the finalist
        batch_size = trial.user_attrs.get("batch_size", training.batch_size)
        training = replace(training, end=inf, batch_size=batch_size)
        training = whole = training.by_recipe(hp.values)
        last = training.final_epochs
        if refit_on is not None:
            alone = last or finalist.epochs_alone(training, trial)
            whole = training.on_everything(refit_on, alone)
        elif last is not None:
            whole = replace(training, epochs=last)
        if in_full and refit_on is None and last is None:
            finalist.keep(self.run, trial)
        else:
            seed = self._seed_of(trial)
            how = (whole, seed, self.monitor, progress, self._lock)
            finalist.train(
                self.run, trial, lambda: build(self.graph, hp, seed, whole.steps), *how
            )
        self._fine_tune(training, progress)

    def _fine_tune(self, training: Training, progress: Progress) -> None:
        """Fine-tunes the finalist for int8, if that is wanted and not done yet."""
        if not fine_tuning.is_done(self.run, self.settings):
            trial = finalist.trial(self.study)
            how = (self.graph, training, self._seed_of(trial), progress, self._lock)
            finalist.tune(self.run, fine_tuning.of(self.settings, trial, *how))

    def _seed_of(self, trial: FrozenTrial) -> int:
        return derived_seed(self.settings.seed, candidate(self.study, trial), 1)

    def _awaits_next(self, training: Training, progress: Progress) -> bool:
        """Waits until it is known whether to try another candidate; returns it."""
        most, ended, pause = self.settings.max_trials, -1, _POLL_S
        while True:
            fail_and_retry_stale(self.study, self.run)
            with read_once(self.study):
                everything = self.study.get_trials(deepcopy=False)
                queued = [t for t in everything if t.state == TrialState.WAITING]
                trials = trials_of(self.study)
                stopping.raise_if_all_fail_alike(trials, self.run, self._earlier)
                stopping.raise_if_infeasible(trials, self.settings.constraints)
                trained = [t for t in trials if was_trained(t)]
                over = (
                    len(trained) >= most
                    or self._sampler.exhausted
                    or stopping.exhausted(trials)
                    or stopping.stagnated(self.study, trials, self.settings.patience)
                    or (training.time_is_up and bool(trained))
                )
            if any(FULL_TRAINING_OF in t.user_attrs for t in queued):
                return True
            if not over and (queued or stopping.has_budget(trials, most)):
                return True
            if not any(t.state == TrialState.RUNNING for t in trials):
                if training.proxy is None or not finalist.queue_full_trainings(
                    self.run, self.study, self.settings.finalists or 1, progress
                ):
                    return False
                continue
            progress.line(f"waiting for {named_running(trials)}")
            time.sleep(pause)
            pause = min(1.1 * pause, _LONGEST_POLL_S)
            # results of other workers may allow new proposals
            before, ended = ended, sum(t.state.is_finished() for t in trials)
            if before not in (-1, ended):
                self._sampler.ask_again()

    def _try_next(self, training: Training, progress: Progress) -> None:
        context = TrialContext(
            study=self.study,
            run=self.run,
            settings=self.settings,
            sampler=self._sampler,
            budget=self._budget,
            worker=self._name,
            lock=self._lock,
            progress=progress,
            build=partial(build, self.graph),
        )
        runner = TrialRunner(context, training)
        try:
            self.study.optimize(runner, n_trials=1, catch=(Exception,))
        except (UpdateFinishedTrialError, ValueError):
            everything = self.study.get_trials(deepcopy=False)
            own = [t for t in everything if t.user_attrs.get("worker") == self._name]
            if not own or not interrupted(own[-1]):
                raise
            progress.done(f"trial {own[-1].number}   taken over by another worker")
        if runner.fatal is not None:
            raise runner.fatal
