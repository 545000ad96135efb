"""Expected hypervolume improvement by candidates whose costs are known.

All objectives are minimised. The costs of a candidate are exact; the other objectives
are forecast, see `autoai4eo.search.strategies.surrogate`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from scipy.stats import qmc

from autoai4eo.runs.pareto import hypervolume, on_front
from autoai4eo.search.strategies.surrogate import Forecast

_MOST_CELLS = 5_000  # beyond this, sampling is cheaper than the closed form
_SHORTLIST, _DRAWS = 100, 32


def expected_hypervolume_improvement(
    front: np.ndarray,
    reference: np.ndarray,
    known: np.ndarray,
    forecasts: Sequence[Forecast],
) -> np.ndarray:
    """Returns the hypervolume that each candidate is expected to add.

    With one unknown objective the result is exact: the costs on the front divide the
    space of known costs into boxes; the best value so far is constant in each box; and
    over the part of a box that a candidate dominates, it adds the expected improvement
    (Jones et al. 1998) on this value. With several unknown objectives, or too many
    boxes, the most promising candidates are estimated by quasi-random draws, and the
    others get 0.

    Args:
        front: objectives of trained networks, (n, known + unknown), unknown ones last.
        reference: the reference point, (known + unknown,).
        known: costs of the candidates, (m, known).
        forecasts: one per unknown objective.

    Returns:
        float (m,), in the product of the objectives' units.
    """
    front = front[on_front(front)]
    cells = (len(front) + 1) ** known.shape[1]
    if len(forecasts) == 1 and cells <= _MOST_CELLS:
        return _exact(front, reference, known, forecasts[0])
    return _sampled(front, reference, known, forecasts)


def indistinct(known: np.ndarray, front: np.ndarray, spreads: np.ndarray) -> np.ndarray:
    """Returns costs of candidates, without differences that cannot be measured.

    A cost that lies within the spread of one on the front becomes equal to it, to the
    nearest if there are several.

    Args:
        known: costs of the candidates, (m, known).
        front: costs of networks on the front, (n, known).
        spreads: how far another measurement may lie from these, (n, known); 0: exact.
    """
    found = known.copy()
    for column in np.flatnonzero((spreads > 0).any(axis=0)):
        distance = np.abs(known[:, column, None] - front[None, :, column])
        distance[distance > spreads[:, column]] = np.inf
        near = np.isfinite(distance).any(axis=1)
        found[near, column] = front[distance[near].argmin(axis=1), column]
    return found


def _exact(
    front: np.ndarray, reference: np.ndarray, known: np.ndarray, forecast: Forecast
) -> np.ndarray:
    costs = known.shape[1]
    improvement = np.zeros(len(known))
    edges = []
    for axis in range(costs):
        inner = np.unique(front[:, axis])
        inner = inner[inner < reference[axis]]
        edges.append(np.concatenate([[-np.inf], inner, [reference[axis]]]))
    for cell in itertools.product(*(range(len(e) - 1) for e in edges)):
        lower = np.array([e[i] for e, i in zip(edges, cell, strict=True)])
        upper = np.array([e[i + 1] for e, i in zip(edges, cell, strict=True)])
        share = np.prod(np.clip(upper - np.maximum(lower, known), 0, None), axis=1)
        reached = (front[:, :costs] <= lower).all(axis=1)
        best = min(front[reached, -1].min(initial=np.inf), reference[-1])
        (inside,) = share.nonzero()
        improvement[inside] += share[inside] * forecast.improvement(best, inside)
    return improvement


def _sampled(
    front: np.ndarray,
    reference: np.ndarray,
    known: np.ndarray,
    forecasts: Sequence[Forecast],
) -> np.ndarray:
    before = hypervolume(front, reference)

    def added(row: int, normal: np.ndarray) -> float:
        values = [f.value(row, z) for f, z in zip(forecasts, normal, strict=True)]
        point = np.array([[*known[row], *values]])
        return hypervolume(np.vstack([front, point]), reference) - before

    # preselects candidates by an optimistic value: one standard deviation better
    hope = -np.ones(len(forecasts))
    promise = np.array([added(row, hope) for row in range(len(known))])
    improvement = np.zeros(len(known))
    draws = np.zeros((1, 0))
    if forecasts:
        draws = qmc.MultivariateNormalQMC(np.zeros(len(forecasts)), rng=0).random(
            _DRAWS
        )
    for row in np.argsort(-promise, kind="stable")[:_SHORTLIST]:
        improvement[row] = np.mean([added(row, normal) for normal in draws])
    return improvement
