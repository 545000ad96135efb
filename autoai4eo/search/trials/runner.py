"""One trial: a candidate is built, measured and trained, and all of it recorded."""

from __future__ import annotations

import errno
import importlib.util
import os
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import keras_tuner
import numpy as np
import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from autoai4eo.causes import cause, chain
from autoai4eo.errors import UserError
from autoai4eo.files import in_one_step, set_aside, write_json
from autoai4eo.learning.callbacks import BestEpoch, History
from autoai4eo.learning.checkpoint import Checkpoint, restore
from autoai4eo.learning.memory import is_out_of_memory
from autoai4eo.learning.objectives import COSTS, figure
from autoai4eo.learning.training import Training
from autoai4eo.runs import front
from autoai4eo.runs.belonging import FILES, digests, file_of
from autoai4eo.runs.layout import (
    COST,
    ERROR,
    HISTORY,
    NETWORK,
    STATE,
    own_folder,
    removed,
)
from autoai4eo.runs.pareto import minimised, on_front
from autoai4eo.runs.seeds import candidate, derived_seed
from autoai4eo.runs.study import FULL_TRAINING_OF, trials_of
from autoai4eo.search import stopping
from autoai4eo.search.space.base import Values, recipe
from autoai4eo.search.space.suggestions import SuggestedHyperParameters
from autoai4eo.search.trials.pruning import CurvePruner, PrunedByCurve
from autoai4eo.search.trials.retries import StillMine
from autoai4eo.search.workers.measurement_lock import YieldToMeasurements
from autoai4eo.search.workers.progress import Progress

#: Costs that are told of every trial beside the objectives.
_SHOWN = ("params", "macs", "latency_ms")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

if TYPE_CHECKING:
    from autoai4eo.search.tuner import Tuner


class TrialRunner:
    """A trial of a search, as `optuna.study.Study.optimize` runs it.

    Args:
        tuner: whose trial it is; its study is open.
        training: how networks are trained in full.
        progress: is told what happens.
    """

    def __init__(self, tuner: Tuner, training: Training, progress: Progress) -> None:
        self._tuner = tuner
        self._study = tuner.study
        self._training = training
        self._progress = progress
        self._begun = time.monotonic()
        #: what no further trial can do anything against
        self.fatal: UserError | None = None

    def __call__(self, trial: optuna.Trial) -> tuple[float, ...]:
        """The objectives' values.

        Raises:
            optuna.TrialPruned: the candidate is infeasible, or was trained before, or
                cannot reach the front, or there is nothing left to be tried.
            Exception: the training failed; the cause is recorded.
        """
        trial.set_user_attr("worker", self._tuner.name)
        # as stored: the sampler may have added to it
        frozen = self._study._storage.get_trial(trial._trial_id)
        if self._is_too_much(frozen):
            trial.set_user_attr("status", "exhausted")
            raise optuna.TrialPruned
        folder = self._tuner.trial_folder(trial.number)
        begun = time.time()
        try:
            self._begin(folder)
            values = self._try(trial, frozen, folder)
            _leave(folder, trial, begun, "complete")
            return values
        except UpdateFinishedTrialError:
            raise
        except optuna.TrialPruned:
            ended = trial.user_attrs.get("status", "pruned")
            _leave(folder, trial, begun, ended)
            raise
        except Exception as error:
            if not self._tuner.run.is_dir():
                self.fatal = removed(self._tuner.run)
                raise
            if any(getattr(link, "errno", None) in _FULL for link in chain(error)):
                self.fatal = UserError(
                    f"{self._tuner.run}: expected room to write, found a full disk "
                    f"({cause(error)}); free some and give the same command again"
                )
                raise
            message = cause(error)
            trial.set_user_attr("message", message)
            with in_one_step(folder / ERROR) as temporary:
                temporary.write_text(
                    f"trial {trial.number}\n\n{traceback.format_exc()}", "utf-8"
                )
            _leave(folder, trial, begun, "failed")
            self._tell_end(trial, "failed", message)
            raise

    def _begin(self, folder: Path) -> None:
        """Makes a trial's folder; what is there under its number is another trial's."""
        own_folder(folder.parent)
        if os.path.lexists(folder):
            aside = set_aside(folder)
            self._progress.done(f"{folder}: of another search; set aside as {aside}")
        own_folder(folder)

    def _is_too_much(self, trial: FrozenTrial) -> bool:
        """Whether other workers took all that was left while this one proposed."""
        if getattr(self._study.sampler, "exhausted", False):
            return True
        if "retry_of" in trial.user_attrs or FULL_TRAINING_OF in trial.user_attrs:
            return False
        earlier = [t for t in trials_of(self._study) if t.number < trial.number]
        return not stopping.has_budget(earlier, self._tuner.max_trials)

    def _try(
        self, trial: optuna.Trial, frozen: FrozenTrial, folder: Path
    ) -> tuple[float, ...]:
        self._progress.line(f"trial {trial.number}   building and measuring")
        seed = derived_seed(self._tuner.seed, candidate(self._study, frozen))
        in_full = FULL_TRAINING_OF in frozen.user_attrs
        training = self._training if in_full else self._training.cheaper(seed)
        self._tuner.hypermodel.steps = training.steps
        sampler = self._study.sampler
        hp = SuggestedHyperParameters(trial, getattr(sampler, "proposed", None))
        model = self._tuner.build(hp, seed)
        if hasattr(sampler, "learn") and (new := sampler.learn(hp)):
            trial.set_user_attr("space", new)
        trial.set_user_attr("hyperparameters", hp.values)
        fingerprint, cost, reason = self._tuner.budget.assess(model)
        for name in COSTS:  # by name, for optuna-dashboard
            if cost.get(name) is not None:
                trial.set_user_attr(name, cost[name])
        trial.set_user_attr("cost", cost)
        # last: where a killed process left a fingerprint, its cost is there too
        trial.set_user_attr("fingerprint", fingerprint)
        write_json(folder / COST, cost)
        if reason:
            trial.set_user_attr("status", "infeasible")
            self._end(trial, reason, "infeasible")
        twin = None if in_full else self._twin(fingerprint, hp.values)
        if twin is not None:
            self._end(trial, f"the same network as trial {twin}")
        start = time.monotonic()
        try:
            best = self._train(trial, frozen, model, training, seed, fingerprint)
        except Exception as error:
            if not is_out_of_memory(error) or training.batch_size == 1:
                raise
            # of another number of steps, so built anew
            training = replace(training, batch_size=training.batch_size // 2)
            trial.set_user_attr("batch_size", training.batch_size)
            self._progress.done(
                f"trial {trial.number}   out of memory: again with batches of "
                f"{training.batch_size}"
            )
            # the epochs that it got through count for nothing then
            (folder / HISTORY).unlink(missing_ok=True)
            (folder / STATE).unlink(missing_ok=True)
            self._tuner.hypermodel.steps = training.steps
            model = self._tuner.build(_as_built(hp), seed)
            best = self._train(trial, frozen, model, training, seed, fingerprint)
        trial.set_user_attr("train_seconds", round(time.monotonic() - start, 3))
        trial.set_user_attr("epochs", best.epochs)
        trial.set_user_attr("best_epoch", best.epoch)
        trial.set_user_attr("metrics", best.logs)
        trial.set_user_attr("curve", best.curve)
        values = {**best.logs, **cost}
        self._progress.reached(best.logs)
        names = [o.name for o in (*self._tuner.objectives, self._tuner.monitor)]
        shown = [n for n in dict.fromkeys([*names, *_SHOWN]) if n in values]
        figures = [f"{n} {_figure(n, values[n])}" for n in shown]
        self._tell_end(trial, "complete", *figures)
        return tuple(values[o.name] for o in self._tuner.objectives)

    def _end(self, trial: optuna.Trial, message: str, status: str = "pruned") -> None:
        trial.set_user_attr("message", message)
        self._tell_end(trial, status, message)
        raise optuna.TrialPruned(message)

    def _tell_end(self, trial: optuna.Trial, status: str, *more: str) -> None:
        """Tells of the end of a trial: how long it took, and which it was of all."""
        kept = trial.user_attrs
        training = status in ("complete", "failed") or kept.get("stopped", False)
        count = sum(map(stopping.was_trained, trials_of(self._study)))
        count += training and FULL_TRAINING_OF not in kept
        took = f"{time.monotonic() - self._begun:,.0f} s"
        of = f"{count} of {self._tuner.max_trials} trained"
        self._progress.done(
            "   ".join([f"trial {trial.number}", status, *more, took, of])
        )

    def _train(
        self,
        trial: optuna.Trial,
        frozen: FrozenTrial,
        model: keras.Model,
        training: Training,
        seed: int,
        fingerprint: str,
    ) -> BestEpoch:
        folder = self._tuner.trial_folder(trial.number)
        # Hyperband: how long, and whose weights to go on from
        proposed = frozen.user_attrs.get("proposed", {}).get("values", {})
        epochs = proposed.get("tuner/epochs", training.max_epochs)
        if "tuner/trial_id" in proposed:
            network = self._network_of(proposed["tuner/trial_id"])
            model.set_weights(network.get_weights())
        best = BestEpoch(folder / NETWORK, self._tuner.monitor)
        history = History(folder / HISTORY, trial.number)
        of = {
            "run": self._study.user_attrs.get("run"),
            "candidate": candidate(self._study, frozen),
            "fingerprint": fingerprint,
        }
        finished = self._restored(frozen, model, best, history, of)
        trial.set_user_attr("resumed", finished)
        callbacks = [
            StillMine(self._study, trial),
            best,
            history,
            Checkpoint(folder / STATE, best, history, of),
            YieldToMeasurements(self._tuner.measurement_lock),
            self._progress.callback(f"trial {trial.number}", epochs),
        ]
        if self._tuner.prune and FULL_TRAINING_OF not in frozen.user_attrs:
            callbacks.append(self._curve_pruner(trial, best))
        try:
            training.run(
                model,
                seed,
                callbacks,
                initial_epoch=max(finished, proposed.get("tuner/initial_epoch", 0)),
                epochs=epochs,
            )
        except PrunedByCurve as stopped:
            trial.set_user_attr("stopped", True)
            trial.set_user_attr("epochs", best.epochs)
            trial.set_user_attr("metrics", best.logs)
            (folder / STATE).unlink(missing_ok=True)
            self._end(trial, str(stopped))
        return best

    def _restored(
        self,
        trial: FrozenTrial,
        model: keras.Model,
        best: BestEpoch,
        history: History,
        of: dict[str, Any],
    ) -> int:
        """Takes over what a trial that was broken off has finished; how many epochs."""
        if "retry_of" not in trial.user_attrs:
            return 0
        before = self._tuner.trial_folder(trial.user_attrs["retry_of"]) / STATE
        state = self._tuner.trial_folder(trial.number) / STATE
        if before.is_file():
            os.replace(before, state)
        try:
            return restore(state, model, best, history, of)
        except UserError as error:
            aside = set_aside(state)
            self._progress.done(f"trial {trial.number}   {error}; set aside as {aside}")
            return 0

    def _curve_pruner(self, trial: optuna.Trial, best: BestEpoch) -> CurvePruner:
        objectives, monitor = self._tuner.objectives, self._tuner.monitor
        complete = [t for t in trials_of(self._study) if t.state == TrialState.COMPLETE]
        cost = self._study._storage.get_trial(trial._trial_id).user_attrs["cost"]

        def dominated(figure: float) -> bool:
            reached = {**cost, monitor.name: figure}
            if any(o.name not in reached for o in objectives):
                return False  # it has another figure that nobody can tell
            mine = [reached[o.name] for o in objectives]
            points = minimised(
                np.array([*(t.values for t in complete), mine]), objectives
            )
            return not on_front(points)[-1]

        return CurvePruner(
            monitor,
            best.curve,
            [t.user_attrs["curve"] for t in complete if "curve" in t.user_attrs],
            dominated,
        )

    def _twin(self, fingerprint: str, values: Values) -> int | None:
        """The trial that trained the same network the same way, if there is one."""
        for trial in trials_of(self._study):
            kept = trial.user_attrs
            if (
                trial.state == TrialState.COMPLETE
                and kept.get("fingerprint") == fingerprint
                and recipe(kept["hyperparameters"]) == recipe(values)
            ):
                return trial.number
        return None

    def _network_of(self, oracle_trial: str) -> keras.Model:
        (found,) = (
            t
            for t in trials_of(self._study)
            if t.state == TrialState.COMPLETE
            and t.user_attrs.get("proposed", {}).get("id") == oracle_trial
        )
        return keras.models.load_model(file_of(self._tuner.run, found, NETWORK))


def _figure(name: str, value: float) -> str:
    return figure(value) if name in COSTS else f"{value:.4f}"


def _as_built(hp: keras_tuner.HyperParameters) -> keras_tuner.HyperParameters:
    """The same values, suggested by no trial."""
    found = keras_tuner.HyperParameters()
    found.values = dict(hp.values)
    return found


def tell_front(study: optuna.Study, limits: dict[str, float], to: Progress) -> None:
    """Tells how the front of several objectives stands after a trial."""
    last = trials_of(study)[-1]
    if len(study.directions) == 1 or last.state != TrialState.COMPLETE:
        return
    point = front.reference(study, limits)
    volume = front.dominated(study, point)
    at = ", ".join(f"{name} {figure(value)}" for name, value in point.items())
    found: list[Any] = [[t.number, *t.values] for t in front.front(study)]
    to.tell({"front": found})
    to.done(
        f"trial {last.number}   {len(found)} on the front   "
        f"hypervolume {volume:.4g} (reference: {at})"
    )


def _leave(folder: Path, trial: optuna.Trial, begun: float, ended: str) -> None:
    """Records what a trial left; shows it to TensorBoard where that is installed."""
    trial.set_user_attr(FILES, digests(folder))
    if importlib.util.find_spec("tensorboard") is not None:
        from autoai4eo.runs import event_file

        event_file.write(folder, trial, begun, ended)
