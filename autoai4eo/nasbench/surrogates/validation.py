"""Nested cross-validation of surrogates: no walk is in training and in test data.

Settings are chosen within the training part of each outer fold, so the scores are
those of networks that had no part in any choice (Varma and Simon 2006, *Bias in error
estimation when using cross-validation for model selection*).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from autoai4eo.errors import UserError
from autoai4eo.nasbench.surrogates.kinds import Settings, kind_of
from autoai4eo.nasbench.surrogates.models import make
from autoai4eo.nasbench.surrogates.records import Records
from autoai4eo.nasbench.surrogates.scores import score_table

#: Predictions that every model should surpass: the mean of the training part, and a
#: straight line of the logarithm of multiply-adds.
MEAN, LOG_MACS = "mean", "log_macs"
_INNER = 3
#: Shares of the training walks, for the learning curve.
_SHARES = (0.1, 0.2, 0.4, 0.7, 1.0)


@dataclass(frozen=True)
class Validation:
    """What cross-validation found.

    Attributes:
        folds: the outer fold in whose test part each network was, int (n,).
        predictions: by model, mean and standard deviation of each network by models
            that did not learn from its walk, (n,) each.
        settings: by model, what was chosen in each outer fold.
        table: see `score_table`; ranks of the mean are empty.
    """

    folds: np.ndarray
    predictions: dict[str, tuple[np.ndarray, np.ndarray]]
    settings: dict[str, list[Settings]]
    table: pd.DataFrame


def folds_of(groups: np.ndarray, number: int, seed: int) -> np.ndarray:
    """Returns a fold for each network, int (n,); one group is in one fold.

    Args:
        groups: of the networks, int (n,).
        number: of folds; sizes differ by at most the largest group.
        seed: of the order in which groups of equal size are taken.

    Raises:
        UserError: there are fewer groups than folds, or fewer than two folds.
    """
    names, places = np.unique(groups, return_inverse=True)
    if not 2 <= number <= len(names):
        raise UserError(
            f"--folds: expected 2 to {len(names)}, as many as there are walks or "
            f"networks on no walk, got {number}"
        )
    sizes = np.bincount(places)
    shuffled = np.random.default_rng(seed).permutation(len(names))
    filled, of = np.zeros(number, int), np.zeros(len(names), int)
    for group in shuffled[np.argsort(-sizes[shuffled], kind="stable")]:
        of[group] = int(np.argmin(filled))
        filled[of[group]] += sizes[group]
    return of[places]


def choose(name: str, records: Records, seed: int) -> Settings:
    """Returns the settings with the smallest mean squared error, over three folds.

    Single regressions are compared, without resamples.

    Args:
        name: of the model.
        records: networks to learn from.
        seed: of the folds and regressions.
    """
    kind = kind_of(name)
    number = min(_INNER, len(np.unique(records.groups)))
    if number < 2:
        return kind.grid[0]
    folds = folds_of(records.groups, number, seed)
    errors = []
    for settings in kind.grid:
        found = np.zeros(len(records))
        for fold in range(number):
            train, test = folds != fold, folds == fold
            x, y = records.features, records.values
            fitted = kind.fit(x[train], y[train], settings, seed)
            found[test] = kind.predict(fitted, x[test])
        errors.append(np.square(records.values - found).mean())
    return kind.grid[int(np.argmin(errors))]


def validate(
    records: Records, names: Sequence[str], folds: int = 5, seed: int = 0
) -> Validation:
    """Validates models and baselines.

    Args:
        records: networks to learn from.
        names: of models.
        folds: number of outer folds.
        seed: of the folds and models.

    Raises:
        UserError: there are fewer walks than folds.
    """
    of = folds_of(records.groups, folds, seed)
    every = [*names, MEAN, *([LOG_MACS] if records.macs is not None else [])]
    found = {name: np.zeros((2, len(records))) for name in every}
    settings: dict[str, list[Settings]] = {name: [] for name in names}
    for fold in range(folds):
        train = records.part(np.flatnonzero(of != fold))
        test = records.part(np.flatnonzero(of == fold))
        for name in every:
            if name in settings:
                settings[name].append(choose(name, train, seed))
                model = make(name, seed, settings[name][-1])
                model.fit(train.features, train.values, train.groups)
                found[name][:, of == fold] = model.predict(test.features)
            else:
                found[name][:, of == fold] = _baseline(name, train, test)
    predictions = {name: (mean, std) for name, (mean, std) in found.items()}
    table = score_table(records.values, predictions, records.groups)
    # folds of a low mean have been trained on a high one: this is no order
    ranks = table.columns[table.columns.str.startswith(("kendall_", "spearman"))]
    table.loc[table["model"] == MEAN, ranks] = np.nan
    return Validation(of, predictions, settings, table)


def learning_curve(
    records: Records, name: str, validation: Validation, seed: int = 0
) -> pd.DataFrame:
    """Returns the scores of a model that learns from fewer walks.

    In each outer fold a larger part of the training walks contains the smaller ones.
    The settings are those chosen from all of them. Columns as in `score_table`; in
    place of the model's name there is ``trained``, the mean number of networks.

    Args:
        records: networks to learn from.
        name: of the model, which was validated.
        validation: of the same records.
        seed: of the order of walks, and of the models.
    """
    found, trained = {}, []
    for share in _SHARES:
        both, sizes = np.zeros((2, len(records))), []
        for fold, settings in enumerate(validation.settings[name]):
            test = validation.folds == fold
            rng = np.random.default_rng([seed, fold])
            walks = rng.permutation(np.unique(records.groups[~test]))
            some = walks[: max(2, round(share * len(walks)))]
            train = records.part(np.flatnonzero(~test & np.isin(records.groups, some)))
            model = make(name, seed, settings)
            model.fit(train.features, train.values, train.groups)
            both[:, test] = model.predict(records.features[test])
            sizes.append(len(train))
        found[str(share)] = (both[0], both[1])
        trained.append(float(np.mean(sizes)))
    table = score_table(records.values, found, records.groups)
    table = table.drop(columns=["model", "networks"])
    table.insert(0, "trained", trained)
    return table.drop_duplicates("trained")  # of few walks


def _baseline(name: str, train: Records, test: Records) -> np.ndarray:
    """Returns mean and standard deviation of a baseline, (2, n)."""
    if name == MEAN or train.macs is None or test.macs is None:
        at, fitted = np.zeros(len(test)), np.zeros(len(train))
        line = np.array([0.0, train.values.mean()])
    else:
        at, fitted = np.log(test.macs), np.log(train.macs)
        line = np.polyfit(fitted, train.values, 1)
    error = train.values - np.polyval(line, fitted)
    return np.array([np.polyval(line, at), np.full(len(test), error.std())])
