"""Checks proposals against the limits of a search: by estimates, then by building."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from autoai4eo.search.space.base import Candidates, Values

_BUILDS = 6  # per proposal
_STEPS, _VARIED = 5, 100  # steps towards the limits, and variations in each


class Limits:
    """Checks proposals against the limits before a trial begins.

    Attributes:
        screened: the networks built for the present proposal.

    Args:
        candidates: the networks of the search.
        upper: limits of costs by name.
    """

    def __init__(self, candidates: Candidates, upper: Mapping[str, float]) -> None:
        self._candidates = candidates
        self._upper = upper
        self.screened: list[dict[str, Any]] = []
        # features of networks that were built and exceed a limit, however trained
        self._exceeding: set[tuple[float, ...]] = set()

    def begin(self) -> None:
        """Begins a proposal: no network was built for it yet."""
        self.screened = []

    def excess(self, several: Sequence[Values]) -> np.ndarray:
        """Returns the estimated relative excess over the limits, (n,); ≤ 0: fits."""
        costs = self._candidates.estimate(several)
        return excess(costs, self._candidates.costs, self._upper)

    def build_and_count(self, several: Sequence[Values]) -> bool:
        """Builds those not built before; returns whether there were any."""
        built = self._candidates.build_and_count(several)
        self.screened += built
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
        nearest, least = None, (True, np.inf)
        for values in drawn:
            over = self._over(values)
            if over <= 0:
                return values
            rank = (not self._not_exceeding([values]), over)
            if nearest is None or rank < least:
                nearest, least = values, rank
        for _ in range(_STEPS if nearest is not None else 0):
            assert nearest is not None
            varied = self._candidates.vary([nearest], _VARIED, rng)
            for i in np.flatnonzero(self.excess(varied) <= 0)[:_BUILDS]:
                if self._over(varied[i]) <= 0:
                    return varied[i]
            # a network that is known to exceed a limit teaches nothing
            pool = self._not_exceeding(varied) or varied
            nearest = pool[self.excess(pool).argmin()]
            if self._over(nearest, always=True) <= 0:
                return nearest
        return nearest

    def fits(self, values: Values) -> bool:
        """Returns whether a candidate is within the limits.

        Builds it if it fits by estimate, up to six candidates for a proposal.
        """
        return self._over(values) <= 0

    def record(self, values: Values) -> dict[str, Any]:
        """Returns what the trial of a proposal records, for use after a restart."""
        costs = self._candidates.estimate([values])[0].tolist()
        return {
            "screened": self.screened,
            "estimated": dict(zip(self._candidates.costs, costs, strict=True)),
        }

    def _over(self, values: Values, always: bool = False) -> float:
        """Returns the excess; builds what fits (or `always`), up to the most builds."""
        over = float(self.excess([values])[0])
        if (always or over <= 0) and len(self.screened) < _BUILDS:
            self.build_and_count([values])
            over = float(self.excess([values])[0])
            if over > 0:
                self._exceeding |= set(self._networks([values]))
        return over

    def _not_exceeding(self, several: list[Values]) -> list[Values]:
        """Returns the candidates whose networks are not known to exceed a limit."""
        if not self._exceeding:
            return several
        networks = self._networks(several)
        return [
            values
            for values, network in zip(several, networks, strict=True)
            if network not in self._exceeding
        ]

    def _networks(self, several: Sequence[Values]) -> list[tuple[float, ...]]:
        return [tuple(row) for row in self._candidates.features(several).tolist()]


def excess(
    costs: np.ndarray, names: Sequence[str], limits: Mapping[str, float]
) -> np.ndarray:
    """Returns the relative excess (n,) of costs (n, names) over limits; ≤ 0: fits."""
    upper = np.array([limits.get(name, np.inf) for name in names])
    return np.asarray((costs / upper - 1).max(axis=1, initial=-1.0))
