"""The finalist: the network that a search returns, of a trial or an ensemble."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import optuna
from optuna.trial import FrozenTrial

from autoai4eo.errors import UserError
from autoai4eo.files import in_one_step
from autoai4eo.learning.callbacks import BestEpoch, History
from autoai4eo.learning.figures import find
from autoai4eo.learning.objectives import Objective
from autoai4eo.learning.training import Training
from autoai4eo.networks.saving import save_model
from autoai4eo.runs import chosen, ensembles, front, phases
from autoai4eo.runs.belonging import digest, file_of, trained_finalist
from autoai4eo.runs.folder import Run, locked
from autoai4eo.runs.layout import NETWORK, own_folder
from autoai4eo.runs.network_id import EVERYTHING, TRAINING, TRIAL, NetworkId
from autoai4eo.runs.networks import network_path
from autoai4eo.runs.study import FULL_TRAINING_OF
from autoai4eo.search.workers.measurement_lock import MeasurementLock
from autoai4eo.search.workers.progress import Progress
from autoai4eo.search.workers.yielding import YieldToMeasurements
from autoai4eo.text import counted

_FINAL = "final_epochs"

Tuning = Callable[[Path], Mapping[str, Any]]


def trial(study: optuna.Study) -> FrozenTrial:
    """Returns the trial of the finalist, which must be no ensemble."""
    return study.get_trials(deepcopy=False)[chosen.of(study).number]


def is_trained(
    run: Path,
    study: optuna.Study,
    on_everything: bool,
    final_epochs: int | None = None,
) -> bool:
    """Returns whether the finalist's network is in ``RUN/best``.

    Args:
        run: the folder.
        study: of the search.
        on_everything: whether it must be trained on the validation data, too.
        final_epochs: for which it must be trained anew; None: any training will do.
    """
    if trained_finalist(run) != chosen.of(study):
        return False
    known = Run(run).read_evaluation()
    if "ensemble" in known:
        return True
    if final_epochs is not None and known.get(_FINAL) != final_epochs:
        return False
    return not on_everything or known["trained_on"] != TRAINING


def is_of_everything(run: Path) -> bool:
    """Returns whether the finalist was trained on the validation data, too."""
    return Run(run).read_evaluation().get("trained_on") == EVERYTHING


def queue_full_trainings(
    run: Path, study: optuna.Study, number: int, progress: Progress
) -> bool:
    """Queues the best trials that were not trained in full; returns whether any.

    Args:
        run: the folder.
        study: of a search with cheaper trainings.
        number: of trials that are to be trained in full.
        progress: reports that there are fewer.
    """
    with locked(run, "finalist"):
        everything = study.get_trials(deepcopy=False)
        known = {t.user_attrs.get(FULL_TRAINING_OF) for t in everything}
        best = front.finalists(study, number)
        new = [t for t in best if t.number not in known]
        for trial in new:
            # earlier versions did not smooth labels
            values = {"label_smoothing": 0.0, **trial.user_attrs["hyperparameters"]}
            kept = {"values": values}
            attributes = {FULL_TRAINING_OF: trial.number, "proposed": kept}
            study.enqueue_trial(trial.params, user_attrs=attributes)
        if new:
            tell_if_fewer(study, number, len(best), progress)
    return bool(new)


def tell_if_fewer(
    study: optuna.Study, asked: int, found: int, progress: Progress
) -> None:
    """Reports that a search has fewer finalists than were asked for."""
    if found < asked:
        where = "on the front" if len(study.directions) > 1 else "complete"
        trials = "1 trial is" if found == 1 else f"{found} trials are"
        progress.done(f"finalists   {asked} asked for, but only {trials} {where}")


def epochs_alone(training: Training, trial: FrozenTrial) -> int:
    """Returns the epochs of a training without validation data.

    They are those that the trial was trained for; the decay of the learning rate ends
    with them. Without a number of epochs, training ends when it has stagnated, and the
    best epoch counts.
    """
    if training.epochs is not None:
        return training.epochs
    return int(trial.user_attrs["best_epoch"]) + 1


def keep(run: Path, trial: FrozenTrial) -> None:
    """Writes ``RUN/best`` from a trial that was trained in full."""
    found = {"metrics": _of_float32(trial), **phases.record([_phase(trial)])}
    _keep(run, NetworkId(TRIAL, trial.number), found)


def keep_ensemble(run: Path, number: int) -> None:
    """Writes ``RUN/best`` from an ensemble: its members were trained in the search.

    Raises:
        UserError: the run has no such ensemble, or it is damaged.
    """
    ensemble = ensembles.read(run, number)
    found = {"metrics": ensemble.metrics, "epochs": ensemble.epochs}
    _keep(run, ensemble.id, found, ensemble.trained_on)


def _keep(
    run: Path, of: NetworkId, found: Mapping[str, Any], trained_on: str = TRAINING
) -> None:
    network = keras.models.load_model(network_path(run, of))
    with _replaced(run) as path:
        save_model(network, path)
        Run(run).history.unlink(missing_ok=True)
    _tell(run, of, trained_on, found)


def tune(run: Path, tuning: Tuning) -> None:
    """Replaces the network in ``RUN/best`` by a tuned one; if it fails, keeps it.

    Args:
        run: the folder.
        tuning: is called with the path of a copy of the network, which it may write
            anew; returns what evaluation.json says of it.
    """
    kept = Run(run).read_evaluation()
    network = keras.models.load_model(Run(run).network)
    with _replaced(run) as path:
        save_model(network, path)
        names = ("metrics", _FINAL, "epochs", phases.PHASES)
        found = {name: kept[name] for name in names if name in kept}
        found.update(tuning(path))
    before, tuned = phases.read(kept), found["quantized"]
    if before:  # an earlier version did not record them
        more = phases.Phase(phases.INT8, tuned["epochs"], tuned["epoch"])
        found.update(phases.record([*before, more]))
    _tell(run, NetworkId(TRIAL, kept["trial"]), kept["trained_on"], found)


def train(
    run: Path,
    trial: FrozenTrial,
    build: Callable[[], keras.Model],
    training: Training,
    seed: int,
    monitor: Objective,
    progress: Progress,
    lock: MeasurementLock,
) -> None:
    """Trains a trial's network further and writes ``RUN/best``.

    With validation data, continues from the trial's best epoch and keeps the better
    network; otherwise, or if the trial's network is lost, trains anew. So it does for
    the final epochs of `training`, and with validation data keeps the better network.

    Args:
        run: the folder.
        trial: the finalist.
        build: builds its network anew.
        training: data and options of the training.
        seed: of the order of the data.
        monitor: the metric that determines the best epoch.
        progress: reports events.
        lock: pauses the training during measurements.
    """
    most = counted(training.max_epochs, "epoch")
    progress.done(
        f"trial {trial.number} is the finalist; training it to the end: up to {most}"
    )
    again = build()
    on_everything = training.validation is None
    before: keras.Model | None = None
    try:
        before = keras.models.load_model(file_of(run, trial, NETWORK))
    except UserError as error:
        progress.done(f"finalist   {error}; trained from its beginning")
    is_judged = before is not None and not on_everything
    further = before is not None and is_judged and training.final_epochs is None
    if before is not None and further:
        again.set_weights(before.get_weights())
    with _replaced(run) as path, in_one_step(Run(run).history) as curve:
        if before is not None:
            save_model(before, path)
        at_least = _of_float32(trial) if is_judged else None
        keeper = BestEpoch(path, monitor, at_least=at_least)
        training.run(
            again,
            seed,
            [
                keeper,
                History(curve, trial.number),
                YieldToMeasurements(lock),
                progress.callback("finalist", training.max_epochs),
            ],
        )
    kept = keeper.epoch + 1
    best = monitor.best(keeper.curve)
    last = phases.Phase(
        phases.FURTHER if further else phases.ANEW, keeper.epochs, kept, best
    )
    # trained anew, the weights do not go back to the trial; if it is kept, they are its
    first = [_phase(trial)] if further or not kept else []
    progress.done(_told(trial, last, monitor))
    on = EVERYTHING if on_everything else TRAINING
    found = {"metrics": keeper.logs, **phases.record([*first, last])}
    if training.final_epochs is not None:
        found[_FINAL] = training.final_epochs
    _tell(run, NetworkId(TRIAL, trial.number), on, found)


def _phase(trial: FrozenTrial) -> phases.Phase:
    kept = trial.user_attrs
    best = kept["curve"][kept["best_epoch"]] if kept.get("curve") else None
    return phases.of_trial(f"trial {trial.number}", kept, best)


def _told(trial: FrozenTrial, last: phases.Phase, monitor: Objective) -> str:
    """Returns the line about the end of the finalist's training."""
    name = monitor.name
    if last.best is None:
        return "finalist   trained"
    reached = find(name).text(last.best)
    if last.kept:
        return f"finalist   trained   {name} {reached}"
    before = find(name).text(_of_float32(trial)[name])
    return (
        f"finalist   {last.training} reached {name} {reached}, trial {trial.number} "
        f"{before}: the trial's network is kept"
    )


def _of_float32(trial: FrozenTrial) -> dict[str, float]:
    """Returns the metrics of the trained network, also if the trial was quantised."""
    kept = trial.user_attrs
    return dict(kept.get("float32_metrics", kept["metrics"]))


@contextmanager
def _replaced(run: Path) -> Iterator[Path]:
    """Yields the path for the network; deletes the scores of the former one."""
    of_run = Run(run)
    own_folder(of_run.best)
    with in_one_step(of_run.network) as path:
        yield path
        for scores in of_run.judged:
            scores.unlink(missing_ok=True)


def _tell(run: Path, of: NetworkId, on: str, found: Mapping[str, Any]) -> None:
    Run(run).write_evaluation(
        {
            "network": digest(Run(run).network),
            **of.record(),
            "trained_on": on,
            **found,
        }
    )
