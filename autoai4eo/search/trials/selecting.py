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
from autoai4eo.errors import DamagedError, UserError, warn
from autoai4eo.learning.evaluation import groups_of, outputs_in_parts, scored
from autoai4eo.learning.figures import VALIDATION
from autoai4eo.learning.intervals import blocks
from autoai4eo.learning.objectives import Objective
from autoai4eo.learning.registry import TASKS
from autoai4eo.learning.training import Training
from autoai4eo.learning.worst_group import WORST
from autoai4eo.runs import chosen, front
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
from autoai4eo.runs.study import best_trial, judged
from autoai4eo.runs.trial_folder import NETWORK
from autoai4eo.search.settings import SearchSettings
from autoai4eo.search.space.graph import Graph
from autoai4eo.search.trials import finalist
from autoai4eo.search.trials.repeating import Repeating
from autoai4eo.search.workers.measurement_lock import MeasurementLock
from autoai4eo.search.workers.progress import Progress
from autoai4eo.text import counted


def select_finalist(
    run: Path,
    study: optuna.Study,
    graph: Graph,
    settings: SearchSettings,
    training: Training,
    progress: Progress,
    lock: MeasurementLock,
    most: int | None = None,
) -> bool:
    """Selects the finalist by the rule of the settings, and records how.

    Without a rule and repeated trainings the best trial becomes the finalist. A network
    that the user chose stays the finalist. Several workers may call it at the same
    time.

    Args:
        run: the folder.
        study: of a search that is over.
        graph: of blocks.
        settings: the options of the search.
        training: data and options, with its ``splits``.
        progress: reports events.
        lock: pauses trainings during measurements.
        most: trainings of this worker; None: no limit.

    Returns:
        Whether it is selected; otherwise trainings are left.

    Raises:
        UserError: no trial is complete.
    """
    best_trial(study)
    if (own := chosen.by_user(study)) is not None:
        if training.splits or settings.rule is not None:
            progress.done(
                f"{own}, which you selected, stays the finalist, without folds, seeds "
                "and rule; select without a trial takes your choice back"
            )
        return True
    selection, number = None, None
    if training.splits:
        trials = front.finalists(study, settings.finalists or 1, judged(study))
        finalist.tell_if_fewer(study, settings.finalists or 1, len(trials), progress)
        repeating = Repeating(run, graph, study, settings, training, trials)
        if not repeating.work(progress, lock, most):
            return False
        selection = _select_repeated(repeating, progress)
    with locked(run, "finalist", progress.line):
        if selection is None and settings.rule == ONE_SE:
            assert training.validation is not None, "a search has validation data"
            progress.line("scoring the trials on resamples of the validation data")
            with lock.training():
                selection = select_cheapest(
                    run, study, settings, training.validation, training.batch_size
                )
        if selection is not None:
            number = selection.chosen
        elif settings.rule is not None:
            number = front.choose(study, settings.rule).number
        chosen.select(study, None if number is None else NetworkId(TRIAL, number))
        if selection is None:
            Run(run).selection.unlink(missing_ok=True)
        elif selection != _recorded(run):
            keep(run, selection)
            progress.done(selection.told)
    return True


def _recorded(run: Path) -> Selection | None:
    try:
        return read_selection(run)
    except DamagedError:
        return None  # it is written anew


def _select_repeated(of: Repeating, progress: Progress) -> Selection:
    """Selects one of the trials that were trained again.

    Raises:
        UserError: a training of each of them diverged.
    """
    settings, splits = of.settings, len(of.training.splits)
    over = f"{settings.seeds} seeds"
    if splits > 1:
        over = f"{splits} folds by {of.training.split_by}"
        over += f", each with {settings.seeds} seeds" if settings.seeds > 1 else ""
    metric, cost = settings.monitor.name, cost_of(settings)
    figures = of.figures(metric)
    good = np.isfinite(figures).all(axis=1)
    trials = [t for t, is_good in zip(of.trials, good, strict=True) if is_good]
    for trial, is_good in zip(of.trials, good, strict=True):
        if not is_good:
            progress.done(
                f"trial {trial.number}   diverged when trained again; left out"
            )
    if not trials:
        raise UserError(
            f"{of.run}: expected a finalist that can be trained again, found that a "
            "training of each diverged; try other finalists (--finalists), or leave "
            "--folds and --seeds out"
        )
    return select(
        metric.removeprefix(VALIDATION),
        over,
        figures[good],
        [t.number for t in trials],
        [_cost(t, cost) for t in trials],
        cost,
        settings.rule,
    )


def select_cheapest(
    run: Path,
    study: optuna.Study,
    settings: SearchSettings,
    validation: Dataset,
    batch_size: int,
    limits: Mapping[str, float] = MappingProxyType({}),
) -> Selection:
    """Selects by the one-standard-error rule on the validation data.

    The error is that of a bootstrap of whole groups; all trials are scored on the same
    resamples. The trials are all of one objective, or those on the front of several.

    Args:
        run: the folder.
        study: of the search.
        settings: its options.
        validation: the data that candidates were judged on.
        batch_size: patches per batch.
        limits: upper limits of costs, by name.

    Warns:
        AutoAI4EOWarning: a trial is left out, as its network is damaged or missing.

    Raises:
        UserError: no trial is within the limits, or has a network; or see
            `check_resampled`.
    """
    check_resampled(settings)
    one = len(settings.objectives) == 1
    trials = front.within(judged(study) if one else front.front(study), limits)
    metric = settings.monitor.name.removeprefix(VALIDATION)
    cost = cost_of(settings)
    by, groups = groups_of(validation)
    number = len(validation) if groups is None else len(np.unique(groups))
    over = f"{counted(number, by)} of the validation data, resampled"
    known = _recorded(run)
    about = (metric, over, ONE_SE, cost, sorted(t.number for t in trials))
    if known is not None and about == (
        *(known.metric, known.over, known.rule, known.cost),
        sorted(one.trial for one in known.candidates),
    ):
        return known
    if groups is None:
        groups = blocks(len(validation))
    found, values, draws = [], [], []
    for trial in trials:
        try:
            network = keras.models.load_model(file_of(run, trial, NETWORK))
        except UserError as error:
            warn(f"{error}; left out")
            continue
        output = outputs_in_parts(network, validation, batch_size)
        scorer = scored(validation, output, groups)
        found.append(trial)
        values.append(scorer.result()[metric])
        draws.append(scorer.resampled()[metric])
    if not found:
        raise UserError(
            f"{run}: expected trials with networks to select from, found none; leave "
            "the rule out"
        )
    return select_resampled(
        metric,
        over,
        np.array(values),
        np.array(draws),
        [t.number for t in found],
        [_cost(t, cost) for t in found],
        cost,
        ONE_SE,
    )


def check_resampled(settings: SearchSettings) -> None:
    """Checks that the noise of the search's metric is known from resamples.

    Raises:
        UserError: it is not.
    """
    known = TASKS[settings.kind].resampled
    if settings.monitor.name.removeprefix(VALIDATION) not in known:
        raise UserError(
            f"rule: {ONE_SE} without folds and seeds expected an objective among "
            f"{', '.join(f'{VALIDATION}{name}' for name in known)}, found "
            f"{settings.monitor.name}; leave the rule out, or take one of these"
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
    known = (*metrics, WORST)
    if monitor.name.removeprefix(VALIDATION) not in known:
        raise UserError(
            "folds, seeds: expected an objective among "
            f"{', '.join(f'{VALIDATION}{name}' for name in known)} to compare "
            f"finalists by, found {monitor.name}; leave folds and seeds out"
        )


def _cost(trial: FrozenTrial, name: str) -> float | None:
    value: float | None = trial.user_attrs["cost"].get(name)
    return value
