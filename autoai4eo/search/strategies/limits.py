"""What the limits of a search allow: told by estimate first, then by building it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from autoai4eo.search.space.base import Candidates, Values

_BUILDS = 6  # per proposal
_STEPS, _VARIED = 5, 100  # how often what is nearest to the limits is varied, and how


class Limits:
    """Holds proposals against the limits before a trial is spent on them.

    Attributes:
        screened: what was built for the proposal at hand.

    Args:
        candidates: the networks of the search.
        upper: limits of costs by name.
    """

    def __init__(self, candidates: Candidates, upper: Mapping[str, float]) -> None:
        self._candidates = candidates
        self._upper = upper
        self.screened: list[dict[str, Any]] = []

    def excess(self, several: Sequence[Values]) -> np.ndarray:
        """By which share each is over the limits as far as known; ≤ 0: not at all."""
        costs = self._candidates.estimate(several)
        return excess(costs, self._candidates.costs, self._upper)

    def build_and_count(self, several: Sequence[Values]) -> bool:
        """Builds those that were not; whether there were any."""
        built = self._candidates.build_and_count(several)
        self.screened += built
        return bool(built)

    def first(self, drawn: Iterable[Values], rng: np.random.Generator) -> Values | None:
        """The first of those drawn that the limits allow; of all, where there are none.

        Where nothing drawn fits, that which is nearest to the limits is varied until
        it does: what a strategy wants again and again, as far as it can be had. What
        fits by estimate is built, up to six networks; where even that finds nothing,
        the nearest tells most about the limits.

        Args:
            drawn: as many as may be drawn; no more of them are taken than needed.
            rng: seeded for this trial.
        """
        if not self._upper:
            return next(iter(drawn), None)
        nearest, least = None, np.inf
        for values in drawn:
            over = self._over(values)
            if over <= 0:
                return values
            if nearest is None or over < least:
                nearest, least = values, over
        for _ in range(_STEPS if nearest is not None else 0):
            assert nearest is not None
            varied = self._candidates.vary([nearest], _VARIED, rng)
            for i in np.flatnonzero(self.excess(varied) <= 0)[:_BUILDS]:
                if self._over(varied[i]) <= 0:
                    return varied[i]
            nearest = varied[self.excess(varied).argmin()]
            if self._over(nearest, always=True) <= 0:
                return nearest
        return nearest

    def record(self, values: Values) -> dict[str, Any]:
        """What is kept with the trial of the proposal, so that a restart knows it."""
        costs = self._candidates.estimate([values])[0].tolist()
        return {
            "screened": self.screened,
            "estimated": dict(zip(self._candidates.costs, costs, strict=True)),
        }

    def _over(self, values: Values, always: bool = False) -> float:
        """The excess, of what fits (or `always`) by building it if that may be."""
        over = float(self.excess([values])[0])
        if (always or over <= 0) and len(self.screened) < _BUILDS:
            self.build_and_count([values])
            over = float(self.excess([values])[0])
        return over


def excess(
    costs: np.ndarray, names: Sequence[str], limits: Mapping[str, float]
) -> np.ndarray:
    """By which share costs (n, names) are over their limits, (n,); ≤ 0: not at all."""
    upper = np.array([limits.get(name, np.inf) for name in names])
    return np.asarray((costs / upper - 1).max(axis=1, initial=-1.0))
