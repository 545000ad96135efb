"""Models learn what is there to learn, and know how much they do not know."""

import importlib.util

import numpy as np
import pytest

from autoai4eo.errors import UserError
from autoai4eo.nasbench.surrogates import kinds
from autoai4eo.nasbench.surrogates.models import NAMES, make


def planted(n, seed):
    """Features, and values that depend on three of them, with a noise of 0.3."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 2, (n, 12)).astype(float)
    x[:, -1] = rng.normal(0, 1, n)
    return x, 2 * x[:, 0] + x[:, 1] - 1.5 * x[:, -1] + rng.normal(0, 0.3, n)


@pytest.mark.parametrize("name", NAMES)
def test_a_planted_function_is_learnt(name):
    x, y = planted(300, 0)
    new, truth = planted(1000, 1)
    mean, std = make(name, 0).fit(x, y).predict(new)
    assert np.square(truth - mean).mean() < 0.25 * truth.var()
    inside = (np.abs(truth - mean) <= 1.645 * std).mean()
    assert 0.8 < inside < 0.97


@pytest.mark.parametrize("name", NAMES)
def test_walks_that_differ_are_told_by_the_uncertainty(name):
    """What a walk adds to its networks is unknown for another walk."""
    rng = np.random.default_rng(0)
    x, y = planted(300, 0)
    walks = np.repeat(np.arange(30), 10)
    x = np.column_stack([x, rng.normal(0, 1, 30)[walks]])  # knows the walk again
    y = y + rng.normal(0, 2, 30)[walks]
    apart = make(name, 0).fit(x, y).predict(x)[1].mean()
    together = make(name, 0).fit(x, y, walks).predict(x)[1].mean()
    assert together > 1.8 and together > apart - 0.1


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_repeats_and_another_does_not(name):
    x, y = planted(60, 0)
    first, again, other = (make(name, seed).fit(x, y).predict(x) for seed in (0, 0, 1))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n", [2, 3, 40])
def test_few_or_equal_networks_give_finite_predictions(name, n):
    x, y = np.ones((n, 3)), np.full(n, 0.5)
    for values in (y, y + np.arange(n)):
        mean, std = make(name, 0).fit(x, values).predict(x)
        assert np.isfinite(mean).all() and np.isfinite(std).all()
        assert values.min() - 1e-6 <= mean.min() <= mean.max() <= values.max() + 1e-6
    mean, std = make(name, 0).fit(x, y, np.zeros(n, int)).predict(x)  # one walk
    assert mean == pytest.approx(y) and std == pytest.approx(0, abs=1e-6)


def test_mistakes_are_told():
    with pytest.raises(UserError, match="expected one of xgboost, lightgbm, ridge"):
        make("forest", 0)
    with pytest.raises(UserError, match="expected two networks or more"):
        make("ridge", 0).fit(np.ones((1, 2)), np.ones(1))
    with pytest.raises(UserError, match="expected finite features and values"):
        make("ridge", 0).fit(np.ones((2, 2)), np.array([1, np.nan]))


@pytest.mark.parametrize("name", ["xgboost", "lightgbm"])
def test_a_missing_package_names_the_extra(name, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda one: None if one == name else found(one)
    )
    assert not kinds.is_there(name) and kinds.is_there("ridge")
    with pytest.raises(UserError, match=rf'{name}.*pip install "autoai4eo\[surrogates'):
        make(name, 0)
