"""``policy``: a controller that learns by policy gradients.

Zoph and Le 2017, *Neural architecture search with reinforcement learning*; the reward
is that of MnasNet (Tan et al. 2019).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
from optuna.trial import FrozenTrial, TrialState
from scipy.special import ndtri
from scipy.stats import rankdata

from autoai4eo.learning.objectives import Objective
from autoai4eo.search.space.base import Values
from autoai4eo.search.strategies.base import CandidateSampler
from autoai4eo.search.strategies.choices import Choices
from autoai4eo.search.strategies.controller import (
    Learner,
    Weights,
    log_probabilities,
)
from autoai4eo.search.strategies.proposing import untried, values_of

_BATCH = 8  # trials of an update
_DRAWN, _ROUNDS = 10, 10  # candidates at once by the policy, and how often
_RANDOM, _WEIGHED = 3000, 1000  # random ones, if none of these will do
_EXPONENT = 0.07  # of costs; MnasNet's
_LEAST = 1e-6  # in place of a score of 0 or less, which has no logarithm


class PolicyGradient(CandidateSampler):
    """An autoregressive network draws the hyperparameters one after the other.

    It knows the choices made before, skips hyperparameters that are not active, and
    draws a number from one of ten intervals, see `Choices`. At first all levels are
    equally probable. The first candidate is the default network if there is one. After
    every eight trials PPO updates the network, see `controller`.

    The reward is the objective, or of several `mnasnet_reward`. In an update it counts
    by its rank among the eight, as normal scores, so that a few useless networks do not
    hide the differences of the others.

    Under limits only feasible networks are rewarded: a candidate over the limits is not
    trained, see `Limits.first`, and a trial that turns out to be infeasible has the
    lowest rank. Trials that failed or were pruned teach nothing.

    Candidates that were tried, or are not in a table, are drawn again. After a hundred
    in a row, one of a thousand random candidates is drawn, as probable as the network
    finds it.

    The network is learned anew from the trials for each proposal, in the order in which
    they ended. A proposal records after how many ``updates`` it was drawn, so that PPO
    knows its old probabilities also after a restart, and where several workers propose.
    A given candidate counts as drawn just before the update.
    """

    def propose(
        self,
        study: Any,
        trial: FrozenTrial,
        others: list[FrozenTrial],
        rng: np.random.Generator,
    ) -> dict[str, Any] | None:
        """Proposes the first drawn candidate that is untried and within the limits."""
        default = self.context.candidates.default
        if not others and default is not None:
            return self._proposal(default, 0)
        choices = Choices(self.context.candidates.space)
        weights, updates = self._learned(choices, others)
        found = self.limits.first(self._drawn(choices, weights, others, rng), rng)
        return found and self._proposal(found, updates)

    def _proposal(self, values: Values, updates: int) -> dict[str, Any]:
        # without limits no cost is estimated
        record = self.limits.record(values) if self.context.limits else {}
        return {"values": dict(values), **record, "updates": updates}

    def _drawn(
        self,
        choices: Choices,
        weights: Weights,
        others: Sequence[FrozenTrial],
        rng: np.random.Generator,
    ) -> Iterator[Values]:
        """Yields untried candidates: drawn, then selected from random ones."""
        candidates = self.context.candidates
        for _ in range(_ROUNDS):
            some = choices.draw(weights, _DRAWN, rng)
            some = [v for v in some if candidates.identity(v) is not None]
            yield from untried(some, others, candidates)
        left = untried(candidates.draw(_RANDOM, rng), others, candidates)
        some = [left[i] for i in rng.permutation(len(left))[:_WEIGHED]]
        logs = log_probabilities(weights, choices.codes(some)).sum(axis=1)
        # the order of logarithms with Gumbel noise is a draw without replacement
        for i in np.argsort(-logs - rng.gumbel(size=len(logs)))[:_DRAWN]:
            yield some[i]

    def _learned(
        self, choices: Choices, others: Sequence[FrozenTrial]
    ) -> tuple[Weights, int]:
        """Returns the weights after all updates by the trials, and their number."""
        learner = Learner(choices.untrained(self.context.seed))
        ended = _in_order(others)
        codes = choices.codes([values_of(trial) or {} for trial in ended])
        rewards = np.array([self._reward(trial) for trial in ended])
        drawn_by = np.array([_updates(t, i // _BATCH) for i, t in enumerate(ended)])
        old = np.zeros(codes.shape)
        updates = len(ended) // _BATCH
        for update in range(updates):
            of_these = drawn_by == update
            old[of_these] = log_probabilities(learner.weights, codes[of_these])
            batch = slice(update * _BATCH, (update + 1) * _BATCH)
            learner.update(codes[batch], _normal_scores(rewards[batch]), old[batch])
        return learner.weights, updates

    def _reward(self, trial: FrozenTrial) -> float:
        """Returns the reward of a trial; minus infinity: it is infeasible."""
        objectives = self.context.objectives
        if trial.state != TrialState.COMPLETE:
            return -np.inf
        if len(objectives) == 1:
            return trial.values[0] * (1 if objectives[0].direction == "max" else -1)
        return mnasnet_reward(trial.values, objectives, self.context.candidates.costs)


def mnasnet_reward(
    figures: Sequence[float], objectives: Sequence[Objective], known: Collection[str]
) -> float:
    """Returns the logarithm of score × cost^-0.07, for all scores and costs.

    MnasNet divides a cost by its target. With the same exponent on both sides of it, as
    in MnasNet, that is a constant factor, which changes no rank; so there is no target.
    A score that is minimised, such as a loss, counts as its reciprocal, and so does a
    cost that is maximised, such as the samples per second.

    Args:
        figures: of a network, by objective.
        objectives: scores and costs.
        known: names of figures that are costs, besides those of the catalogue.
    """
    found = 0.0
    for figure, objective in zip(figures, objectives, strict=True):
        is_cost = objective.is_cost or objective.name in known
        sign = 1 if objective.direction == "max" else -1
        weight = _EXPONENT if is_cost else 1.0
        found += sign * weight * float(np.log(max(figure, _LEAST)))
    return found


def _in_order(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Returns the trials that teach something, in the order in which they ended."""
    ended = [
        (trial.datetime_complete, trial.number, trial)
        for trial in trials
        if trial.datetime_complete is not None
        and (
            trial.state == TrialState.COMPLETE
            or trial.user_attrs.get("status") == "infeasible"
        )
        and values_of(trial) is not None
    ]
    return [trial for *_, trial in sorted(ended, key=lambda one: one[:2])]


def _updates(trial: FrozenTrial, before: int) -> int:
    """Returns after how many updates a trial was drawn; if it was not, `before`."""
    return min(trial.user_attrs.get("proposed", {}).get("updates", before), before)


def _normal_scores(rewards: np.ndarray) -> np.ndarray:
    """Returns what a normal distribution expects at the ranks of rewards, (n,)."""
    return np.asarray(ndtri((rankdata(rewards) - 0.5) / len(rewards)))
