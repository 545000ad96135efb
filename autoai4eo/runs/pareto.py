"""Pareto fronts and hypervolume; every array here is of figures to be minimised."""

from __future__ import annotations

from collections.abc import Sequence

import moocore
import numpy as np

from autoai4eo.learning.objectives import Objective


def minimised(values: np.ndarray, objectives: Sequence[Objective]) -> np.ndarray:
    """Figures (n, objectives), the sign turned of those that are better when larger."""
    signs = np.array([-1.0 if o.direction == "max" else 1.0 for o in objectives])
    return np.asarray(values, float).reshape(-1, len(signs)) * signs


def on_front(points: np.ndarray, spreads: np.ndarray | None = None) -> np.ndarray:
    """Which points (n, objectives) are Pareto-optimal, bool (n,).

    No other point is at least as good in every objective and better in one. Of points
    that are equal all are.

    Args:
        points: figures to be minimised.
        spreads: how far another measurement of each figure may lie from it, of the
            shape of `points`; None: nowhere. Figures that differ by no more than the
            larger of their spreads are equal. One column may be above 0: with more,
            points could dominate each other in a circle.
    """
    if len(points) == 0:
        return np.zeros(0, bool)
    if spreads is not None and (spreads > 0).any():
        apart = points[:, None] - points[None]  # [a, b]: how much worse a is than b
        equal = np.maximum(spreads[:, None], spreads[None])
        dominates = (apart <= equal).all(axis=2) & (apart < -equal).any(axis=2)
        return np.asarray(~dominates.any(axis=0))
    return np.asarray(moocore.is_nondominated(points, keep_weakly=True), bool)


def fronts(points: np.ndarray) -> np.ndarray:
    """The number of the front that each point (n, objectives) is on, from 0.

    Non-dominated sorting (Goldberg 1989; Deb et al. 2002): front 1 is the front of what
    is left without front 0, and so on.
    """
    if len(points) == 0:
        return np.zeros(0, int)
    return np.asarray(moocore.pareto_rank(points), int)


def hypervolume(points: np.ndarray, reference: np.ndarray) -> float:
    """Volume that the points (n, objectives) dominate up to the reference point."""
    inside = points[(points < reference).all(axis=1)]
    if len(inside) == 0:
        return 0.0
    if len(reference) == 1:
        return float(reference[0] - inside.min())
    return float(moocore.hypervolume(inside, ref=reference))


def knee(points: np.ndarray) -> int:
    """The row farthest below the plane through the front's ends (Das 1999).

    Every objective is scaled to the range of the front first. Of a front without a
    bulge it is the point whose scaled figures have the smallest sum.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    scaled = (points - low) / np.where(high > low, high - low, 1.0)
    return int(scaled.sum(axis=1).argmin())
