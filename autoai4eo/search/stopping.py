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

#: Number of infeasible candidates in a row after which a search gives up.
MAX_INFEASIBLE = 200
#: Number of already trained candidates in a row after which a search is over.
MAX_PRUNED = 50
#: Number of trials in a row that fail alike after which a search ends.
MAX_FAILED = 3
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

    A trial failed if its training did, or if the runtime cannot run its network.

    Args:
        trials: of the search.
        run: the folder.
        earlier: number of trials that were there when the search was resumed; what made
            them fail may be mended.

    Raises:
        SearchError: no training is complete, and the last ones failed with the same
            message, which it names.
    """
    ended = [t for t in trials if was_trained(t) or CANNOT_RUN in t.user_attrs]
    if any(t.state == TrialState.COMPLETE for t in ended):
        return
    last = [t for t in ended if t.number >= earlier][-MAX_FAILED:]
    messages = {t.user_attrs.get("message") for t in last}
    if len(last) == MAX_FAILED and len(messages) == 1:
        raise SearchError(
            f"{MAX_FAILED} trials in a row failed alike: {messages.pop()} "
            f"({Run(run).trial(last[0].number).path}); correct this, and run the same "
            "command again"
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
