"""Predicts the latency of a network from what was measured on a device.

Additive by layer: each layer costs a time for being called, one for each multiply-add
and one for each number that it reads or writes; these times depend on its kind, are not
negative, and are fitted to single layers and whole networks (least squares of relative
errors). What whole networks take more or less than the sum, because a runtime fuses
layers, or keeps data in its caches, a Gaussian process learns from whole networks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from scipy.optimize import least_squares, nnls
from scipy.stats import spearmanr
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from autoai4eo.cost.layers import LayerConfiguration
from autoai4eo.devices.profile import Accuracy, Measurement
from autoai4eo.errors import UserError
from autoai4eo.runtimes.checking import NotConvertible

Layers = Mapping[LayerConfiguration, int]

#: Relative error above which a network counts less.
_USUAL = 0.05
_LEAST_MS = 1e-6
_TO_STD = 1.4826  # from the median absolute deviation of a normal distribution


class LatencyModel:
    """Predicts latencies.

    Args:
        single_layers: measured networks of one layer.
        networks: measured whole networks, two or more.
    """

    def __init__(
        self, single_layers: Sequence[Measurement], networks: Sequence[Measurement]
    ) -> None:
        known = [*single_layers, *networks]
        self._kinds = sorted({_kind(layer) for m in known for layer in m.layers})
        self._working = {_kind(k) for m in known for k in m.layers if k.macs}
        work = np.array([self._work(m.layers) for m in known])
        self._times = _fitted(work, np.array([m.ms for m in known]))
        whole = [m.layers for m in networks]
        off = np.log([m.ms for m in networks]) - np.log(self._sums(whole))
        self._shift = float(np.median(off))
        usual = max(_TO_STD * np.median(np.abs(off - self._shift)), 1e-3)
        off = np.clip(off - self._shift, -2 * usual, 2 * usual)
        # fixed: 40 networks are too few to fit these, too
        kernel = usual**2 * RBF(4.0) + WhiteKernel(usual**2 / 2)
        process = GaussianProcessRegressor(kernel, optimizer=None)
        self._correction = make_pipeline(StandardScaler(), process)
        self._correction.fit(self._features(whole), off)

    def predict(self, several: Sequence[Layers]) -> np.ndarray:
        """Returns milliseconds of a pass, (n,).

        Raises:
            NotConvertible: a network has a layer with multiply-adds of a kind that was
                not measured.
        """
        for layers in several:
            strange = {_kind(k) for k in layers if k.macs} - self._working
            if strange:
                raise NotConvertible(
                    "device profile: expected layers of kinds that were measured "
                    f"({_words(self._working)}), found {_words(strange)}; make a "
                    "profile of this search space"
                )
        off = self._correction.predict(self._features(several)) + self._shift
        return np.asarray(self._sums(several) * np.exp(off))

    def knows(self, layers: Layers) -> bool:
        """Whether all kinds of its layers with multiply-adds were measured."""
        return {_kind(k) for k in layers if k.macs} <= self._working

    def _work(self, layers: Layers) -> np.ndarray:
        """Calls, multiply-adds and numbers by kind, and 1 for the pass itself."""
        table = np.zeros((len(self._kinds), 3))
        for layer, count in layers.items():
            if _kind(layer) in self._kinds:
                row = np.array([1, layer.macs / 1e6, layer.elements / 1e4])
                table[self._kinds.index(_kind(layer))] += count * row
        return np.append(table.ravel(), 1.0)

    def _sums(self, several: Sequence[Layers]) -> np.ndarray:
        """Milliseconds of the layers together, (n,)."""
        work = np.array([self._work(layers) for layers in several])
        return np.maximum(work @ self._times, _LEAST_MS)

    def _features(self, several: Sequence[Layers]) -> np.ndarray:
        """What the correction depends on, (n, 5)."""
        found = []
        for layers in several:
            calls = sum(layers.values())
            macs = sum(layer.macs * n for layer, n in layers.items())
            numbers = sum(layer.elements * n for layer, n in layers.items())
            weights = sum(layer.weights * n for layer, n in layers.items())
            found.append([calls, 1 + macs, 1 + numbers, 1 + weights])
        logs = np.log(found)
        return np.column_stack([np.log(self._sums(several)), logs])


def accuracy(model: LatencyModel, held_out: Sequence[Measurement]) -> Accuracy:
    """Judges predictions on measured networks; figures have four digits.

    Raises:
        UserError: their ranks cannot be compared, since they are equal.
    """
    ms = np.array([m.ms for m in held_out])
    predicted = model.predict([m.layers for m in held_out])
    errors = np.abs(predicted / ms - 1)
    macs = [m.macs for m in held_out]
    if min(np.ptp(predicted), np.ptp(ms), np.ptp(macs)) == 0:
        raise UserError(
            "device profile: expected held-out networks of unequal size, found that "
            f"all {len(ms)} are equal; give another search space, or raise --held-out"
        )
    return Accuracy(
        networks=len(ms),
        spearman=_rounded(spearmanr(predicted, ms).statistic),
        spearman_of_macs=_rounded(spearmanr(macs, ms).statistic),
        median_error=_rounded(np.median(errors)),
        p90_error=_rounded(np.percentile(errors, 90)),
    )


def _fitted(work: np.ndarray, ms: np.ndarray) -> np.ndarray:
    """Fits times that are not negative, such that work @ times is near ms.

    Args:
        work: of each network (n, d).
        ms: of each network, milliseconds (n,).
    """
    begin, _ = nnls(work / ms[:, None], np.ones(len(ms)))

    def sums(times: np.ndarray) -> np.ndarray:
        return np.maximum(work @ times, _LEAST_MS)

    return np.asarray(
        least_squares(
            lambda times: np.log(sums(times) / ms),
            begin + 1e-7,  # inside of the bounds
            lambda times: work / sums(times)[:, None],
            bounds=(0, np.inf),
            loss="soft_l1",
            f_scale=_USUAL,
            max_nfev=200,
        ).x
    )


def _kind(layer: LayerConfiguration) -> tuple[str, bool]:
    """Layers whose times are fitted together: 1 × 1 convolutions are of their own."""
    return layer.kind, max(layer.kernel, default=1) > 1


def _words(kinds: Iterable[tuple[str, bool]]) -> str:
    """Kinds of layers for a message."""
    return ", ".join(
        f"{name} larger than 1 × 1" if larger else name
        for name, larger in sorted(kinds)
    )


def _rounded(value: float) -> float:
    return round(float(value), 4)
