"""Pareto fronts and hypervolume of figures that are minimised."""

from __future__ import annotations

from collections.abc import Sequence

import moocore
import numpy as np

from autoai4eo.learning.objectives import Objective


def minimised(values: np.ndarray, objectives: Sequence[Objective]) -> np.ndarray:
    """Returns figures (n, objectives), with those that are maximised negated."""
    signs = np.array([-1.0 if o.direction == "max" else 1.0 for o in objectives])
    return np.asarray(values, float).reshape(-1, len(signs)) * signs


def on_front(points: np.ndarray, spreads: np.ndarray | None = None) -> np.ndarray:
    """Returns which points are Pareto-optimal, bool (n,).

    No other point is at least as good in every objective and better in one. Equal
    points are all Pareto-optimal.

    Args:
        points: figures to be minimised, (n, objectives).
        spreads: of repeated measurements of each figure, (n, objectives); None: 0.
            Figures that differ by no more than the larger of their spreads are equal.
            Only one column may be above 0: with more, points could dominate each other
            in a circle.
    """
    if len(points) == 0:
        return np.zeros(0, bool)
    if spreads is not None and (spreads > 0).any():
        found = np.zeros(len(points), bool)
        for i, (point, spread) in enumerate(zip(points, spreads, strict=True)):
            worse = points - point  # how much worse each other point is
            equal = np.maximum(spreads, spread)
            dominates = (worse <= equal).all(axis=1) & (worse < -equal).any(axis=1)
            found[i] = not dominates.any()
        return found
    return np.asarray(moocore.is_nondominated(points, keep_weakly=True), bool)


def fronts(points: np.ndarray) -> np.ndarray:
    """Returns the number of the front of each point (n, objectives), from 0.

    Non-dominated sorting (Goldberg 1989; Deb et al. 2002): front 1 is the front of the
    points that are not on front 0, and so on.
    """
    if len(points) == 0:
        return np.zeros(0, int)
    return np.asarray(moocore.pareto_rank(points), int)


def hypervolume(points: np.ndarray, reference: np.ndarray) -> float:
    """Returns the volume that points (n, objectives) dominate up to the reference."""
    inside = points[(points < reference).all(axis=1)]
    if len(inside) == 0:
        return 0.0
    if len(reference) == 1:
        return float(reference[0] - inside.min())
    return float(moocore.hypervolume(inside, ref=reference))


def knee(points: np.ndarray) -> int:
    """Returns the row farthest below the plane through the front's ends (Das 1999).

    Scales every objective to the range of the front first. The row is then that with
    the smallest sum.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    scaled = (points - low) / np.where(high > low, high - low, 1.0)
    return int(scaled.sum(axis=1).argmin())
