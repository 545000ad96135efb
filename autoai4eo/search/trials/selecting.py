"""Selects the finalist with regard to the noise of the scores."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import keras
import numpy as np
import optuna
from optuna.trial import FrozenTrial

from autoai4eo.data.dataset import Dataset
from autoai4eo.errors import DamagedError, UserError
from autoai4eo.learning.evaluation import groups_of, outputs, scored
from autoai4eo.learning.figures import VALIDATION
from autoai4eo.learning.intervals import blocks
from autoai4eo.learning.objectives import Objective
from autoai4eo.learning.training import Training
from autoai4eo.learning.worst_group import WORST
from autoai4eo.runs import front
from autoai4eo.runs.belonging import file_of
from autoai4eo.runs.folder import Run, locked
from autoai4eo.runs.network_id import TRIAL, NetworkId
from autoai4eo.runs.selection import (
    ONE_SE,
    Selection,
    keep,
    read_selection,
    select,
    select_resampled,
)
from autoai4eo.runs.study import judged, objectives_of
from autoai4eo.runs.trial_folder import NETWORK
from autoai4eo.search.settings import SearchSettings
from autoai4eo.search.space.graph import Graph
from autoai4eo.search.trials import finalist
from autoai4eo.search.trials.repeating import Repeating
from autoai4eo.search.workers.measurement_lock import MeasurementLock
from autoai4eo.search.workers.progress import Progress


def select_finalist(
    run: Path,
    study: optuna.Study,
    graph: Graph,
    settings: SearchSettings,
    training: Training,
    progress: Progress,
    lock: MeasurementLock,
) -> None:
    """Selects the finalist by the rule of the settings, and records how.

    Without a rule and repeated trainings the best trial becomes the finalist. Several
    workers may call it at the same time.

    Args:
        run: the folder.
        study: of a search that is over.
        graph: of blocks.
        settings: the options of the search.
        training: data and options, with its ``splits``.
        progress: reports events.
        lock: pauses trainings during measurements.
    """
    selection, chosen = None, None
    if training.splits:
        work = (graph, settings, training, progress, lock)
        selection = _select_repeated(run, study, *work)
    with locked(run, "finalist", progress.line):
        if selection is None and settings.rule == ONE_SE:
            assert training.validation is not None, "a search has validation data"
            progress.line("scoring the trials on resamples of the validation data")
            how = (training.batch_size, cost_of(settings))
            selection = select_cheapest(run, study, training.validation, *how)
        if selection is not None:
            chosen = selection.chosen
        elif settings.rule is not None:
            chosen = front.choose(study, settings.rule).number
        known = None if chosen is None else NetworkId(TRIAL, chosen)
        finalist.select(study, known)
        if selection is None:
            Run(run).selection.unlink(missing_ok=True)
        elif selection != _recorded(run):
            keep(run, selection)
            progress.done(selection.told)


def _recorded(run: Path) -> Selection | None:
    try:
        return read_selection(run)
    except DamagedError:
        return None  # it is written anew


def _select_repeated(
    run: Path,
    study: optuna.Study,
    graph: Graph,
    settings: SearchSettings,
    training: Training,
    progress: Progress,
    lock: MeasurementLock,
) -> Selection:
    """Trains the best trials again, see `Repeating`, and selects one of them."""
    among = judged(study)
    trials = front.finalists(study, settings.finalists or 1, among)
    repeating = Repeating(run, graph, study, settings, training, trials)
    repeating.work(progress, lock)
    splits = len(training.splits)
    over = f"{settings.seeds} seeds"
    if splits > 1:
        over = f"{splits} folds by {training.split_by}"
        over += f", each with {settings.seeds} seeds" if settings.seeds > 1 else ""
    metric = settings.monitor.name
    cost = cost_of(settings)
    return select(
        metric.removeprefix(VALIDATION),
        over,
        repeating.figures(metric),
        [t.number for t in trials],
        [_cost(t, cost) for t in trials],
        cost,
        settings.rule,
    )


def select_cheapest(
    run: Path,
    study: optuna.Study,
    validation: Dataset,
    batch_size: int,
    cost: str,
    limits: Mapping[str, float] = MappingProxyType({}),
) -> Selection:
    """Selects by the one-standard-error rule on the validation data.

    The error is that of a bootstrap of whole groups; all trials are scored on the same
    resamples.

    Args:
        run: the folder.
        study: of the search.
        validation: the data that candidates were judged on.
        batch_size: patches per batch.
        cost: that decides.
        limits: upper limits of costs, by name.

    Raises:
        UserError: no trial is within the limits, or the first objective that is a
            metric has no resamples.
    """
    objectives = objectives_of(study)
    trials = judged(study) if len(objectives) == 1 else front.front(study)
    trials = front.within(trials, limits)
    monitor = next((o for o in objectives if not o.is_cost), None)
    metric = "" if monitor is None else monitor.name.removeprefix(VALIDATION)
    by, groups = groups_of(validation)
    number = len(validation) if groups is None else len(np.unique(groups))
    if groups is None:
        groups = blocks(len(validation))
    values, draws = [], []
    for trial in trials:
        network = keras.models.load_model(file_of(run, trial, NETWORK))
        output = outputs(network, validation, batch_size)
        scorer = scored(validation, output, groups)
        resampled = scorer.resampled()
        if metric not in resampled:
            raise UserError(
                f"rule: {ONE_SE} expected an objective whose noise is known "
                f"({', '.join(f'{VALIDATION}{name}' for name in resampled)}), found "
                f"{', '.join(o.name for o in objectives)}; train again with --folds 5 "
                "or --seeds 3 (folds=5 or seeds=3)"
            )
        values.append(scorer.result()[metric])
        draws.append(resampled[metric])
    return select_resampled(
        metric,
        f"resamples of the validation data by {by}, {number}",
        np.array(values),
        np.array(draws),
        [t.number for t in trials],
        [_cost(t, cost) for t in trials],
        cost,
        ONE_SE,
    )


def cost_of(settings: SearchSettings) -> str:
    """Returns the cost that decides among equally good trials.

    The first objective that is a cost, else the first constraint, else MACs.
    """
    costs = [o.name for o in settings.objectives if o.is_cost and o.direction == "min"]
    return next(iter((*costs, *settings.constraints)), "macs")


def check_repeatable(monitor: Objective, metrics: tuple[str, ...]) -> None:
    """Checks that repeated trainings can be compared by the metric of the search.

    Raises:
        UserError: it is not a metric of the task.
    """
    if monitor.name.removeprefix(VALIDATION) not in (*metrics, WORST):
        raise UserError(
            "folds, seeds: expected an objective among "
            f"{', '.join(f'{VALIDATION}{name}' for name in metrics)} to compare "
            f"finalists by, found {monitor.name}; leave folds and seeds out"
        )


def _cost(trial: FrozenTrial, name: str) -> float:
    return float(trial.user_attrs["cost"].get(name) or np.inf)
