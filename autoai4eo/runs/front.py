"""The Pareto front of a search, its hypervolume, and a choice from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.trial import FrozenTrial, TrialState

from autoai4eo.errors import UserError
from autoai4eo.learning.figures import COSTS, MEASURED, find, rounded
from autoai4eo.learning.objectives import Objective
from autoai4eo.runs.comparable import MeasuredWith, measured_with
from autoai4eo.runs.ensembles import Ensemble
from autoai4eo.runs.network_id import TRIAL, NetworkId
from autoai4eo.runs.pareto import hypervolume, knee, minimised, on_front
from autoai4eo.runs.study import (
    FULL_TRAINING_OF,
    judged,
    objectives_of,
    trials_of,
    trials_table,
)
from autoai4eo.runs.trials import by_rank

#: The rule that chooses where the front bends most.
KNEE = "knee"
_BEYOND = 0.1


def front(study: optuna.Study) -> list[FrozenTrial]:
    """Returns the complete trials that are Pareto-optimal.

    No other is at least as good in every objective and better in one. Trials that are
    equal in every objective are all on the front. Latencies that differ by no more than
    their spread are equal. Sorted by the first objective, best first, see `by_rank`.
    """
    complete, points = _complete(study)
    spreads = spreads_of(complete, objectives_of(study))
    best = np.flatnonzero(on_front(points, spreads))
    return sorted((complete[i] for i in best), key=by_rank(study))


def finalists(
    study: optuna.Study, number: int, among: Sequence[FrozenTrial] | None = None
) -> list[FrozenTrial]:
    """Selects trials to be trained in full after cheaper trainings, or again.

    With one objective: the best. With several: trials on the front, chosen one by one,
    each so that the hypervolume of all chosen is largest.

    Args:
        study: of the search.
        number: of trials to select, at most.
        among: the trials to select from; None: those that were not trained in full.
    """
    if among is None:
        among = [t for t in trials_of(study) if FULL_TRAINING_OF not in t.user_attrs]
    objectives = objectives_of(study)
    cheap, points = _complete(study, among)
    rank = by_rank(study)
    if len(objectives) == 1:
        return sorted(cheap, key=rank)[:number]
    worst = points.max(axis=0)
    worst = worst + 0.1 * (worst - points.min(axis=0)) + 1e-9
    best = on_front(points, spreads_of(cheap, objectives))
    left = sorted(map(int, np.flatnonzero(best)), key=lambda i: rank(cheap[i]))
    chosen: list[int] = []
    while left and len(chosen) < number:
        most = max(left, key=lambda i: hypervolume(points[[*chosen, i]], worst))
        left.remove(most)
        chosen.append(most)
    return [cheap[i] for i in chosen]


def optimal(study: optuna.Study, ensembles: Sequence[Ensemble]) -> set[NetworkId]:
    """Returns the Pareto-optimal networks among the trials and the ensembles.

    An ensemble counts with its metrics on the validation data and with its cost as a
    whole; one without the value of an objective is not Pareto-optimal, nor is one that
    was measured in another way than the trials, if an objective is a measured cost.
    """
    objectives = objectives_of(study)
    depends = any(o.name in MEASURED for o in objectives)
    found = [
        (NetworkId(TRIAL, t.number), t.values, t.user_attrs.get("cost", {}))
        for t in judged(study)
    ]
    of_trials = _ways([cost for *_, cost in found])
    for one in ensembles:
        if depends and of_trials and not _ways([one.cost]) <= of_trials:
            continue
        reached = {**one.metrics, **one.cost}
        values = [reached.get(o.name) for o in objectives]
        if None not in values:
            found.append((one.id, values, one.cost))
    if not found:
        return set()
    points = minimised(np.array([values for _, values, _ in found]), objectives)
    best = on_front(points, _spreads([cost for *_, cost in found], objectives))
    return {one for (one, *_), is_best in zip(found, best, strict=True) if is_best}


def front_table(study: optuna.Study) -> pd.DataFrame:
    """Returns the rows of `trials_table` of the trials on the front, best first."""
    numbers = [trial.number for trial in front(study)]
    return trials_table(study).set_index("trial").loc[numbers].reset_index()


def reference(study: optuna.Study, limits: Mapping[str, float]) -> dict[str, float]:
    """Returns the reference point of the hypervolume, by objective.

    For a cost with a limit: the limit. For a metric: its value for a useless model in
    the catalogue, such as 0 for kappa. Otherwise: 10 % worse than the worst complete
    trial, so that the ends of the front count. Empty if no trial is complete.
    """
    complete, _ = _complete(study)
    if not complete:
        return {}
    point = {}
    for i, objective in enumerate(objectives_of(study)):
        worst, beyond = (
            (min, -_BEYOND) if objective.direction == "max" else (max, _BEYOND)
        )
        seen = worst(t.values[i] for t in complete)
        worthless = find(objective.name).worthless
        otherwise = seen + beyond * abs(seen) if worthless is None else worthless
        point[objective.name] = limits.get(objective.name, otherwise)
    return point


def is_fixed(study: optuna.Study, limits: Mapping[str, float]) -> bool:
    """Returns whether the reference point stays where it is while trials come.

    Hypervolumes up to another point cannot be compared.
    """
    return all(
        objective.name in limits or find(objective.name).worthless is not None
        for objective in objectives_of(study)
    )


def dominated(
    study: optuna.Study,
    point: Mapping[str, float],
    trials: Sequence[FrozenTrial] | None = None,
) -> float:
    """Returns the hypervolume that complete trials dominate up to a reference point.

    Args:
        study: of the search.
        point: see `reference`.
        trials: the trials to count; None: see `judged`.
    """
    _, points = _complete(study, trials)
    if not point or not len(points):
        return 0.0
    worst = minimised(np.array([list(point.values())]), objectives_of(study))[0]
    return hypervolume(points, worst)


def growth(study: optuna.Study, point: Mapping[str, float]) -> list[tuple[int, float]]:
    """Returns numbers of complete trials, and the hypervolume after so many of them.

    After each quarter of the trials, in the order in which they began, and all up to
    one reference point: so they compare, wherever the point lies.

    Args:
        study: of the search.
        point: see `reference`.
    """
    complete = sorted(_complete(study)[0], key=lambda trial: trial.number)
    counts = sorted({len(complete) * quarter // 4 for quarter in range(1, 5)} - {0})
    return [(n, dominated(study, point, complete[:n])) for n in counts]


def choose(
    study: optuna.Study, rule: str | None = None, limits: Mapping[str, float] = {}
) -> FrozenTrial:
    """Chooses a trial of the front, or of one objective the best within limits.

    Args:
        study: of the search.
        rule: ``"knee"`` for the trial farthest below the line through the front's ends;
            None for the best by the first objective.
        limits: upper limits of costs by name; only trials within them are considered.

    Raises:
        UserError: the rule or a cost is unknown, latency is limited but trials were
            measured on several devices, or no trial is within the limits; the message
            then names the smallest value of each cost.
    """
    if rule not in (None, KNEE):
        raise UserError(
            "select: expected 'knee', 'one-se' or limits such as max_params, got "
            f"{rule!r}"
        )
    trials = front(study)
    if limits and len(objectives_of(study)) == 1:  # the front is the best trial alone
        trials = sorted(_complete(study)[0], key=by_rank(study))
    found = within(trials, limits)
    if rule is None:
        return found[0]
    points = np.array([t.values for t in found])
    return found[knee(minimised(points, objectives_of(study)))]


def within(
    trials: Sequence[FrozenTrial], limits: Mapping[str, float]
) -> list[FrozenTrial]:
    """Returns the trials whose costs are within upper limits.

    Args:
        trials: to choose from.
        limits: of costs, by name.

    Raises:
        UserError: a cost is unknown, latency is limited but trials were measured on
            several devices, or none is within the limits; the message then names the
            smallest value of each cost.
    """
    for name in limits:
        if name not in COSTS:
            raise UserError(
                f"select: expected a limit of {', '.join(COSTS)}, got {name!r}"
            )
    if not trials:
        raise UserError(
            "select: expected a run with a finished trial, found none; `autoai4eo fit` "
            "with the same folder resumes it"
        )
    check_comparable("select", trials, limits)
    found = [t for t in trials if all(_cost(t, n) <= limits[n] for n in limits)]
    if not found:
        least = {n: min((_cost(t, n) for t in trials), default=np.nan) for n in limits}
        raise UserError(
            f"select: expected a trial within {_named(limits)}, found "
            f"none of {len(trials)}; the smallest found: {_named(least)}"
        )
    return found


def check_comparable(
    command: str, trials: Sequence[FrozenTrial], limits: Mapping[str, float]
) -> None:
    """Checks that the costs of trials can be compared with limits.

    Args:
        command: for the message.
        trials: with costs.
        limits: of costs, by name.

    Raises:
        UserError: latency is limited, but was measured on several devices.
    """
    if not any(name in MEASURED for name in limits):
        return
    ways = _ways([t.user_attrs.get("cost") or {} for t in trials])
    if len(ways) > 1:
        raise UserError(
            f"{command}: expected latencies of one device and runtime, found "
            f"{' and '.join(sorted(map(str, ways)))}; "
            "limit a counted cost, such as max_macs"
        )


def _complete(
    study: optuna.Study, trials: Sequence[FrozenTrial] | None = None
) -> tuple[list[FrozenTrial], np.ndarray]:
    found = judged(study) if trials is None else trials
    complete = [t for t in found if t.state == TrialState.COMPLETE]
    values = np.array([t.values for t in complete])
    return complete, minimised(values, objectives_of(study))


def spreads_of(
    trials: Sequence[FrozenTrial | optuna.Trial], objectives: Sequence[Objective]
) -> np.ndarray:
    """Returns the spread of each objective's measurements (trials, objectives)."""
    return _spreads([t.user_attrs.get("cost", {}) for t in trials], objectives)


def _spreads(
    costs: Sequence[Mapping[str, Any]], objectives: Sequence[Objective]
) -> np.ndarray:
    of_latency = [o.name == "latency_ms" for o in objectives]
    spreads = [cost.get("latency_spread_ms") or 0.0 for cost in costs]
    return np.outer(spreads, of_latency)


def _cost(trial: FrozenTrial, name: str) -> float:
    value: Any = trial.user_attrs["cost"].get(name)
    return np.inf if value is None else float(value)


def _named(figures: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {rounded(value)}" for name, value in figures.items())


def _ways(costs: Sequence[Mapping[str, Any]]) -> set[MeasuredWith]:
    """Returns what measured the latencies of some costs."""
    return {how for cost in costs if (how := measured_with(cost))}
