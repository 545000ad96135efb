"""The trials of a study, and the best of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from autoai4eo.errors import UserError
from autoai4eo.learning.objectives import Objective
from autoai4eo.text import counted

#: Attribute of a trial that trains the network of another trial in full, after a
#: search with cheaper trainings; its value is the number of that trial.
FULL_TRAINING_OF = "full_of"
#: Attribute of a trial that was judged by a cheaper training, and its name in tables.
PROXY = "proxy"
IN_FULL = "full"
#: Attribute of an infeasible trial: the runtime that measures cannot run its network.
CANNOT_RUN = "cannot_run"

#: Attribute of a study: the most trials of the last call that came to its end.
_ENDED = "ended"


def objectives_of(study: optuna.Study) -> tuple[Objective, ...]:
    """Returns the objectives of the study, in order."""
    return tuple(
        Objective(name, "max" if direction.name == "MAXIMIZE" else "min")
        for name, direction in zip(
            study.user_attrs["objectives"], study.directions, strict=True
        )
    )


def status(trial: FrozenTrial) -> str:
    """Returns the status of a trial.

    One of complete, infeasible, failed, interrupted (its worker ended), pruned,
    running, waiting (in the queue) and exhausted (nothing was left to try).
    """
    if trial.state == TrialState.PRUNED:
        return str(trial.user_attrs.get("status", "pruned"))
    return {
        TrialState.COMPLETE: "complete",
        TrialState.FAIL: "interrupted" if interrupted(trial) else "failed",
        TrialState.RUNNING: "running",
        TrialState.WAITING: "waiting",
    }[trial.state]


def interrupted(trial: FrozenTrial) -> bool:
    """Returns whether a trial ended because its worker ended."""
    return trial.state == TrialState.FAIL and (
        trial.user_attrs.get("interrupted", False) or "message" not in trial.user_attrs
    )


def was_trained(trial: FrozenTrial) -> bool:
    """Returns whether a trial counts as a training; full trainings do not."""
    if FULL_TRAINING_OF in trial.user_attrs:
        return False
    if trial.state == TrialState.PRUNED:
        return bool(trial.user_attrs.get("stopped", False))
    return trial.state == TrialState.COMPLETE or (
        trial.state == TrialState.FAIL and not interrupted(trial)
    )


def networks_built(trial: FrozenTrial) -> list[dict[str, Any]]:
    """Returns the records of the networks that were built to propose a trial.

    Earlier versions recorded them as ``screened``.
    """
    proposed = trial.user_attrs.get("proposed", {})
    return list(proposed.get("built", proposed.get("screened", [])))


def trials_of(study: optuna.Study) -> list[FrozenTrial]:
    """Returns the trials, oldest first, except exhausted and waiting ones."""
    return [
        trial
        for trial in study.get_trials(deepcopy=False)
        if status(trial) not in ("exhausted", "waiting")
    ]


def trial_of(study: optuna.Study, run: Path, number: int) -> FrozenTrial:
    """Returns a trial by its number, read from a file of the run.

    Raises:
        UserError: the search has no trial of this number.
    """
    trials = study.get_trials(deepcopy=False)
    if not 0 <= number < len(trials):
        raise UserError(
            f"{run}: expected a search with the trial {number} that its files name, "
            f"found {counted(len(trials), 'trial')}; `autoai4eo check {run}` lists "
            "what is damaged"
        )
    return trials[number]


def trainings(trials: Sequence[FrozenTrial]) -> dict[int, str]:
    """Returns for each trial, by its number, whether a cheaper training judged it.

    Empty if none was; else `PROXY` or `IN_FULL`, with the trial that was cheaper.
    """
    full = [t for t in trials if FULL_TRAINING_OF in t.user_attrs]
    cheaper = [t for t in trials if PROXY in t.user_attrs]
    if not full and not cheaper:
        return {}
    return {t.number: _training(t) for t in trials}


def _training(trial: FrozenTrial) -> str:
    of = trial.user_attrs.get(FULL_TRAINING_OF)
    return PROXY if of is None else f"{IN_FULL}, of trial {of}"


def named_running(trials: Sequence[FrozenTrial]) -> str:
    """Returns the running trials in words, such as ``"trial 3 of another worker"``."""
    numbers = [str(t.number) for t in trials if t.state == TrialState.RUNNING]
    if len(numbers) == 1:
        return f"trial {numbers[0]} of another worker"
    return f"trials {', '.join(numbers)} of other workers"


def judged(study: optuna.Study) -> list[FrozenTrial]:
    """Returns the complete trials that can be compared.

    If a search used cheaper trainings and some trials were trained in full, only these.
    """
    complete = [t for t in trials_of(study) if t.state == TrialState.COMPLETE]
    full = [t for t in complete if FULL_TRAINING_OF in t.user_attrs]
    return full or complete


def largest_group(study: optuna.Study) -> list[FrozenTrial]:
    """Returns the complete trials that were trained alike, of the kind with most.

    These are the trials by a proxy, or those that were trained in full.
    """
    complete = [t for t in trials_of(study) if t.state == TrialState.COMPLETE]
    full = [t for t in complete if FULL_TRAINING_OF in t.user_attrs]
    cheaper = [t for t in complete if FULL_TRAINING_OF not in t.user_attrs]
    return max(cheaper, full, key=len)


def best_trial(study: optuna.Study) -> FrozenTrial:
    """Returns the complete trial that is best by the first objective, see `by_rank`.

    Raises:
        UserError: no trial is complete.
    """
    complete = judged(study)
    if not complete:
        raise UserError(
            "expected a run with a finished trial, found none; "
            "`autoai4eo fit` with the same folder resumes it"
        )
    return min(complete, key=by_rank(study))


def by_rank(study: optuna.Study) -> Callable[[FrozenTrial], tuple[float, ...]]:
    """Returns the key that sorts complete trials, best first.

    Of trials with the same first objective the better one by the others comes first,
    then the one with fewer MACs, then the earlier one.
    """
    signs = [-1 if o.direction == "max" else 1 for o in objectives_of(study)]

    def key(trial: FrozenTrial) -> tuple[float, ...]:
        values = (sign * value for sign, value in zip(signs, trial.values, strict=True))
        macs = (trial.user_attrs.get("cost") or {}).get("macs")
        return (*values, inf if macs is None else macs, trial.number)

    return key


def keep_end(study: optuna.Study, max_trials: int) -> None:
    """Records that a call that was to train so many trials came to its end."""
    study.set_user_attr(_ENDED, max_trials)


def last_end(study: optuna.Study) -> int | None:
    """Returns the number of `keep_end`; None: no call ended, or an earlier version's.

    A search whose ``run.json`` has another number goes on: its last call was
    interrupted.
    """
    return study.user_attrs.get(_ENDED)
