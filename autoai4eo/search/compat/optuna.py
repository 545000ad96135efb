"""What is touched of Optuna beside its public names.

A worker ends, marks and makes trials that it does not run itself; Optuna's public
methods do that only for the trial that is run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from autoai4eo.search.compat import private, unsupported

private("optuna", "optuna.distributions:BaseDistribution._contains")


def contains(distribution: BaseDistribution, value: Any) -> bool:
    """Whether a value is one of a distribution's."""
    return bool(distribution._contains(distribution.to_internal_repr(value)))


def stored(study: optuna.Study, trial: optuna.Trial | FrozenTrial) -> FrozenTrial:
    """A trial as the study's database has it now."""
    return _storage(study).get_trial(_id(trial))


def set_attribute(
    study: optuna.Study, trial: FrozenTrial, name: str, value: Any
) -> None:
    """Writes a user attribute of a trial that runs, whoever runs it.

    Raises:
        optuna.exceptions.UpdateFinishedTrialError: it does not run any more.
    """
    _storage(study).set_trial_user_attr(_id(trial), name, value)


def end(study: optuna.Study, trial: FrozenTrial, state: TrialState) -> None:
    """Ends a trial that runs, whoever runs it; the sampler is not told.

    Raises:
        optuna.exceptions.UpdateFinishedTrialError: it does not run any more.
    """
    _storage(study).set_trial_state_values(_id(trial), state)


def is_same(one: FrozenTrial, trial_id: int) -> bool:
    """Whether a trial has this number in the database."""
    return _id(one) == trial_id


def watch_new_trials(
    study: optuna.Study,
    template: Callable[[], FrozenTrial],
    made: Callable[[int], None],
) -> None:
    """Makes each new trial of a study from a template.

    Trials that are queued have a template of their own and are made as before.

    Args:
        study: whose trials are made in this process.
        template: gives what a new trial begins with.
        made: is told the number in the database of a trial that was made so.
    """
    storage = _storage(study)
    create = storage.create_new_trial

    def from_template(study_id: int, template_trial: FrozenTrial | None = None) -> int:
        if template_trial is not None:
            return int(create(study_id, template_trial))
        trial_id = int(create(study_id, template()))
        made(trial_id)
        return trial_id

    storage.create_new_trial = from_template


def _storage(study: optuna.Study) -> Any:
    try:
        return study._storage
    except AttributeError as error:
        raise unsupported("optuna", "Study._storage") from error


def _id(trial: optuna.Trial | FrozenTrial) -> int:
    try:
        return trial._trial_id
    except AttributeError as error:
        raise unsupported("optuna", "Trial._trial_id") from error
