"""The training of a trial's network: its start, callbacks and early end."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from autoai4eo.errors import UserError
from autoai4eo.files import set_aside
from autoai4eo.learning.callbacks import BestEpoch, History
from autoai4eo.learning.checkpoint import Checkpoint, Finished, restore
from autoai4eo.learning.training import Training
from autoai4eo.runs.belonging import file_of
from autoai4eo.runs.front import spreads_of
from autoai4eo.runs.layout import NETWORK
from autoai4eo.runs.pareto import minimised, on_front
from autoai4eo.runs.seeds import candidate
from autoai4eo.runs.study import FULL_TRAINING_OF, trials_of
from autoai4eo.search.trials.context import TrialContext
from autoai4eo.search.trials.pruning import CurvePruner, PrunedByCurve
from autoai4eo.search.trials.retries import StillMine
from autoai4eo.search.workers.yielding import YieldToMeasurements


@dataclass(frozen=True)
class TrialTraining:
    """The training of the network of one trial.

    Attributes:
        context: of the search.
        trial: the running trial.
        frozen: the trial as stored before it began.
        training: data and options.
        seed: of the order of the samples.
        fingerprint: of the network.
    """

    context: TrialContext
    trial: optuna.Trial
    frozen: FrozenTrial
    training: Training
    seed: int
    fingerprint: str

    def run(self, model: keras.Model) -> BestEpoch:
        """Trains a network in place; writes its best epoch to the trial's folder.

        If this trial repeats another, continues from the last finished epoch of that.

        Raises:
            PrunedByCurve: the training cannot reach the front any more.
        """
        context, trial, number = self.context, self.trial, self.trial.number
        folder = context.folder(number)
        # Hyperband proposes the epochs, and a trial with initial weights
        proposed = self.frozen.user_attrs.get("proposed", {}).get("values", {})
        epochs = proposed.get("tuner/epochs", self.training.max_epochs)
        if "tuner/trial_id" in proposed:
            network = self._network_of(proposed["tuner/trial_id"])
            model.set_weights(network.get_weights())
        best = BestEpoch(folder.network, context.settings.monitor)
        history = History(folder.history, number)
        of = {
            "run": context.study.user_attrs.get("run"),
            "candidate": candidate(context.study, self.frozen),
            "fingerprint": self.fingerprint,
        }
        finished = self._restored(model, best, history, of)
        trial.set_user_attr("resumed", finished.epochs)
        if finished.ended:  # only its end was interrupted
            epochs = finished.epochs
        callbacks = [
            StillMine(context.study, trial),
            best,
            history,
            Checkpoint(folder.state, best, history, of),
            YieldToMeasurements(context.lock),
            context.progress.callback(f"trial {number}", epochs),
        ]
        if context.settings.prune and FULL_TRAINING_OF not in self.frozen.user_attrs:
            callbacks.append(self._curve_pruner(best))
        try:
            self.training.run(
                model,
                self.seed,
                callbacks,
                initial_epoch=max(
                    finished.epochs, proposed.get("tuner/initial_epoch", 0)
                ),
                epochs=epochs,
                earlier=history.rows,
            )
        except PrunedByCurve:
            trial.set_user_attr("stopped", True)
            trial.set_user_attr("epochs", best.epochs)
            trial.set_user_attr("metrics", best.logs)
            raise
        return best

    def _restored(
        self, model: keras.Model, best: BestEpoch, history: History, of: dict[str, Any]
    ) -> Finished:
        """Restores an interrupted training; returns what is finished of it."""
        number, kept = self.trial.number, self.frozen.user_attrs
        if "retry_of" not in kept:
            return Finished()
        before = self.context.folder(kept["retry_of"]).state
        state = self.context.folder(number).state
        if before.is_file():
            os.replace(before, state)
        try:
            finished = restore(state, model, best, history, of)
            if finished.epochs:
                self.context.progress.done(
                    f"trial {number}   goes on with trial {kept['retry_of']} after its "
                    f"epoch {finished.epochs}"
                )
            return finished
        except UserError as error:
            aside = set_aside(state)
            line = f"trial {number}   {error}; set aside as {aside}"
            self.context.progress.done(line)
            return Finished()

    def _curve_pruner(self, best: BestEpoch) -> CurvePruner:
        settings = self.context.settings
        objectives, monitor = settings.objectives, settings.monitor
        complete = [
            t for t in trials_of(self.context.study) if t.state == TrialState.COMPLETE
        ]
        cost = self.trial.user_attrs["cost"]

        def dominated(figure: float) -> bool:
            reached = {**cost, monitor.name: figure}
            if any(o.name not in reached for o in objectives):
                return False  # another objective is known only after training
            own = [reached[o.name] for o in objectives]
            points = minimised(
                np.array([*(t.values for t in complete), own]), objectives
            )
            spreads = spreads_of([*complete, self.trial], objectives)
            return not on_front(points, spreads)[-1]

        return CurvePruner(
            monitor,
            best.curve,
            [t.user_attrs["curve"] for t in complete if "curve" in t.user_attrs],
            dominated,
        )

    def _network_of(self, oracle_trial: str) -> keras.Model:
        (found,) = (
            t
            for t in trials_of(self.context.study)
            if t.state == TrialState.COMPLETE
            and t.user_attrs.get("proposed", {}).get("id") == oracle_trial
        )
        return keras.models.load_model(file_of(self.context.run, found, NETWORK))
