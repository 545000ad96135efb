"""Checks proposals against the limits of a search: by estimates, then by building."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from optuna.trial import FrozenTrial

from autoai4eo.runs.trials import networks_built
from autoai4eo.search.space.base import Candidates, Values

_BUILDS = 6  # most networks built by `Limits.first` and `Limits.fits` for a proposal
_STEPS = 5  # most steps towards the limits
_VARIED = 100  # candidates of a step, varied from the nearest to the limits
_NEAREST = 20  # how many of a pool are varied in a step
_ENOUGH = 50  # candidates of a pool within the limits by estimate, by which steps end

#: Of a network, however it is trained.
_Features = tuple[float, ...]


class Limits:
    """Checks proposals against the limits before a trial begins.

    Attributes:
        built: records of the networks built for the present proposal.

    Args:
        candidates: the networks of the search.
        upper: limits of costs by name.
    """

    def __init__(self, candidates: Candidates, upper: Mapping[str, float]) -> None:
        self._candidates = candidates
        self._upper = upper
        self.built: list[dict[str, Any]] = []
        self._earlier: Sequence[FrozenTrial] = ()

    def begin(self, earlier: Sequence[FrozenTrial]) -> None:
        """Begins a proposal: no network was built for it yet.

        Args:
            earlier: all earlier trials, which record the networks built before.
        """
        self.built = []
        self._earlier = earlier

    def excess(self, several: Sequence[Values]) -> np.ndarray:
        """Returns the estimated relative excess over the limits, (n,); ≤ 0: fits."""
        costs = self._candidates.estimate(several)
        return excess(costs, self._candidates.costs, self._upper)

    def build_and_count(self, several: Sequence[Values]) -> bool:
        """Builds those not built before; returns whether there were any."""
        built = self._candidates.build_and_count(several)
        self.built += built
        return bool(built)

    def first(self, drawn: Iterable[Values], rng: np.random.Generator) -> Values | None:
        """Returns the first drawn candidate that is within the limits.

        If none fits, varies the nearest to the limits until it fits. Builds candidates
        that fit by estimate, up to six. If still none fits, returns the nearest, whose
        trial improves the estimates.

        Args:
            drawn: candidates; taken only as needed.
            rng: seeded for this trial.
        """
        if not self._upper:
            return next(iter(drawn), None)
        pool = []
        for values in drawn:
            if self._over(values) <= 0:
                return values
            pool.append(values)
        if not pool:
            return None
        earlier = self._exceeding(_built(self._earlier))
        nearest = self._nearest(pool, earlier)
        for _ in range(_STEPS):
            varied = self._step([nearest], rng)
            for i in np.flatnonzero(self.excess(varied) <= 0)[:_BUILDS]:
                if self._over(varied[i]) <= 0:
                    return varied[i]
            nearest = self._nearest(varied, earlier)
            if self._over(nearest, always=True) <= 0:
                return nearest
        return nearest

    def approached(self, pool: list[Values], rng: np.random.Generator) -> list[Values]:
        """Returns a pool with variations of those of it that are nearest to the limits.

        Adds them until enough fit by estimate, and builds nothing. Where few networks
        are within the limits, a random pool holds hardly any.

        Args:
            pool: candidates.
            rng: seeded for this trial.
        """
        if not self._upper:
            return pool
        over = self.excess(pool)
        for _ in range(_STEPS):
            if np.count_nonzero(over <= 0) >= _ENOUGH:
                break
            nearest = np.argsort(over, kind="stable")[:_NEAREST]
            varied = self._step([pool[i] for i in nearest], rng)
            pool = pool + varied
            over = np.concatenate([over, self.excess(varied)])
        return pool

    def fits(self, values: Values) -> bool:
        """Returns whether a candidate is within the limits.

        Builds it if it fits by estimate, up to six candidates for a proposal.
        """
        return self._over(values) <= 0

    def record(self, values: Values) -> dict[str, Any]:
        """Returns what the trial of a proposal records, for use after a restart."""
        costs = self._candidates.estimate([values])[0].tolist()
        return {
            "built": self.built,
            "estimated": dict(zip(self._candidates.costs, costs, strict=True)),
        }

    def _step(self, nearest: list[Values], rng: np.random.Generator) -> list[Values]:
        """Returns variations of the nearest to the limits, some of which are nearer."""
        return self._candidates.vary(nearest, _VARIED, rng)

    def _over(self, values: Values, always: bool = False) -> float:
        """Returns the excess; builds what fits (or `always`), up to the most builds."""
        over = float(self.excess([values])[0])
        if (always or over <= 0) and len(self.built) < _BUILDS:
            self.build_and_count([values])
            over = float(self.excess([values])[0])
        return over

    def _nearest(self, pool: list[Values], exceeding: set[_Features]) -> Values:
        """Returns the nearest to the limits; of those not known to exceed any, if any.

        A network that is known to exceed a limit teaches nothing.

        Args:
            pool: candidates.
            exceeding: features of networks built for earlier trials.
        """
        exceeding = exceeding | self._exceeding([b["values"] for b in self.built])
        features = self._features(pool)
        left = [v for v, f in zip(pool, features, strict=True) if f not in exceeding]
        left = left or pool
        return left[self.excess(left).argmin()]

    def _exceeding(self, built: Sequence[Values]) -> set[_Features]:
        """Returns the features of those networks that exceed a limit."""
        if not built:
            return set()
        over = self.excess(built) > 0
        return {
            f for f, is_over in zip(self._features(built), over, strict=True) if is_over
        }

    def _features(self, several: Sequence[Values]) -> list[_Features]:
        return [tuple(row) for row in self._candidates.features(several).tolist()]


def _built(trials: Sequence[FrozenTrial]) -> list[Values]:
    """Returns the hyperparameters of all networks that were built for trials."""
    found = []
    for trial in trials:
        kept = trial.user_attrs
        found += [b["values"] for b in networks_built(trial)]
        if "fingerprint" in kept:
            found.append(kept["hyperparameters"])
    return found


def excess(
    costs: np.ndarray, names: Sequence[str], limits: Mapping[str, float]
) -> np.ndarray:
    """Returns the relative excess (n,) of costs (n, names) over limits; ≤ 0: fits."""
    upper = np.array([limits.get(name, np.inf) for name in names])
    return np.asarray((costs / upper - 1).max(axis=1, initial=-1.0))
