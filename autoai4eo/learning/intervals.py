"""Confidence intervals of scores by the bootstrap."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

RESAMPLES = 1000
LEVEL = 0.95
#: Number of random groups for samples without groups: the intervals stay the same
#: except for chance, and only the sums of the groups are kept.
BLOCKS = 1000
#: Of fewer groups an interval is too narrow, as the groups that were not
#: seen vary more than the few that were. Cameron, Gelbach and Miller (2008) call five
#: to thirty clusters few; in Webb (2014, Queen's Economics Department 1315) bootstraps
#: of clusters perform poorly with fewer than eleven. Of groups whose means are normal,
#: the 95 % intervals of this module hold the mean in 52 % of cases with 2 groups, 83 %
#: with 5, 90 % with 10 and 93 % with 30 (benchmarks/few_groups.py).
FEW = 11
_AT_A_TIME = 100
_SEED = 0

Figures = Callable[[np.ndarray], dict[str, np.ndarray]]


class GroupSums:
    """Sums over the samples of each group, to compute scores and intervals from.

    Samples of one group (patches of one scene or city) are similar; drawing them one by
    one would make the intervals too narrow, so whole groups are drawn (the cluster
    bootstrap; Efron and Tibshirani 1993, Davison and Hinkley 1997).
    """

    def __init__(self) -> None:
        self._sums: dict[int, np.ndarray] = {}
        self._rng = np.random.default_rng(_SEED)

    def add(self, rows: np.ndarray, group: np.ndarray | None) -> None:
        """Adds rows (n, k) of samples to the sums of their groups, int (n,)."""
        if group is None:
            group = self.random(len(rows))
        present, place = np.unique(group, return_inverse=True)
        sums = np.zeros((len(present), rows.shape[1]))
        np.add.at(sums, place, rows)
        for one, more in zip(present.tolist(), sums, strict=True):
            self.add_sum(more, one)

    def random(self, samples: int) -> np.ndarray:
        """Returns a random group for each of so many further samples, int (n,)."""
        return self._rng.integers(BLOCKS, size=samples)

    def add_sum(self, sums: np.ndarray, group: int) -> None:
        """Adds sums (k,) over several samples of one group."""
        self._sums[group] = self._sums.get(group, 0) + sums

    @property
    def table(self) -> np.ndarray:
        """The sums of each group, (groups, k), sorted by group number."""
        return np.stack([self._sums[group] for group in sorted(self._sums)])


def of_groups(table: np.ndarray, figures: Figures) -> dict[str, list[float]]:
    """Returns percentile intervals (95 %) of scores from 1,000 resamples of groups.

    Args: see `resampled`.
    """
    return {name: interval(v) for name, v in resampled(table, figures).items()}


def resampled(table: np.ndarray, figures: Figures) -> dict[str, np.ndarray]:
    """Returns scores of 1,000 resamples of groups, (1000,) by name.

    Tables of the same groups are resampled alike, so that differences of their scores
    are paired.

    Args:
        table: sums of each group, (groups, k).
        figures: scores by name, (n,) each, from sums (n, k).
    """
    return figures(np.concatenate([counts @ table for counts in draws(len(table))]))


def draws(groups: int) -> Iterator[np.ndarray]:
    """Yields how often each group is in each of 1,000 resamples, int (100, groups)."""
    rng = np.random.default_rng(_SEED)
    for _ in range(RESAMPLES // _AT_A_TIME):
        yield rng.multinomial(groups, np.full(groups, 1 / groups), _AT_A_TIME)


def of_counts(counts: np.ndarray, figures: Figures) -> dict[str, list[float]]:
    """Returns the same intervals for ungrouped samples, from counts of samples.

    Args:
        counts: number of samples of each of k outcomes, (k,).
        figures: scores by name, (n,) each, from counts (n, k).
    """
    rng = np.random.default_rng(_SEED)
    total = int(counts.sum())
    drawn = rng.multinomial(total, counts / total, RESAMPLES)
    return {name: interval(v) for name, v in figures(drawn.astype(float)).items()}


def interval(values: np.ndarray) -> list[float]:
    """Returns the percentile interval (95 %) of resamples, [lower, upper]."""
    tail = 100 * (1 - LEVEL) / 2
    return [float(end) for end in np.percentile(values, [tail, 100 - tail])]


def is_too_narrow(groups: int | None) -> bool:
    """Returns whether intervals over so many groups are too narrow, see `FEW`."""
    return groups is not None and groups < FEW


def blocks(samples: int) -> np.ndarray:
    """Returns a random group for each of so many samples without groups, int (n,)."""
    return np.random.default_rng(_SEED).integers(BLOCKS, size=samples)
