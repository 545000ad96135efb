"""The private parts of Optuna that this package uses.

A worker ends, marks and creates trials of other workers; Optuna's public methods do so
only for a worker's own trial.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from autoai4eo.search.compat import private, unsupported

private("optuna", "optuna.distributions:BaseDistribution._contains")
_READ = "_read_trials_from_remote_storage"
_thread = private("optuna", "optuna.storages._heartbeat:get_heartbeat_thread")
private("optuna", f"optuna.storages._cached_storage:_CachedStorage.{_READ}")


def contains(distribution: BaseDistribution, value: Any) -> bool:
    """Returns whether a distribution contains a value."""
    return bool(distribution._contains(distribution.to_internal_repr(value)))


def stored(study: optuna.Study, trial: optuna.Trial | FrozenTrial) -> FrozenTrial:
    """Reads a trial from the study's database."""
    return _storage(study).get_trial(_id(trial))


def set_attribute(
    study: optuna.Study, trial: FrozenTrial, name: str, value: Any
) -> None:
    """Sets a user attribute of a running trial of any worker.

    Raises:
        optuna.exceptions.UpdateFinishedTrialError: the trial has ended.
    """
    _storage(study).set_trial_user_attr(_id(trial), name, value)


def take(study: optuna.Study, trial: FrozenTrial) -> bool:
    """Begins a waiting trial; returns False if another process took it.

    `optuna.Study.ask` takes any waiting trial, and makes one where none waits.
    """
    storage = _storage(study)
    # before it begins: a trial without heartbeats is never found stale
    storage.record_heartbeat(_id(trial))
    try:
        return bool(storage.set_trial_state_values(_id(trial), TrialState.RUNNING))
    except UpdateFinishedTrialError:
        return False


def heartbeats(study: optuna.Study, trial: FrozenTrial) -> AbstractContextManager[None]:
    """Sends the heartbeats of a running trial, as `optuna.Study.optimize` does."""
    sending: AbstractContextManager[None] = _thread(_id(trial), _storage(study))
    return sending


def end(
    study: optuna.Study,
    trial: FrozenTrial,
    state: TrialState,
    values: Sequence[float] | None = None,
) -> None:
    """Ends a running trial of any worker, without calling the sampler.

    Raises:
        optuna.exceptions.UpdateFinishedTrialError: the trial has ended.
    """
    _storage(study).set_trial_state_values(_id(trial), state, values)


def is_same(one: FrozenTrial, trial_id: int) -> bool:
    """Returns whether a trial has this number in the database."""
    return _id(one) == trial_id


@contextmanager
def read_once(study: optuna.Study) -> Iterator[None]:
    """Has all that ask for a study's trials get those of one reading.

    Optuna reads every trial that runs anew each time, which many workers feel. Inside
    of this nothing must be written that is to be read there.
    """
    storage = _storage(study)
    if not hasattr(storage, _READ) or _READ in vars(storage):
        yield  # in memory, or inside of another one
        return
    getattr(storage, _READ)(study._study_id)
    setattr(storage, _READ, lambda study_id: None)
    try:
        yield
    finally:
        delattr(storage, _READ)


def watch_new_trials(
    study: optuna.Study,
    template: Callable[[], FrozenTrial],
    made: Callable[[int], None],
) -> None:
    """Makes this process create each new trial of a study from a template.

    Queued trials have their own templates and are created as before.

    Args:
        study: of the trials.
        template: returns the initial content of a new trial.
        made: is called with the number in the database of each such trial.
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
