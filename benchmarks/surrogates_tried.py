"""Other surrogates for ``cost-aware``, and the best that its features allow.

    python benchmarks/surrogates_tried.py TABLE.csv --maximize kappa \
        --minimize latency_ms --known latency_ms,macs,params \
        --choices first_map,width,stages,blocks,unit,kernel \
        --seeds 10 --first 100 --budget 60

Kinds: ``gaussian``, the Gaussian process of the package; its ``mean`` with extremely
randomised trees; both weighted by their ``likelihood`` of each trained network when it
is left out (out of bag, of the trees); the one ``chosen`` by it; and the ``oracle``: a
Gaussian process that knows all other networks of the table, when it forecasts one, and
proposes by expected hypervolume improvement from the second network on. Printed are the
median trainings to 90, 95 and 99 % of the table's hypervolume (above the budget if they
are not reached) and the mean share over the budget, with its standard error.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit
from scipy.stats import norm
from sklearn.ensemble import ExtraTreesRegressor
from threadpoolctl import threadpool_limits

from autoai4eo.nasbench import read_table, replay
from autoai4eo.nasbench.measures import scaled
from autoai4eo.runs.pareto import hypervolume, on_front
from autoai4eo.search.strategies import cost_aware
from autoai4eo.search.strategies.acquisition import expected_hypervolume_improvement
from autoai4eo.search.strategies.surrogate import Forecast, Surrogate, standardised

SHARES = (0.9, 0.95, 0.99)
TREES = 100
COLUMNS = ("maximize", "minimize", "known", "choices", "adjacency")


def left_out(surrogate: Surrogate) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns scaled logarithms, their forecasts when left out, and deviations.

    See Rasmussen and Williams (2006), equations 5.10 to 5.12.
    """
    process = surrogate.process
    kernel = process.kernel_(process.X_train_) + 1e-8 * np.eye(len(process.X_train_))
    inverse = np.linalg.inv(kernel)
    variance = 1 / np.diag(inverse)
    y = process.y_train_
    return y, y - inverse @ y * variance, np.sqrt(variance)


class WithTrees(Surrogate):
    """A Gaussian process and trees; `kind` is one of those above."""

    def __init__(self, *arguments: Any, kind: str) -> None:
        super().__init__(*arguments)
        features, figures = arguments[:2]
        logs = (np.log(figures - self._zero) - self._mean) / self._scale
        self._trees = ExtraTreesRegressor(
            TREES, bootstrap=True, oob_score=True, random_state=0
        ).fit(features, logs)
        without = self._trees.oob_prediction_
        self._noise = np.sqrt(np.mean((logs - without) ** 2))
        y, forecast, deviation = left_out(self)
        of_process = norm.logpdf(y, forecast, deviation).mean()
        of_trees = norm.logpdf(logs, without, self._noise).mean()
        gain = len(logs) * (of_trees - of_process)
        shares = {"mean": 0.5, "likelihood": expit(gain), "chosen": float(gain > 0)}
        self._share = shares[kind]

    def forecast(self, features: np.ndarray) -> Forecast:
        """See `Surrogate.forecast`: mean and variance of the mixture."""
        mean, deviation = self.process.predict(features, return_std=True)
        few = features.astype(np.float32)
        each = np.array([tree.predict(few) for tree in self._trees.estimators_])
        of_trees = each.mean(axis=0)
        variance = each.var(axis=0) / 4 + self._noise**2
        share = self._share
        both = (1 - share) * mean + share * of_trees
        square = (1 - share) * (deviation**2 + mean**2)
        square += share * (variance + of_trees**2)
        spread = np.sqrt(np.maximum(square - both**2, 0))
        return Forecast(
            self._zero,
            self._mean + self._scale * both,
            np.maximum(self._scale * spread, 1e-9),
        )


def oracle(table: Any, points: np.ndarray, seed: int, budget: int) -> np.ndarray:
    """Returns the rows that the oracle trains; costs are the last columns of points."""
    features = np.hstack([table.described, np.log(table.known)])
    surrogate = Surrogate(standardised(features), points[:, 0])
    _, mean, deviation = left_out(surrogate)
    mean = surrogate._mean + surrogate._scale * mean
    deviation = surrogate._scale * deviation
    rows = [int(np.random.default_rng(seed).integers(len(points)))]
    turned = np.roll(points, -1, axis=1)
    while len(rows) < budget:
        left = np.setdiff1d(np.arange(len(points)), rows)
        gain = expected_hypervolume_improvement(
            turned[rows],
            turned.max(axis=0),
            turned[left, :-1],
            [Forecast(surrogate._zero, mean[left], deviation[left])],
        )
        rows.append(int(left[gain.argmax()]))
    return np.array(rows)


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("table", type=Path)
    for name in COLUMNS:
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("--kinds", default="gaussian,mean,likelihood,chosen,oracle")
    parser.add_argument("--budget", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0)
    asked = parser.parse_args()
    columns = {n: [c for c in getattr(asked, n).split(",") if c] for n in COLUMNS}
    table = read_table(asked.table, **columns)
    points = scaled(table)
    whole = hypervolume(points[on_front(points)], points.max(axis=0))
    threadpool_limits(1)
    for kind in asked.kinds.split(","):
        tried = Surrogate if kind == "gaussian" else partial(WithTrees, kind=kind)
        vars(cost_aware)["Surrogate"] = tried
        curves = []
        for seed in range(asked.first, asked.first + asked.seeds):
            rows = (
                oracle(table, points, seed, asked.budget)
                if kind == "oracle"
                else replay(table, "cost-aware", seed, asked.budget)
            )
            parts = (rows[:n] for n in range(1, len(rows) + 1))
            worst = points.max(axis=0)
            curves.append([hypervolume(points[r], worst) / whole for r in parts])
        share = np.array(curves)
        reached = [
            np.median([np.append(c >= s, True).argmax() + 1 for c in share])
            for s in SHARES
        ]
        means = share.mean(axis=1)
        error = means.std(ddof=1) / np.sqrt(len(means))
        print(f"{kind}: {reached}, share {means.mean():.3f} ± {error:.3f}", flush=True)


if __name__ == "__main__":
    main()
