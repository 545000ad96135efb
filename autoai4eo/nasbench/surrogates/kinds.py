"""The kinds of regression behind a surrogate: boosted trees and ridge regression.

XGBoost: Chen and Guestrin 2016, arXiv:1603.02754. LightGBM: Ke et al. 2017, NeurIPS.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autoai4eo.runtimes.base import check_packages

#: The extra that installs XGBoost and LightGBM.
EXTRA = "surrogates"

Settings = Mapping[str, float]


@dataclass(frozen=True)
class Kind:
    """A kind of regression.

    Attributes:
        package: that it needs besides those that are always there; None: none.
        suffix: of the file of a fitted regression.
        grid: the settings to choose from; the first ones are the default.
        fit: returns a regression from features (n, d), values (n,), settings and seed.
        predict: returns the values (n,) of a regression for features (n, d).
        dump, load: a regression as bytes and back; the predictions stay the same.
    """

    package: str | None
    suffix: str
    grid: Sequence[Settings]
    fit: Callable[[np.ndarray, np.ndarray, Settings, int], Any]
    predict: Callable[[Any, np.ndarray], np.ndarray]
    dump: Callable[[Any], bytes]
    load: Callable[[bytes], Any]


def kind_of(name: str) -> Kind:
    """Returns a kind by name, one of `KINDS`.

    Raises:
        UserError: its package is not installed; the message names the extra.
    """
    kind = KINDS[name]
    needs = [kind.package] if kind.package else []
    check_packages(f"surrogate {name}", needs, EXTRA)
    return kind


def is_there(name: str) -> bool:
    """Whether the package of a kind is installed."""
    package = KINDS[name].package
    return package is None or importlib.util.find_spec(package) is not None


def _fit_xgboost(x: np.ndarray, y: np.ndarray, settings: Settings, seed: int) -> Any:
    import xgboost

    parameters = {
        "objective": "reg:squarederror",
        "eta": 0.05,
        "max_depth": int(settings["depth"]),
        "subsample": 0.8,
        "colsample_bytree": 0.5,
        "seed": seed,
        "nthread": 1,  # faster for some hundred networks, and beside other work
        "verbosity": 0,
    }
    data = xgboost.DMatrix(x, y, nthread=1)
    return xgboost.train(parameters, data, int(settings["trees"]))


def _predict_xgboost(fitted: Any, x: np.ndarray) -> np.ndarray:
    return np.asarray(fitted.inplace_predict(x), float)


def _load_xgboost(content: bytes) -> Any:
    import xgboost

    fitted = xgboost.Booster({"nthread": 1})
    fitted.load_model(bytearray(content))
    return fitted


def _fit_lightgbm(x: np.ndarray, y: np.ndarray, settings: Settings, seed: int) -> Any:
    import lightgbm

    parameters = {
        "objective": "regression",
        "learning_rate": 0.05,
        "num_leaves": int(settings["leaves"]),
        "min_data_in_leaf": 5,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "feature_fraction": 0.5,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
    data = lightgbm.Dataset(x, y, params=parameters)
    return lightgbm.train(parameters, data, int(settings["trees"]))


def _predict_lightgbm(fitted: Any, x: np.ndarray) -> np.ndarray:
    return np.asarray(fitted.predict(x, num_threads=1), float)


def _load_lightgbm(content: bytes) -> Any:
    import lightgbm

    return lightgbm.Booster(model_str=content.decode())


def _fit_ridge(x: np.ndarray, y: np.ndarray, settings: Settings, seed: int) -> Any:
    """Fits standardised features; returns coefficients of the raw ones, intercept."""
    from sklearn.linear_model import Ridge

    mean, spread = x.mean(axis=0), x.std(axis=0)
    varied = spread > 1e-9 * np.abs(x).max(axis=0, initial=1.0)
    spread = np.where(varied, spread, 1.0)
    scaled = np.where(varied, (x - mean) / spread, 0.0)
    fitted = Ridge(settings["alpha"], solver="cholesky").fit(scaled, y)
    coefficients = np.where(varied, fitted.coef_ / spread, 0.0)
    return coefficients, float(fitted.intercept_ - coefficients @ mean)


def _predict_ridge(fitted: Any, x: np.ndarray) -> np.ndarray:
    coefficients, intercept = fitted
    return x @ coefficients + intercept


def _dump_ridge(fitted: Any) -> bytes:
    coefficients, intercept = fitted
    some = {"coefficients": coefficients.tolist(), "intercept": intercept}
    return json.dumps(some).encode()


def _load_ridge(content: bytes) -> Any:
    some = json.loads(content)
    return np.array(some["coefficients"], float), float(some["intercept"])


KINDS = {
    "xgboost": Kind(
        "xgboost",
        ".ubj",
        [{"depth": d, "trees": t} for d in (3, 6) for t in (100, 300)],
        _fit_xgboost,
        _predict_xgboost,
        lambda fitted: bytes(fitted.save_raw("ubj")),
        _load_xgboost,
    ),
    "lightgbm": Kind(
        "lightgbm",
        ".txt",
        [{"leaves": n, "trees": t} for n in (4, 15) for t in (100, 300)],
        _fit_lightgbm,
        _predict_lightgbm,
        lambda fitted: fitted.model_to_string().encode(),
        _load_lightgbm,
    ),
    "ridge": Kind(
        None,
        ".json",
        [{"alpha": alpha} for alpha in (10, 1, 100, 1000)],
        _fit_ridge,
        _predict_ridge,
        _dump_ridge,
        _load_ridge,
    ),
}
