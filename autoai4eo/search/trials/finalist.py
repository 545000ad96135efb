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
from autoai4eo.learning.callbacks import BestEpoch
from autoai4eo.learning.figures import find
from autoai4eo.learning.objectives import Objective
from autoai4eo.learning.training import Training
from autoai4eo.networks.saving import save_model
from autoai4eo.runs import ensembles
from autoai4eo.runs.belonging import digest, file_of
from autoai4eo.runs.folder import Run
from autoai4eo.runs.layout import NETWORK, own_folder
from autoai4eo.runs.network_id import TRIAL, NetworkId, network_id
from autoai4eo.runs.networks import network_path
from autoai4eo.runs.study import best_trial
from autoai4eo.search.workers.measurement_lock import MeasurementLock
from autoai4eo.search.workers.progress import Progress
from autoai4eo.search.workers.yielding import YieldToMeasurements

_CHOSEN = "finalist"

Tuning = Callable[[Path], Mapping[str, Any]]


def of(study: optuna.Study) -> NetworkId:
    """Returns the chosen network; if none was chosen, the best trial's.

    The best is that by the first objective.

    Raises:
        UserError: no trial is complete.
    """
    chosen = study.user_attrs.get(_CHOSEN)
    if chosen is None:
        return NetworkId(TRIAL, best_trial(study).number)
    return network_id(chosen)


def trial(study: optuna.Study) -> FrozenTrial:
    """Returns the trial of the finalist, which must be no ensemble."""
    return study.get_trials(deepcopy=False)[of(study).number]


def set_to(study: optuna.Study, network: NetworkId) -> None:
    """Makes a network the finalist."""
    study.set_user_attr(_CHOSEN, network.key)


def keep(run: Path, trial: FrozenTrial) -> None:
    """Writes ``RUN/best`` from a trial that was trained in full."""
    epochs = trial.user_attrs["epochs"]
    found = {"metrics": _of_float32(trial)}
    _keep(run, NetworkId(TRIAL, trial.number), epochs, found)


def keep_ensemble(run: Path, number: int) -> None:
    """Writes ``RUN/best`` from an ensemble: its members were trained in the search.

    Raises:
        UserError: the run has no such ensemble, or it is damaged.
    """
    ensemble = ensembles.read(run, number)
    _keep(run, ensemble.id, ensemble.epochs, {"metrics": ensemble.metrics})


def _keep(run: Path, of: NetworkId, epochs: int, found: Mapping[str, Any]) -> None:
    network = keras.models.load_model(network_path(run, of))
    with _replaced(run) as path:
        save_model(network, path)
    _tell(run, of, "training", epochs, found)


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
    _tell(
        run, NetworkId(TRIAL, kept["trial"]), kept["trained_on"], kept["epochs"], found
    )


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
    of_trial = NetworkId(TRIAL, trial.number)
    _tell(run, of_trial, on, keeper.epochs, {"metrics": keeper.logs})


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
    run: Path, of: NetworkId, on: str, epochs: int, found: Mapping[str, Any]
) -> None:
    Run(run).write_evaluation(
        {
            "network": digest(Run(run).network),
            **of.record(),
            "trained_on": on,
            "epochs": epochs,
            **found,
        }
    )
