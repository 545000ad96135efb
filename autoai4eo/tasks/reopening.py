"""Opens a finished run again: what it can do needs neither `fit` nor its script."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import keras_tuner

from autoai4eo.cost.registry import has_rule
from autoai4eo.data.augmentation import AUGMENTATION, Augmentation
from autoai4eo.data.dataset import Dataset
from autoai4eo.data.statistics import cached_statistics
from autoai4eo.errors import UserError
from autoai4eo.learning.figures import objectives_for
from autoai4eo.learning.registry import task_of
from autoai4eo.learning.training import Training
from autoai4eo.networks.fingerprint import fingerprint
from autoai4eo.runs import databases
from autoai4eo.runs.data_record import target_kind
from autoai4eo.runs.folder import Run
from autoai4eo.runs.study import best_trial, objectives_of, open_study
from autoai4eo.search.settings import SearchSettings
from autoai4eo.search.space.graph import Graph, build
from autoai4eo.search.strategies import STRATEGIES
from autoai4eo.search.tuner import Tuner
from autoai4eo.tasks.configuration import configure
from autoai4eo.tasks.recorded_data import training_data, validation_data

_AGAIN = "call fit with the same arguments first, it resumes the search in the folder"


def task_record(
    made_of: Mapping[str, Any], training: Training, class_weight: Any, refit: bool
) -> dict[str, Any]:
    """Returns what trains a network of the run again, for run.json.

    Args:
        made_of: name and arguments of the task's class.
        training: data and options of the trainings.
        class_weight: as `fit` got it.
        refit: whether the finalist is trained on the validation data, too.
    """
    weights = class_weight
    if isinstance(weights, Mapping):
        weights = {str(number): float(weight) for number, weight in weights.items()}
    augmentation = training.augmentation
    return {
        **made_of,
        "final_epochs": training.final_epochs,
        "refit": refit,
        "class_weight": weights,
        "augmentation": None if augmentation is None else asdict(augmentation),
        "data_parallel": training.data_parallel,
        "unrecorded": [*(["callbacks"] if training.callbacks else []), *training.fit],
    }


def settings_of(run: Path) -> dict[str, Any]:
    """Returns arguments of `SearchSettings` for the search of a run.

    The runtime that measured latency is left out, as it need not be installed here: a
    resumed search finds it in its record.
    """
    known = Run(run).read()
    arguments, kind = known["arguments"], target_kind(known)
    names = {f.name for f in fields(SearchSettings) if f.init} & set(arguments)
    given = {name: arguments[name] for name in names - {"runtime", "storage"}}
    if not set(given.get("objective") or ()) <= set(objectives_for(kind)):
        given["objective"] = objectives_of(open_study(run))  # metrics of the user
    if given.get("tuner") not in STRATEGIES:
        given.pop("tuner", None)  # a class of the user, which only a search needs
        given.pop("prior", None)
    if arguments.get("storage") is not None:
        # one that only the run names is never used
        given["storage"] = next(iter(databases.named()), None)
    return given


def search_again(
    run: Path, graph_of: Callable[[Dataset], Graph], kind: str
) -> tuple[Tuner, Training]:
    """Returns what trains a network of a search that is over.

    Args:
        run: the folder.
        graph_of: returns the graph of blocks for the training data.
        kind: of target that the graph predicts.

    Raises:
        UserError: the data are not where they were or have changed, the run's networks
            are of other blocks, or `fit` had arguments that no file can hold.
    """
    known = Run(run).read()
    task, arguments = known.get("task", {}), known["arguments"]
    if unrecorded := task.get("unrecorded"):
        raise UserError(
            f"{run}: expected a training that run.json records, found one with "
            f"{', '.join(unrecorded)}; {_AGAIN}"
        )
    train, validation = training_data(run), validation_data(run)
    settings = SearchSettings(**settings_of(run), kind=kind)
    graph = graph_of(train)
    configure(
        graph,
        train,
        cached_statistics(train, Run(run).statistics),
        arguments.get("loss"),
    )
    augmentation = task.get("augmentation", asdict(AUGMENTATION))
    training = Training(
        train,
        validation,
        epochs=arguments.get("epochs"),
        final_epochs=task.get("final_epochs"),
        batch_size=arguments.get("batch_size", 32),
        objectives=settings.objectives,
        class_weight=_weights(task.get("class_weight"), train),
        augmentation=None if augmentation is None else Augmentation(**augmentation),
        proxy=settings.proxy,
        data_parallel=task.get("data_parallel", False),
    )
    tuner = Tuner(graph, settings, run)
    tuner.connect()
    _check_blocks(tuner, training)
    return tuner, training


def _weights(given: Any, train: Dataset) -> dict[int, float] | None:
    if isinstance(given, Mapping):
        given = {int(number): float(weight) for number, weight in given.items()}
    return task_of(train.target).class_weight(given, train)


def _check_blocks(tuner: Tuner, training: Training) -> None:
    """Checks that a graph builds the networks of the search.

    Raises:
        UserError: the best trial's network is another one.
    """
    trial = best_trial(tuner.study)
    values = keras_tuner.HyperParameters()
    values.values = dict(trial.user_attrs["hyperparameters"])
    network = build(tuner.graph, values, 0, training.steps)
    if fingerprint(network, has_rule) != trial.user_attrs["fingerprint"]:
        raise UserError(
            f"{tuner.run}: expected a search over the blocks of this class, found "
            "networks of others; give an AutoModel its blocks, and "
            f"{_AGAIN}"
        )
