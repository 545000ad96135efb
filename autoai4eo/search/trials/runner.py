"""Runs one trial: builds, measures and trains a candidate, and records it."""

from __future__ import annotations

import errno
import importlib.util
import os
import time
import traceback
from dataclasses import replace
from typing import Any, NoReturn

import keras
import keras_tuner
import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from autoai4eo.causes import cause, chain
from autoai4eo.devices.client import DeviceError
from autoai4eo.errors import UserError
from autoai4eo.files import in_one_step, set_aside, write_json
from autoai4eo.learning.callbacks import BestEpoch
from autoai4eo.learning.figures import (
    COSTS,
    LATENCY,
    find,
    is_uncertain,
    with_spread,
)
from autoai4eo.learning.memory import is_out_of_memory
from autoai4eo.learning.training import Training
from autoai4eo.runs.belonging import FILES, digests
from autoai4eo.runs.layout import (
    own_folder,
    removed,
)
from autoai4eo.runs.seeds import candidate, derived_seed
from autoai4eo.runs.study import FULL_TRAINING_OF, trials_of
from autoai4eo.runs.trial_folder import TrialFolder
from autoai4eo.runs.trials import CANNOT_RUN, PROXY, was_trained
from autoai4eo.search import stopping
from autoai4eo.search.compat.optuna import stored
from autoai4eo.search.space.base import Values, recipe
from autoai4eo.search.space.suggestions import (
    SuggestedHyperParameters,
    recorded_choices,
)
from autoai4eo.search.trials.context import TrialContext
from autoai4eo.search.trials.doubt import doubt
from autoai4eo.search.trials.instruments import some
from autoai4eo.search.trials.pruning import PrunedByCurve
from autoai4eo.search.trials.quantized import quantized_metrics
from autoai4eo.search.trials.training import TrialTraining

#: Costs reported for every trial besides the objectives.
_SHOWN = ("params", "macs", "latency_ms")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class TrialRunner:
    """Runs a trial of a search, called by `optuna.study.Study.optimize`.

    Args:
        context: of the search.
        training: data and options of a full training.

    Attributes:
        fatal: an error that would also end every further trial; None without one.
    """

    def __init__(self, context: TrialContext, training: Training) -> None:
        self._context = context
        self._study = context.study
        self._training = training
        self._progress = context.progress
        self._begun = time.monotonic()
        self.fatal: UserError | None = None

    def __call__(self, trial: optuna.Trial) -> tuple[float, ...]:
        """Runs the trial; returns the values of the objectives.

        Raises:
            optuna.TrialPruned: the candidate is infeasible, was trained before, or
                cannot reach the front; or nothing is left to try.
            Exception: the training failed; the cause is recorded.
        """
        trial.set_user_attr("worker", self._context.worker)
        # re-read: the sampler may have added attributes
        frozen = stored(self._study, trial)
        if self._is_too_much(frozen):
            trial.set_user_attr("status", "exhausted")
            raise optuna.TrialPruned
        folder = self._context.folder(trial.number)
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
            if not self._context.run.is_dir():
                self.fatal = removed(self._context.run)
                raise
            if any(getattr(link, "errno", None) in _FULL for link in chain(error)):
                self.fatal = UserError(
                    f"{self._context.run}: expected room to write, found a full disk "
                    f"({cause(error)}); free some space and run the same command again"
                )
                raise
            if isinstance(error, DeviceError):
                self.fatal = error
                raise
            message = cause(error)
            trial.set_user_attr("message", message)
            with in_one_step(folder.error) as temporary:
                temporary.write_text(
                    f"trial {trial.number}\n\n{traceback.format_exc()}", "utf-8"
                )
            _leave(folder, trial, begun, "failed")
            self._tell_end(trial, "failed", message)
            raise

    def _begin(self, folder: TrialFolder) -> None:
        """Makes a trial's folder; renames a folder of another search at its place."""
        path = folder.path
        own_folder(path.parent)
        if os.path.lexists(path):
            aside = set_aside(path)
            self._progress.done(f"{path}: of another search; set aside as {aside}")
        own_folder(path)

    def _is_too_much(self, trial: FrozenTrial) -> bool:
        """Returns whether other workers used up the budget during this proposal."""
        if self._context.sampler.exhausted:
            return True
        if "retry_of" in trial.user_attrs or FULL_TRAINING_OF in trial.user_attrs:
            return False
        earlier = [t for t in trials_of(self._study) if t.number < trial.number]
        return not stopping.has_budget(earlier, self._context.settings.max_trials)

    def _try(
        self, trial: optuna.Trial, frozen: FrozenTrial, folder: TrialFolder
    ) -> tuple[float, ...]:
        self._progress.line(f"trial {trial.number}   building and measuring")
        seed = derived_seed(self._context.settings.seed, candidate(self._study, frozen))
        in_full = FULL_TRAINING_OF in frozen.user_attrs
        training = self._training if in_full else self._training.cheaper(seed)
        sampler = self._context.sampler
        recorded = recorded_choices(self._study)
        hp = SuggestedHyperParameters(trial, sampler.proposed, recorded)
        model = self._context.build(hp, seed, training.steps)
        if new := sampler.learn(hp):
            trial.set_user_attr("space", new)
        trial.set_user_attr("hyperparameters", hp.values)
        training = training.by_recipe(hp.values)
        self._context.budget.remember(trials_of(self._study))
        fingerprint, inference, cost, reason, runs = self._context.budget.assess(model)
        for name in COSTS:  # by name, for optuna-dashboard
            if cost.get(name) is not None:
                trial.set_user_attr(name, cost[name])
        trial.set_user_attr("cost", cost)
        # last: a trial with a fingerprint always has its cost, too
        trial.set_user_attr("inference_fingerprint", inference)
        trial.set_user_attr("fingerprint", fingerprint)
        write_json(folder.cost, cost)
        if told := doubt(cost, trial.number, self._study, self._context.settings):
            self._progress.done(told)
        if reason:
            trial.set_user_attr("status", "infeasible")
            if not runs:
                trial.set_user_attr(CANNOT_RUN, True)
            self._end(trial, reason, "infeasible")
        if self._training.proxy is not None and not in_full:
            trial.set_user_attr(PROXY, True)
        twin = None if in_full else self._twin(fingerprint, hp.values)
        if twin is not None:
            self._end(trial, f"the same network as trial {twin}")
        # what other processes make it wait for is no training
        start = time.monotonic() - self._context.lock.waited_s
        try:
            best = self._trained(
                model,
                hp,
                TrialTraining(
                    self._context, trial, frozen, training, seed, fingerprint
                ),
            )
        except PrunedByCurve as pruned:
            self._end(trial, str(pruned))
        trained_s = time.monotonic() - self._context.lock.waited_s - start
        trial.set_user_attr("train_seconds", round(trained_s, 3))
        trial.set_user_attr("epochs", best.epochs)
        trial.set_user_attr("best_epoch", best.epoch)
        metrics = self._metrics(trial, best.logs, cost, training)
        trial.set_user_attr("metrics", metrics)
        trial.set_user_attr("curve", best.curve)
        values = {**metrics, **cost}
        self._progress.reached(metrics)
        settings = self._context.settings
        names = [o.name for o in (*settings.objectives, settings.monitor)]
        shown = [n for n in dict.fromkeys([*names, *_SHOWN]) if n in values]
        texts = {n: find(n).text(values[n]) for n in shown}
        if LATENCY in texts and is_uncertain(values):
            texts[LATENCY] = with_spread(values)
        figures = [f"{name} {text}" for name, text in texts.items()]
        self._tell_end(trial, "complete", *figures)
        return tuple(values[o.name] for o in settings.objectives)

    def _metrics(
        self,
        trial: optuna.Trial,
        logs: dict[str, float],
        cost: dict[str, Any],
        training: Training,
    ) -> dict[str, float]:
        """Returns the metrics that the trial counts with: of float32, or quantised."""
        if not self._context.settings.judge_quantized or training.validation is None:
            return logs
        network = keras.models.load_model(self._context.folder(trial.number).network)
        trial.set_user_attr("float32_metrics", logs)
        found = quantized_metrics(
            network, cost, some(training.train), training.validation
        )
        return {name: found.get(name, value) for name, value in logs.items()}

    def _trained(
        self,
        model: keras.Model,
        hp: keras_tuner.HyperParameters,
        of: TrialTraining,
    ) -> BestEpoch:
        """Trains a network; if memory runs out, once more with half the batch size."""
        try:
            return of.run(model)
        except Exception as error:
            if not is_out_of_memory(error) or of.training.batch_size == 1:
                raise
        half = replace(of.training, batch_size=of.training.batch_size // 2)
        of.trial.set_user_attr("batch_size", half.batch_size)
        self._progress.done(
            f"trial {of.trial.number}   out of memory: again with batches of "
            f"{half.batch_size}"
        )
        # discard epochs with the former batch size
        folder = self._context.folder(of.trial.number)
        folder.history.unlink(missing_ok=True)
        folder.state.unlink(missing_ok=True)
        # the learning rate depends on the number of steps: build anew
        again = self._context.build(_as_built(hp), of.seed, half.steps)
        return replace(of, training=half).run(again)

    def _end(
        self, trial: optuna.Trial, message: str, status: str = "pruned"
    ) -> NoReturn:
        trial.set_user_attr("message", message)
        self._tell_end(trial, status, message)
        raise optuna.TrialPruned(message)

    def _tell_end(self, trial: optuna.Trial, status: str, *more: str) -> None:
        """Reports the end of a trial, its time, and the number of trainings so far."""
        kept = trial.user_attrs
        training = status in ("complete", "failed") or kept.get("stopped", False)
        count = sum(map(was_trained, trials_of(self._study)))
        count += training and FULL_TRAINING_OF not in kept
        took = f"{time.monotonic() - self._begun:,.0f} s"
        of = f"{count} of {self._context.settings.max_trials} trained"
        self._progress.ended(
            "   ".join([f"trial {trial.number}", status, *more, took, of])
        )

    def _twin(self, fingerprint: str, values: Values) -> int | None:
        """Returns the trial that trained the same network in the same way, if any."""
        for trial in trials_of(self._study):
            kept = trial.user_attrs
            if (
                trial.state == TrialState.COMPLETE
                and kept.get("fingerprint") == fingerprint
                and recipe(kept["hyperparameters"]) == recipe(values)
            ):
                return trial.number
        return None


def _as_built(hp: keras_tuner.HyperParameters) -> keras_tuner.HyperParameters:
    """Returns the same values, independent of a trial."""
    found = keras_tuner.HyperParameters()
    found.values = dict(hp.values)
    return found


def _leave(folder: TrialFolder, trial: optuna.Trial, begun: float, ended: str) -> None:
    """Records a trial's files; writes its event file if TensorBoard is installed."""
    folder.state.unlink(missing_ok=True)
    trial.set_user_attr(FILES, digests(folder.path))
    if importlib.util.find_spec("tensorboard") is not None:
        from autoai4eo.runs import event_file

        event_file.write(folder.path, trial, begun, ended)
