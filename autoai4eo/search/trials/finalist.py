"""The finalist: the trial that a search returns, fully trained."""

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
from autoai4eo.learning.callbacks import BestEpoch
from autoai4eo.learning.figures import find
from autoai4eo.learning.objectives import Objective
from autoai4eo.learning.training import Training
from autoai4eo.networks.saving import save_model
from autoai4eo.runs.belonging import digest, file_of
from autoai4eo.runs.folder import Run
from autoai4eo.runs.layout import NETWORK, own_folder
from autoai4eo.runs.study import best_trial
from autoai4eo.search.workers.measurement_lock import MeasurementLock
from autoai4eo.search.workers.progress import Progress
from autoai4eo.search.workers.yielding import YieldToMeasurements

_CHOSEN = "finalist"

Tuning = Callable[[Path], Mapping[str, Any]]


def of(study: optuna.Study) -> FrozenTrial:
    """Returns the chosen trial; if none was chosen, the best by the first objective.

    Raises:
        UserError: no trial is complete.
    """
    number = study.user_attrs.get(_CHOSEN)
    if number is None:
        return best_trial(study)
    return study.get_trials(deepcopy=False)[number]


def set_to(study: optuna.Study, trial: FrozenTrial) -> None:
    """Makes a trial the finalist."""
    study.set_user_attr(_CHOSEN, trial.number)


def keep(run: Path, trial: FrozenTrial) -> None:
    """Writes ``RUN/best`` from a trial that was trained in full."""
    network = keras.models.load_model(file_of(run, trial, NETWORK))
    with _replaced(run) as path:
        save_model(network, path)
    epochs = trial.user_attrs["epochs"]
    _tell(run, trial.number, "training", epochs, {"metrics": _of_float32(trial)})


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
        found = {"metrics": kept["metrics"], **tuning(path)}
    _tell(run, kept["trial"], kept["trained_on"], kept["epochs"], found)


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
    network; otherwise, or if the trial's network is lost, trains anew.

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
    progress.done(f"trial {trial.number} is the finalist; training it to the end")
    again = build()
    on_everything = training.validation is None
    before: keras.Model | None = None
    try:
        before = keras.models.load_model(file_of(run, trial, NETWORK))
    except UserError as error:
        progress.done(f"finalist   {error}; trained from its beginning")
    continues = before is not None and not on_everything
    if before is not None and continues:
        again.set_weights(before.get_weights())
    with _replaced(run) as path:
        if before is not None:
            save_model(before, path)
        at_least = _of_float32(trial) if continues else None
        keeper = BestEpoch(path, monitor, at_least=at_least)
        training.run(
            again,
            seed,
            [
                keeper,
                YieldToMeasurements(lock),
                progress.callback("finalist", training.max_epochs),
            ],
        )
    reached = keeper.logs.get(monitor.name)
    figure = (
        ""
        if reached is None
        else f"   {monitor.name} {find(monitor.name).text(reached)}"
    )
    progress.done(f"finalist   trained{figure}")
    on = "training and validation" if on_everything else "training"
    _tell(run, trial.number, on, keeper.epochs, {"metrics": keeper.logs})


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
        for scores in (of_run.evaluation, of_run.test, of_run.mistakes):
            scores.unlink(missing_ok=True)


def _tell(
    run: Path, trial: int, on: str, epochs: int, found: Mapping[str, Any]
) -> None:
    Run(run).write_evaluation(
        {
            "network": digest(Run(run).network),
            "trial": trial,
            "trained_on": on,
            "epochs": epochs,
            **found,
        }
    )
