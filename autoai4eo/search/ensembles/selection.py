"""Ensemble selection: which trained networks to average, within a budget.

Caruana, Niculescu-Mizil, Crew and Ksikes 2004, Ensemble Selection from Libraries of
Models (ICML): greedy forward selection with replacement, from the best single network.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

#: The score of outputs (N, …); larger is better.
Score = Callable[[np.ndarray], float]


class Selection(NamedTuple):
    """Members of an ensemble.

    Attributes:
        counts: how often each network was selected, by its row; its weight is its count
            divided by their sum.
        score: of the weighted mean of their outputs.
        path: the score after each selection.
    """

    counts: dict[int, int]
    score: float
    path: list[float]


def select(
    outputs: Sequence[np.ndarray],
    score: Score,
    costs: Mapping[str, Sequence[float]],
    limits: Mapping[str, float],
    size: int,
    initial: int = 1,
) -> Selection:
    """Selects networks whose mean output has a high score, one after another.

    Each step adds the network, selected before or not, with which the mean of all
    selected outputs has the highest score (then the cheapest one, then the first). A
    network that is selected twice costs as much as once. The result is the best of all
    steps, the shortest of equal ones; a step may lower the score on the way there.

    Args:
        outputs: of each network for the same samples, float32 (N, …).
        score: of outputs; larger is better.
        costs: of each network, by name.
        limits: upper limits of the sum of the members' costs, by name; each must be
            among `costs`.
        size: the largest number of selections.
        initial: number of the best single networks that are selected first, as far as
            they are within the limits (*sorted initialisation*).

    Returns:
        The selection; without counts if no network is within the limits.
    """
    table = {name: np.asarray(costs[name], float) for name in limits}
    spent = dict.fromkeys(limits, 0.0)
    chosen: list[int] = []
    total = np.zeros_like(outputs[0], dtype=np.float64) if len(outputs) else None
    path: list[float] = []

    def fits(row: int) -> bool:
        return row in chosen or all(
            spent[name] + table[name][row] <= limit for name, limit in limits.items()
        )

    def added(row: int) -> float:
        assert total is not None
        return score(((total + outputs[row]) / (len(chosen) + 1)).astype(np.float32))

    def more(row: int) -> tuple[float, ...]:
        return tuple(0.0 if row in chosen else table[name][row] for name in limits)

    alone = {row: added(row) for row in range(len(outputs)) if fits(row)}
    ranked = sorted(alone, key=lambda row: (-alone[row], more(row), row))
    first = ranked[:initial]
    for step in range(size if ranked else 0):
        if step < len(first) and fits(first[step]):
            row, reached = first[step], added(first[step])
        else:
            reachable = {row: added(row) for row in ranked if fits(row)}
            row = min(reachable, key=lambda r: (-reachable[r], more(r), r))
            reached = reachable[row]
        if row not in chosen:
            for name in limits:
                spent[name] += table[name][row]
        chosen.append(row)
        total += outputs[row]
        path.append(reached)
    if not path:
        return Selection({}, float("nan"), [])
    best = int(np.argmax(path))
    counts = Counter(chosen[: best + 1])
    return Selection(dict(sorted(counts.items())), path[best], path)


def mean_of(outputs: Sequence[np.ndarray], counts: Mapping[int, int]) -> np.ndarray:
    """Returns the mean of outputs, float32 (N, …), by how often each counts."""
    total = np.zeros_like(outputs[0], dtype=np.float64)
    for row, count in counts.items():
        total += count * outputs[row].astype(np.float64)
    return (total / sum(counts.values())).astype(np.float32)
