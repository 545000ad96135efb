"""Calibration: compares a network's confidence with its accuracy."""

from __future__ import annotations

from typing import Any

import numpy as np

BINS = 15
#: Bounds of the temperature: without errors the best one would be 0.
LOWEST, HIGHEST = 0.05, 20.0


class Reliability:
    """Confidence and accuracy, by bins of the confidence.

    Keeps three sums per bin; the confidence of a sample is its largest probability.
    """

    def __init__(self) -> None:
        self._edges = np.linspace(0, 1, BINS + 1)
        self._samples = np.zeros(BINS, dtype=int)
        self._confidence = np.zeros(BINS)
        self._right = np.zeros(BINS)

    def add(self, y_true: np.ndarray, probabilities: np.ndarray) -> None:
        """Adds samples: true class indices (n,) and probabilities (n, classes)."""
        confidence = probabilities.max(axis=-1).astype(np.float64)
        right = probabilities.argmax(axis=-1) == y_true
        bins = np.searchsorted(self._edges[1:-1], confidence)
        self._samples += np.bincount(bins, minlength=BINS)
        self._confidence += np.bincount(bins, confidence, BINS)
        self._right += np.bincount(bins, right, BINS)

    def table(self) -> list[dict[str, Any]]:
        """Returns the table, see `reliability`."""
        return [
            {
                "from": float(self._edges[i]),
                "to": float(self._edges[i + 1]),
                "samples": int(samples),
                "mean_confidence": float(self._confidence[i] / samples)
                if samples
                else None,
                "accuracy": float(self._right[i] / samples) if samples else None,
            }
            for i, samples in enumerate(self._samples)
        ]


def reliability(y_true: np.ndarray, probabilities: np.ndarray) -> list[dict[str, Any]]:
    """Returns confidence and accuracy, by bins of the confidence, for JSON.

    Args:
        y_true: true class indices, shape (N,).
        probabilities: of each class, shape (N, classes); the confidence is the largest.

    Returns:
        For each of 15 equal bins, open below and closed above: ``from``, ``to``,
        ``samples``, ``mean_confidence`` and ``accuracy``, the last two None for empty
        bins.
    """
    found = Reliability()
    found.add(y_true, probabilities)
    return found.table()


def expected_calibration_error(table: list[dict[str, Any]]) -> float:
    """Returns the mean of |accuracy - confidence| over the samples, from 0 to 1.

    Guo et al. 2017, arXiv:1706.04599. It is zero if, for example, 80 % of the patches
    with a confidence of 80 % are right; it does not measure how many are right.

    Args:
        table: of `reliability`.
    """
    total = sum(row["samples"] for row in table)
    return float(
        sum(
            row["samples"] * abs(row["accuracy"] - row["mean_confidence"])
            for row in table
            if row["samples"]
        )
        / max(total, 1)
    )


def scaled(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Returns class probabilities (N, classes) at another temperature, float64."""
    from scipy.special import softmax

    return np.asarray(softmax(_logits(probabilities) / temperature, axis=-1))


def fit_temperature(y_true: np.ndarray, probabilities: np.ndarray) -> float:
    """Returns the temperature at which the truth is most likely, from 0.05 to 20.

    Args:
        y_true: true class indices, shape (N,), of samples that the network was not
            trained on.
        probabilities: of each class, the output of a softmax, shape (N, classes).
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    logits = _logits(probabilities)
    true = logits[np.arange(len(y_true)), y_true]

    def loss(log_temperature: float) -> float:
        t = np.exp(log_temperature)
        return float((logsumexp(logits / t, axis=-1) - true / t).mean())

    bounds = (np.log(LOWEST), np.log(HIGHEST))
    found = minimize_scalar(loss, bounds=bounds, method="bounded")
    return float(np.exp(found.x))


def _logits(probabilities: np.ndarray) -> np.ndarray:
    """Returns logits up to a constant in each row, which a softmax ignores."""
    tiny = np.finfo(np.float32).tiny
    return np.log(np.maximum(np.asarray(probabilities, np.float64), tiny))
