"""Whether a network is right as often as it says."""

from __future__ import annotations

from typing import Any

import numpy as np

BINS = 15


def reliability(y_true: np.ndarray, probabilities: np.ndarray) -> list[dict[str, Any]]:
    """Confidence held against accuracy, by bins of the confidence, ready for JSON.

    Args:
        y_true: true class indices, shape (N,).
        probabilities: of each class, shape (N, classes); the confidence is the largest.

    Returns:
        For each of 15 equal bins, open below and closed above: ``from``, ``to``,
        ``samples``, ``mean_confidence`` and ``accuracy``, the last two None where no
        sample is.
    """
    confidence = probabilities.max(axis=-1).astype(np.float64)
    right = probabilities.argmax(axis=-1) == y_true
    edges = np.linspace(0, 1, BINS + 1)
    bins = np.searchsorted(edges[1:-1], confidence)
    rows = []
    for i in range(BINS):
        inside = bins == i
        some = bool(inside.any())
        rows.append(
            {
                "from": float(edges[i]),
                "to": float(edges[i + 1]),
                "samples": int(inside.sum()),
                "mean_confidence": float(confidence[inside].mean()) if some else None,
                "accuracy": float(right[inside].mean()) if some else None,
            }
        )
    return rows


def expected_calibration_error(table: list[dict[str, Any]]) -> float:
    """The mean of |accuracy - confidence| over the samples, from 0 to 1.

    Guo et al. 2017, arXiv:1706.04599. Zero says that of the patches of which the
    network is 80 % sure 80 % are right; it says nothing of how many are right.

    Args:
        table: as `reliability` gives it.
    """
    total = sum(row["samples"] for row in table)
    return float(
        sum(
            row["samples"] * abs(row["accuracy"] - row["mean_confidence"])
            for row in table
            if row["samples"]
        )
        / total
    )
