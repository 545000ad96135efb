"""``cost-aware``, the default: proposes the largest expected improvement."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from autoai4eo.learning.objectives import Objective
from autoai4eo.runs.front import spreads_of
from autoai4eo.runs.pareto import fronts, minimised, on_front
from autoai4eo.search.space.base import Values
from autoai4eo.search.strategies.acquisition import (
    expected_hypervolume_improvement,
    indistinct,
)
from autoai4eo.search.strategies.base import SearchContext
from autoai4eo.search.strategies.cost_sorted import promising
from autoai4eo.search.strategies.prior import PriorModels
from autoai4eo.search.strategies.proposing import ProposingSampler, values_of
from autoai4eo.search.strategies.surrogate import (
    Surrogate,
    representative,
    standardised,
)

_STARTS, _STARTS_OF_ONE = 8, 4  # trained before a model is fitted
_POOL, _VARIED = 3000, 1000
_MOST = 300  # most trainings that the models are fitted on


class CostAware(ProposingSampler):
    """Expected hypervolume improvement (Emmerich 2005) with costs that are known.

    With one objective this is the expected improvement on the best (Jones et al. 1998).

    The first candidate is the default network if there is one. With several objectives
    the first eight are networks of low cost and high capacity, see `cost_sorted`, with
    costs far apart. With one objective the first four are drawn at random.

    Where there are earlier searches (``prior=``), every other one of these is the one
    that they forecast best among 3,000 random candidates; with several objectives, one
    of the best given its cost, far from those tried.

    From then on a Gaussian process models each objective that is known only after
    training, over features of the networks, their costs and their training, and the
    forecasts of earlier searches, whose weight falls as trainings of this search come
    in, see `Surrogate`. The pool is
    3,000 random candidates and 1,000 mutations and crossovers of the front; where few
    of these are within the limits, also variations of the nearest, see
    `Limits.approached`. Of those within the limits and not tried yet the one is
    proposed that is expected to enlarge the hypervolume most, given the logarithms of
    its costs; if there is none, the nearest to the limits. If costs are estimates, the
    few best candidates are built and compared by their exact costs.
    After 300 trainings the models are fitted on 300 of them, see `representative`.

    Latencies that differ by no more than the spread of their measurement are equal: a
    network that was measured so much faster displaces no other from the front, and a
    candidate gains nothing by being so much faster than the front.

    The reference point is the worst value of each objective in pool and trials. Running
    trials count as if they had ended as forecast ("kriging believer", Ginsbourger et
    al. 2010).
    """

    def __init__(self, context: SearchContext) -> None:
        super().__init__(context)
        self._priors = PriorModels(context.priors, self._features)

    def _features(self, several: Sequence[Values]) -> tuple[np.ndarray, np.ndarray]:
        candidates = self.context.candidates
        return candidates.features(several), candidates.features_of_training(several)

    def choose(
        self, earlier: list[FrozenTrial], rng: np.random.Generator
    ) -> Values | None:
        """Returns the most promising candidate that was not tried."""
        candidates = self.context.candidates
        if not earlier and candidates.default is not None:
            return candidates.default
        trained = [t for t in earlier if t.state == TrialState.COMPLETE]
        running = [t for t in earlier if t.state == TrialState.RUNNING]
        networks = [v for t in (*trained, *running) if (v := values_of(t)) is not None]
        figures = minimised(
            np.array([t.values for t in trained]), self.context.objectives
        )
        spreads = spreads_of(trained, self.context.objectives)
        pool = candidates.draw(_POOL, rng)
        alone = len(self.context.objectives) == 1
        starting = len(trained) < (_STARTS_OF_ONE if alone else _STARTS)
        if not starting:
            best = np.flatnonzero(on_front(figures, spreads))
            pool = pool + candidates.vary([networks[i] for i in best], _VARIED, rng)
        pool = self.limits.approached(pool, rng)

        by_prior = starting and self._asks_prior(networks)
        rows = representative(figures, _MOST, rng)
        models: list[Surrogate | None] = [None] * len(self.context.objectives)

        def ranked(pool: list[Values], costs: np.ndarray) -> np.ndarray:
            if by_prior and len(order := self._by_prior(pool, costs, networks, rng)):
                return order
            if starting and alone:
                return rng.permutation(len(pool))
            if starting:
                return self._apart(pool, costs, networks, rng)
            return self._ranked(pool, costs, networks, figures, spreads, rows, models)

        return self.first_of(pool, earlier, ranked)

    def _apart(
        self,
        pool: list[Values],
        costs: np.ndarray,
        tried: list[Values],
        rng: np.random.Generator,
    ) -> np.ndarray:
        """Orders the first fronts by cost, farthest from tried networks first."""
        candidates, objectives = self.context.candidates, self.context.objectives
        points = promising(costs, candidates.costs, objectives)
        logs = np.log(np.vstack([costs, candidates.estimate(tried)]))
        return _farthest_first(points, logs, rng)

    def _asks_prior(self, networks: list[Values]) -> bool:
        """Whether the next of the first candidates is that of earlier searches."""
        of_default = self.context.candidates.default is not None
        turn = len(networks) % 2 == of_default
        return turn and bool(self.context.priors) and bool(self._unknown())

    def _unknown(self) -> list[Objective]:
        """The objectives that are known only after training."""
        costs = self.context.candidates.costs
        return [o for o in self.context.objectives if o.name not in costs]

    def _by_prior(
        self,
        pool: list[Values],
        costs: np.ndarray,
        tried: list[Values],
        rng: np.random.Generator,
    ) -> np.ndarray:
        """Orders the pool by the mean forecast of earlier searches and known costs.

        Returns no order if they tell nothing.
        """
        candidates, objectives = self.context.candidates, self.context.objectives
        forecasts = [
            self._priors.forecast(o.name, [*pool, *tried]).mean(axis=1)
            for o in self._unknown()
        ]
        if not np.any(forecasts):
            return np.zeros(0, int)
        known = [
            candidates.costs.index(o.name)
            for o in objectives
            if o.name in candidates.costs
        ]
        logs = np.log(np.vstack([costs, candidates.estimate(tried)]))[:, known]
        points = np.hstack([logs, np.array(forecasts).T])
        if points.shape[1] == 1:
            return np.argsort(points[: len(pool), 0], kind="stable")
        return _farthest_first(points[: len(pool)], points, rng)

    def _ranked(
        self,
        pool: list[Values],
        costs: np.ndarray,
        networks: list[Values],
        figures: np.ndarray,
        spreads: np.ndarray,
        rows: np.ndarray,
        models: list[Surrogate | None],
    ) -> np.ndarray:
        """Orders the pool by expected hypervolume improvement, largest first.

        Args:
            pool: candidates.
            costs: of the pool.
            networks: trained ones, then running ones.
            figures: objectives of trained networks, to be minimised.
            spreads: of their measurements, like `figures`.
            rows: of trained networks to fit the models on.
            models: by objective; filled at the first call for a proposal.
        """
        candidates, objectives = self.context.candidates, self.context.objectives
        logs = np.log(np.vstack([candidates.estimate(networks), costs]))
        several = [*networks, *pool]
        of_training = standardised(candidates.features_of_training(several))
        of_network = standardised(np.hstack([candidates.features(several), logs]))
        features = np.hstack([of_network, of_training])
        priors = [self._priors.forecast(o.name, several) for o in self._unknown()]
        described = [np.hstack([features, prior]) for prior in priors]
        trained, tried = len(figures), len(networks)
        known = [i for i, o in enumerate(objectives) if o.name in candidates.costs]
        unknown = [i for i in range(len(objectives)) if i not in known]
        of_cost = [candidates.costs.index(objectives[i].name) for i in known]

        # of logarithms; the cost of a running network is an estimate
        spread = np.zeros((tried, len(known)))
        spread[:trained] = spreads[:, known] / figures[:, known]
        figures = figures[:, unknown]

        def model(i: int, of: np.ndarray) -> Surrogate:
            fitted = Surrogate(
                described[i][of],
                figures[of, i],
                of_training.shape[1],
                models[i],
                priors[i].shape[1],
            )
            models[i] = models[i] or fitted
            return fitted

        if tried > trained:
            believed = [
                model(i, rows).forecast(described[i][trained:tried])
                for i in range(len(unknown))
            ]
            expected = [[f.value(i) for f in believed] for i in range(tried - trained)]
            figures = np.vstack([figures, expected])
            rows = np.concatenate([rows, np.arange(trained, tried)])
        forecasts = [
            model(i, rows).forecast(described[i][tried:]) for i in range(len(unknown))
        ]
        front = np.hstack([logs[:tried, of_cost], figures])
        worst = np.hstack([logs[:, of_cost].max(axis=0), figures.max(axis=0)])
        exact = np.zeros_like(figures)
        best = on_front(front, np.hstack([spread, exact]))
        costs_of_pool = indistinct(
            logs[tried:, of_cost], front[best, : len(known)], spread[best]
        )
        improvement = expected_hypervolume_improvement(
            front[best], worst, costs_of_pool, forecasts
        )
        return np.argsort(-improvement, kind="stable")


def _farthest_first(
    points: np.ndarray, places: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Orders the first fronts of candidates, farthest from tried networks first.

    Args:
        points: of candidates, to be minimised, (n, objectives).
        places: of candidates, then of tried networks, between which distances are.
        rng: random generator.
    """
    rank = fronts(points)
    few = np.flatnonzero(rank <= np.sort(rank)[min(2 * _STARTS, len(rank)) - 1])
    old = places[len(points) :]
    if not len(old):
        return rng.permutation(few)
    scale = np.ptp(np.vstack([places[few], old]), axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    apart = (places[few][:, None] - old[None]) / scale
    distance = np.linalg.norm(apart, axis=2).min(axis=1)
    return few[np.argsort(-distance, kind="stable")]
