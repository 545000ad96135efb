"""``policy``: a policy-gradient controller, as in the first neural architecture searches.

Zoph and Le 2017, *Neural architecture search with reinforcement learning*; the reward
is that of MnasNet (Tan et al. 2019).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
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
_DRAWN, _RANDOM = 100, 3000  # by the policy; at random if all of these were tried
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

    Candidates that were tried are drawn again; if a hundred in a row were, one is drawn
    at random.

    The network is learned anew from the trials for each proposal, in the order in which
    they ended. A proposal records as ``updates`` by which weights it was drawn, so that
    PPO knows its old probabilities also after a restart, and where several workers
    propose. A candidate that was not drawn counts as drawn just before the update.
    """

    def propose(
        self,
        study: Any,
        trial: FrozenTrial,
        others: list[FrozenTrial],
        rng: np.random.Generator,
    ) -> dict[str, Any] | None:
        """Proposes the first drawn candidate that is untried and within the limits."""
        candidates = self.context.candidates
        if not others and candidates.default is not None:
            return self._proposal(candidates.default)
        choices = Choices(candidates.space)
        policies = self._policies(choices, others)
        drawn = untried(choices.draw(policies[-1], _DRAWN, rng), others, candidates)
        pool = drawn
        if not drawn:
            pool = untried(candidates.draw(_RANDOM, rng), others, candidates)
            pool = [pool[i] for i in rng.permutation(len(pool))[:_DRAWN]]
        found = self.limits.first(iter(pool), rng)
        if found is None:
            return None
        by = {"updates": len(policies) - 1} if found in drawn else {}
        return self._proposal(found) | by

    def _proposal(self, values: Values) -> dict[str, Any]:
        # without limits no cost is estimated, and a table may not have this network
        record = self.limits.record(values) if self.context.limits else {}
        return {"values": dict(values), **record}

    def _policies(
        self, choices: Choices, others: Sequence[FrozenTrial]
    ) -> list[Weights]:
        """Returns the weights before the first update, and after each update."""
        learner = Learner(choices.untrained(self.context.seed))
        policies = [learner.weights]
        ended = _in_order(others)
        codes = choices.codes([values_of(trial) or {} for trial in ended])
        rewards = np.array([self._reward(trial) for trial in ended])
        for begin in range(0, len(ended) - _BATCH + 1, _BATCH):
            batch = range(begin, begin + _BATCH)
            old = [
                log_probabilities(policies[_drawn_by(ended[i], policies)], codes[[i]])
                for i in batch
            ]
            learner.update(codes[batch], _normal_scores(rewards[batch]), np.vstack(old))
            policies.append(learner.weights)
        return policies

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


def _drawn_by(trial: FrozenTrial, policies: Sequence[Weights]) -> int:
    """Returns by which weights a trial was drawn; if by none, the latest."""
    latest = len(policies) - 1
    return min(trial.user_attrs.get("proposed", {}).get("updates", latest), latest)


def _normal_scores(rewards: np.ndarray) -> np.ndarray:
    """Returns what a normal distribution expects at the ranks of rewards, (n,)."""
    return np.asarray(ndtri((rankdata(rewards) - 0.5) / len(rewards)))
