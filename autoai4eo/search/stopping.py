"""Decides from its trials whether a search continues."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, TrialState

from autoai4eo.errors import SearchError, UserError
from autoai4eo.learning.figures import rounded
from autoai4eo.learning.objectives import violation
from autoai4eo.runs import front
from autoai4eo.runs.folder import Run
from autoai4eo.runs.trials import CANNOT_RUN, networks_built, status, was_trained
from autoai4eo.text import counted

#: Number of infeasible candidates in a row after which a search gives up.
MAX_INFEASIBLE = 200
#: Number of already trained candidates in a row after which a search is over.
MAX_PRUNED = 50
#: Number of trainings in a row that fail alike after which a search ends.
MAX_FAILED = 3
#: Number of different networks in a row that the runtime cannot run after which a
#: search ends: in a space of which it runs half, 1 search in 1000 begins with so many.
MAX_REFUSED = 10
#: Smallest relative growth of the hypervolume that counts.
_GROWN = 1e-3


def has_budget(trials: Sequence[FrozenTrial], max_trials: int) -> bool:
    """Returns whether one more may be trained, if all running trials count."""
    running = sum(t.state == TrialState.RUNNING for t in trials)
    return running + sum(map(was_trained, trials)) < max_trials


def exhausted(trials: Sequence[FrozenTrial]) -> bool:
    """Returns whether the last candidates were all trained before or infeasible."""
    last = [
        "trained" if was_trained(t) else status(t) for t in trials[-MAX_INFEASIBLE:]
    ]
    repeated = last[-MAX_PRUNED:]
    return (len(repeated) == MAX_PRUNED and set(repeated) == {"pruned"}) or (
        len(last) == MAX_INFEASIBLE and set(last) <= {"pruned", "infeasible"}
    )


def stagnated(
    study: optuna.Study, trials: Sequence[FrozenTrial], patience: int | None
) -> bool:
    """Returns whether the last `patience` trainings did not enlarge the hypervolume.

    With one objective this is the distance of the best trial from the reference. Growth
    below 0.1 % does not count.
    """
    trained = [t for t in trials if was_trained(t)]
    if patience is None or len(trained) <= patience:
        return False
    point = front.reference(study, {})
    before = front.dominated(study, point, trained[:-patience])
    return front.dominated(study, point, trained) <= (1 + _GROWN) * before


def raise_if_infeasible(
    trials: Sequence[FrozenTrial], limits: Mapping[str, float]
) -> None:
    """Ends a search that finds no feasible candidates.

    Raises:
        UserError: many candidates in a row were infeasible; names the cheapest costs.
    """
    last = list(
        itertools.takewhile(lambda t: status(t) == "infeasible", reversed(trials))
    )
    # candidates that a strategy built and rejected count, too
    costs = [t.user_attrs["cost"] for t in last]
    for trial in last:
        built = networks_built(trial)
        costs += [b["cost"] for b in built if violation(b["cost"], limits)]
    if len(costs) < MAX_INFEASIBLE:
        return
    cheapest = {
        name: min(cost[name] for cost in costs if cost.get(name) is not None)
        for name in limits
        if any(cost.get(name) is not None for cost in costs)
    }
    raise UserError(
        f"constraint: expected a feasible candidate, found none in {len(costs)} in "
        f"a row; the last: {last[0].user_attrs['message']}; cheapest seen: "
        f"{', '.join(f'{n} {rounded(v)}' for n, v in cheapest.items()) or 'unmeasured'}"
        "; relax the constraint"
    )


def raise_if_all_fail_alike(
    trials: Sequence[FrozenTrial], run: Path, earlier: int = 0
) -> None:
    """Ends a search whose blocks, callbacks or data make every trial fail.

    The runtime that measures may be able to run none of their networks, too.

    Args:
        trials: of the search.
        run: the folder.
        earlier: number of trials that were there when the search was resumed; what made
            them fail may be mended.

    Raises:
        SearchError: no training is complete, and the last ones failed with the same
            message, which it names; or the runtime cannot run the last networks.
    """
    if any(t.state == TrialState.COMPLETE for t in trials):
        return
    now = [t for t in trials if t.number >= earlier]
    last = [t for t in now if was_trained(t)][-MAX_FAILED:]
    messages = {t.user_attrs.get("message") for t in last}
    if len(last) == MAX_FAILED and len(messages) == 1:
        told = f"{MAX_FAILED} trials in a row failed alike: {messages.pop()}"
        raise _failed(told, last[0], run)
    refused = _last_refused(now)
    # a strategy may propose the same few networks again and again
    count = len({t.user_attrs["inference_fingerprint"] for t in refused})
    if count >= MAX_REFUSED or len(refused) >= MAX_PRUNED:
        networks, why = counted(count, "network"), refused[0].user_attrs["message"]
        told = f"{networks} in a row cannot run; the last: {why}"
        raise _failed(told, refused[0], run)


def _last_refused(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Returns the trials that the runtime cannot run since one that it could."""

    def is_no_success(trial: FrozenTrial) -> bool:
        cost = trial.user_attrs.get("cost") or {}
        return cost.get("latency_ms") is None

    last = itertools.takewhile(is_no_success, reversed(trials))
    return [t for t in last if CANNOT_RUN in t.user_attrs]


def _failed(told: str, trial: FrozenTrial, run: Path) -> SearchError:
    folder = Run(run).trial(trial.number).path
    return SearchError(
        f"{told} ({folder}); correct this, and run the same command again"
    )


def raise_if_all_failed(trials: Sequence[FrozenTrial], run: Path) -> None:
    """Ends a search in which every training failed.

    Raises:
        SearchError: every training failed; names the first cause.
    """
    trained = [t for t in trials if was_trained(t)]
    if trained and all(t.state == TrialState.FAIL for t in trained):
        first = trained[0]
        raise SearchError(
            f"every trial failed ({len(trained)} of them); the first: "
            f"{first.user_attrs['message']} ({Run(run).trial(first.number).path})"
        )
