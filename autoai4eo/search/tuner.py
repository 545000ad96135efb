"""The tuner: AutoKeras's, with Optuna's loop, storage and samplers under it."""

from __future__ import annotations

import gc
import shutil
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import optuna
from autokeras.engine.tuner import AutoTuner
from optuna.trial import FrozenTrial, TrialState

from autoai4eo.blocks.head import LatencyConstrainedHead
from autoai4eo.cost import fingerprint, profile
from autoai4eo.data.dataset import Dataset
from autoai4eo.errors import UserError
from autoai4eo.search import checkpoint, finalist, front, strategies
from autoai4eo.search.budget import Budget
from autoai4eo.search.callbacks import HISTORY, BestEpoch, History, go_on
from autoai4eo.search.candidates import Values
from autoai4eo.search.checkpoint import Checkpoint, restore
from autoai4eo.search.graph_candidates import GraphCandidates, recipe
from autoai4eo.search.objectives import (
    DEFAULT,
    Objective,
    parse_constraints,
    parse_objectives,
)
from autoai4eo.search.progress import Progress
from autoai4eo.search.record import (
    open_study,
    status,
    trials_of,
    write_json,
)
from autoai4eo.search.seeds import candidate, derived_seed
from autoai4eo.search.suggestions import SuggestedHyperParameters
from autoai4eo.search.training import Training

#: Candidates in a row without a feasible one, after which a search gives up.
MAX_INFEASIBLE = 200
#: Candidates in a row that were trained before, after which a search is over.
MAX_PRUNED = 50
#: How often a trial that was broken off is tried again: its network may crash.
MAX_RETRIES = 3
_BROKEN_OFF = "interrupted"


class Tuner(AutoTuner):
    """An AutoKeras tuner whose search runs on Optuna and records what all costs.

    Every trial is written to ``RUN/study.db`` (Optuna's storage), its network, cost
    and learning curve to ``RUN/trials/ID``. Its cost is counted and measured before it
    is trained; one that is over a limit is recorded as infeasible and not trained.

    Args:
        hypermodel: the graph, see `autoai4eo.search.graph.Graph`.
        objective: name of a metric on the validation data or of a cost, a
            `keras_tuner.Objective`, or several of them.
        max_trials: how many candidates are trained; infeasible ones do not count.
        tuner: name of a strategy or a `keras_tuner.Oracle` class; None: ``greedy``,
            or ``cost-aware`` for several objectives.
        constraints: upper limits of costs by name.
        latency_batch_size: batch size for which latency is measured.
        directory, project_name: the run's folder is ``directory/project_name``.
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
        directory: str | Path | None = None,
        project_name: str = "auto_model",
        seed: int = 0,
        overwrite: bool = False,
    ) -> None:
        self.objectives = parse_objectives(objective)
        self.strategy = strategies.check(tuner or strategies.default(self.objectives))
        self.budget = Budget(
            parse_constraints(constraints),
            latency_batch_size,
            [b for b in hypermodel.blocks if isinstance(b, LatencyConstrainedHead)],
        )
        self._max_trials = max_trials
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

    def open(self, training: Training) -> None:
        """Opens the folder's study, or begins one.

        Args:
            training: what candidates are trained and judged on, and how.

        Raises:
            UserError: the folder holds a search for other objectives.
        """
        self.hypermodel.steps = training.steps
        space = keras_tuner.HyperParameters()
        self.hypermodel.build(space)
        costs = [o.name for o in self.objectives if o.is_cost]
        candidates = GraphCandidates(
            self._count,
            space,
            list(dict.fromkeys([*costs, *self.budget.limits, "macs", "params"])),
            self.budget.batch_size,
        )
        setting = strategies.Setting(
            self.objectives,
            space,
            training.max_epochs,
            self.seed,
            candidates,
            self.budget.limits,
        )
        sampler = strategies.strategy(self.strategy, setting)
        self.study = open_study(self.run, self.objectives, sampler)
        for trial in trials_of(self.study):
            kept = trial.user_attrs
            if "fingerprint" in kept:
                self.budget.remember(kept["fingerprint"], kept["cost"])

    def search(
        self,
        training: Training,
        *,
        refit_on: Dataset | None = None,
        verbose: int = 1,
    ) -> None:
        """Searches, then trains the finalist; goes on where the folder's search is.

        Args:
            training: the same as for `open`.
            refit_on: training and validation data together; the finalist is trained
                anew on them, as AutoKeras does after a ``validation_split``. Without
                it is trained on from its best epoch, and the better of both is kept.
            verbose: 0 keeps quiet.

        Raises:
            UserError: no candidate is feasible.
            RuntimeError: every trial failed; the first cause is told.
        """
        with Progress(bool(verbose), self.monitor.name) as progress:
            self._requeue_interrupted()
            while self._goes_on(training):
                self.study.optimize(
                    lambda trial: self._try(trial, training, progress),
                    n_trials=1,
                    catch=(Exception,),
                )
                self._report_front(progress)
            self._raise_if_all_failed()
            if finalist.trained(self.run) != finalist.of(self.study).number:
                self.train_finalist(training, refit_on, progress)

    def train_finalist(
        self, training: Training, refit_on: Dataset | None, progress: Progress
    ) -> None:
        """Trains the finalist to its end, see `search`; it replaces the one before."""
        trial = finalist.of(self.study)
        hp = keras_tuner.HyperParameters()
        hp.values = dict(trial.user_attrs["hyperparameters"])
        seed = derived_seed(self.seed, candidate(self.study, trial), 1)
        if refit_on is not None:
            epochs = trial.user_attrs["best_epoch"] + 1
            training = training.on_everything(refit_on, epochs)
        self.hypermodel.steps = training.steps
        finalist.train(
            self.run,
            trial,
            lambda: self._build(hp, seed),
            training,
            seed,
            self.monitor,
            progress,
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

    def _count(
        self, values: Values
    ) -> tuple[keras_tuner.HyperParameters, str, dict[str, Any]]:
        hp = keras_tuner.HyperParameters()
        hp.values = dict(values)
        model = self._build(hp, self.seed)
        return hp, fingerprint(model), profile(model, latency=False).to_dict()

    def _build(self, hp: keras_tuner.HyperParameters, seed: int) -> keras.Model:
        keras.backend.clear_session()  # else Keras's memory grows with every network
        gc.collect()
        keras.utils.set_random_seed(seed)
        return self.hypermodel.build(hp)

    def _requeue_interrupted(self) -> None:
        """Trials that a killed search left running are tried again, a few times."""
        for trial in self.study.get_trials(states=(TrialState.RUNNING,)):
            # one that got through an epoch does not crash by itself
            moved = (self.trial_folder(trial.number) / checkpoint.FILE).is_file()
            retries = 0 if moved else trial.user_attrs.get("retries", 0) + 1
            if retries <= MAX_RETRIES:
                self._requeue(trial, retries)
            else:
                self.study._storage.set_trial_user_attr(
                    trial._trial_id,
                    "message",
                    f"broken off {MAX_RETRIES + 1} times, perhaps by a crash; "
                    "not tried again",
                )
            self.study.tell(trial.number, state=TrialState.FAIL)

    def _requeue(self, trial: FrozenTrial, retries: int) -> None:
        self.study._storage.set_trial_user_attr(trial._trial_id, "message", _BROKEN_OFF)
        attributes = {
            "candidate": candidate(self.study, trial),
            "retry_of": trial.number,
            "retries": retries,
        }
        if "proposed" in trial.user_attrs:
            attributes["proposed"] = trial.user_attrs["proposed"]
        self.study.enqueue_trial(trial.params, user_attrs=attributes)

    def _goes_on(self, training: Training) -> bool:
        trials = trials_of(self.study)
        if trials and trials[-1].user_attrs.get("status") == "infeasible":
            self._raise_if_hopeless(trials)
        trained = [t for t in trials if _was_trained(t)]
        exhausted = getattr(self.study.sampler, "exhausted", False)
        return (
            len(trained) < self.max_trials
            and not exhausted
            and not _barren(trials)
            and not (training.time_is_up and trained)
        )

    def _raise_if_hopeless(self, trials: list[FrozenTrial]) -> None:
        last = trials[-MAX_INFEASIBLE:]
        if len(last) < MAX_INFEASIBLE or any(status(t) != "infeasible" for t in last):
            return
        cheapest = {
            name: min(
                cost
                for t in last
                if (cost := t.user_attrs["cost"].get(name)) is not None
            )
            for name in self.budget.limits
            if any(t.user_attrs["cost"].get(name) is not None for t in last)
        }
        raise UserError(
            f"constraint: expected a feasible candidate, found none in {len(last)} in "
            f"a row; the last: {last[-1].user_attrs['message']}; cheapest seen: "
            f"{', '.join(f'{n} {v:,.4g}' for n, v in cheapest.items()) or 'unmeasured'}"
            "; relax the constraint"
        )

    def _raise_if_all_failed(self) -> None:
        trials = [t for t in trials_of(self.study) if _was_trained(t)]
        if trials and all(t.state == TrialState.FAIL for t in trials):
            first = trials[0]
            raise RuntimeError(
                f"every trial failed ({len(trials)} of them); the first: "
                f"{first.user_attrs['message']} "
                f"({self.trial_folder(first.number) / 'error.txt'})"
            )

    def _try(
        self, trial: optuna.Trial, training: Training, progress: Progress
    ) -> tuple[float, ...]:
        if getattr(self.study.sampler, "exhausted", False):
            trial.set_user_attr("status", "exhausted")
            raise optuna.TrialPruned
        folder = self.trial_folder(trial.number)
        # what an interrupted process left under this number is of no use
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            return self._train(trial, training, folder, progress)
        except optuna.TrialPruned:
            raise
        except KeyboardInterrupt:
            self._requeue(self.study._storage.get_trial(trial._trial_id), 0)
            raise
        except Exception as error:
            message = f"{type(error).__name__}: {error}".splitlines()[0]
            trial.set_user_attr("message", message)
            (folder / "error.txt").write_text(traceback.format_exc())
            progress.done(f"trial {trial.number}   failed   {message}")
            raise

    def _train(
        self,
        trial: optuna.Trial,
        training: Training,
        folder: Path,
        progress: Progress,
    ) -> tuple[float, ...]:
        progress.line(f"trial {trial.number}   building and measuring")
        # as stored: the sampler may have added to it
        frozen = self.study._storage.get_trial(trial._trial_id)
        seed = derived_seed(self.seed, candidate(self.study, frozen))
        sampler = self.study.sampler
        hp = SuggestedHyperParameters(trial, getattr(sampler, "proposed", None))
        model = self._build(hp, seed)
        if hasattr(sampler, "learn") and (new := sampler.learn(hp)):
            trial.set_user_attr("space", new)
        trial.set_user_attr("hyperparameters", hp.values)
        mark, cost, reason = self.budget.assess(model)
        trial.set_user_attr("cost", cost)
        # last: where a killed process left a fingerprint, its cost is there too
        trial.set_user_attr("fingerprint", mark)
        write_json(folder / "cost.json", cost)
        if reason:
            trial.set_user_attr("status", "infeasible")
            trial.set_user_attr("message", reason)
            progress.done(f"trial {trial.number}   infeasible   {reason}")
            raise optuna.TrialPruned(reason)
        twin = self._twin(mark, hp.values)
        if twin is not None:
            trial.set_user_attr("status", "pruned")
            trial.set_user_attr("message", f"the same network as trial {twin}")
            raise optuna.TrialPruned

        # Hyperband: how long, and whose weights to go on from
        proposed = frozen.user_attrs.get("proposed", {}).get("values", {})
        epochs = proposed.get("tuner/epochs", training.max_epochs)
        if "tuner/trial_id" in proposed:
            model.set_weights(
                self._network_of(proposed["tuner/trial_id"]).get_weights()
            )
        best = BestEpoch(folder / "model.keras", self.monitor)
        finished = 0
        if "retry_of" in frozen.user_attrs:
            before = self.trial_folder(frozen.user_attrs["retry_of"])
            finished = restore(before / checkpoint.FILE, model, best)
            go_on(before / HISTORY, folder / HISTORY, finished)
        start = time.monotonic()
        training.run(
            model,
            seed,
            [
                best,
                History(folder / HISTORY),
                Checkpoint(folder / checkpoint.FILE, best),
                progress.callback(f"trial {trial.number}", epochs),
            ],
            initial_epoch=max(finished, proposed.get("tuner/initial_epoch", 0)),
            epochs=epochs,
        )
        trial.set_user_attr("train_seconds", round(time.monotonic() - start, 3))
        trial.set_user_attr("epochs", best.epochs)
        trial.set_user_attr("best_epoch", best.epoch)
        trial.set_user_attr("metrics", best.logs)
        values = {**best.logs, **cost}
        result = tuple(values[o.name] for o in self.objectives)
        progress.finished(trial.number, best.logs, self.monitor)
        return result

    def _twin(self, mark: str, values: Values) -> int | None:
        """The trial that trained the same network the same way, if there is one."""
        for trial in trials_of(self.study):
            kept = trial.user_attrs
            if (
                trial.state == TrialState.COMPLETE
                and kept.get("fingerprint") == mark
                and recipe(kept["hyperparameters"]) == recipe(values)
            ):
                return trial.number
        return None

    def _report_front(self, progress: Progress) -> None:
        last = trials_of(self.study)[-1]
        if len(self.objectives) == 1 or last.state != TrialState.COMPLETE:
            return
        point = front.reference(self.study, self.budget.limits)
        volume = front.dominated(self.study, point)
        at = ", ".join(f"{name} {value:.4g}" for name, value in point.items())
        progress.done(
            f"trial {last.number}   {len(front.front(self.study))} on the front   "
            f"hypervolume {volume:.4g} (reference: {at})"
        )

    def _network_of(self, oracle_trial: str) -> keras.Model:
        (number,) = (
            t.number
            for t in trials_of(self.study)
            if t.state == TrialState.COMPLETE
            and t.user_attrs.get("proposed", {}).get("id") == oracle_trial
        )
        return keras.models.load_model(self.trial_folder(number) / "model.keras")


def _barren(trials: list[FrozenTrial]) -> bool:
    """Whether the last candidates were all trained before, or could not be trained."""
    last = [status(t) for t in trials[-MAX_INFEASIBLE:]]
    repeated = last[-MAX_PRUNED:]
    return (len(repeated) == MAX_PRUNED and set(repeated) == {"pruned"}) or (
        len(last) == MAX_INFEASIBLE and set(last) <= {"pruned", "infeasible"}
    )


def _was_trained(trial: FrozenTrial) -> bool:
    interrupted = trial.user_attrs.get("message") == _BROKEN_OFF
    return trial.state == TrialState.COMPLETE or (
        trial.state == TrialState.FAIL and not interrupted
    )
