"""A Gaussian process through the costs of networks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern, WhiteKernel

_MOST = 300  # samples of a Gaussian process, whose run time is cubic in them


def interpolation(
    built: np.ndarray, logs: np.ndarray, spreads: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a model of logarithms of costs: of features (m, d), gives (m,).

    Args:
        built: features of networks, (n, d).
        logs: of their costs, (n,).
        spreads: how far other measurements may lie from these, (n,); 0: exact.
    """
    rows = _fitted(logs)
    built, logs, spreads = built[rows], logs[rows], spreads[rows]
    # Fixed length scale: fitting it would take longer than building a network.
    kernel = Matern(np.sqrt(max(built.shape[1], 1)), nu=2.5) + WhiteKernel(1e-3)
    mean, scale = logs.mean(), logs.std() or 1.0
    noise = 1e-10 + (spreads / scale) ** 2
    process = GaussianProcessRegressor(kernel, alpha=noise, optimizer=None)
    process.fit(built, (logs - mean) / scale)
    return lambda features: np.asarray(mean + scale * process.predict(features))


def _fitted(logs: np.ndarray) -> np.ndarray:
    """Returns the rows to fit: the latest ones, and others over the range of costs."""
    if len(logs) <= _MOST:
        return np.arange(len(logs))
    old = np.argsort(logs[: -_MOST // 3], kind="stable")
    evenly = np.linspace(0, len(old) - 1, _MOST - _MOST // 3).round().astype(int)
    return np.concatenate([old[evenly], np.arange(len(logs) - _MOST // 3, len(logs))])
