"""Scores and losses of numbers compared with scikit-learn and SciPy."""

import json
import pickle

import numpy as np
import pytest
import scipy.stats
from sklearn import metrics

from autoai4eo.data.target import Target
from autoai4eo.learning.regression import Regression

TASK = Regression(Target("value", ("height", "biomass"), (2,)))


@pytest.fixture(scope="module")
def data():
    """Truth far from zero, and predictions of it."""
    rng = np.random.default_rng(0)
    truth = rng.normal([300, 20], [2, 5], (400, 2)).astype("float32")
    return truth, (truth + rng.normal([0.5, -1], [1, 2], (400, 2))).astype("float32")


def scored(truth, output, group=None, at_a_time=64):
    scorer = TASK.scorer({})
    for first in range(0, len(truth), at_a_time):
        some = slice(first, first + at_a_time)
        scorer.add(truth[some], output[some], None if group is None else group[some])
    return scorer.result()


def references(truth, output):
    return {
        "rmse": metrics.root_mean_squared_error(truth, output),
        "mae": metrics.mean_absolute_error(truth, output),
        "r2": metrics.r2_score(truth, output),
        "bias": (output - truth).mean(),
    }


def test_scores_are_those_of_scikit_learn(data):
    truth, output = (values.astype(float) for values in data)
    told = scored(truth, output)
    expected = references(truth, output)
    assert {name: told[name] for name in expected} == pytest.approx(expected)
    for i, name in enumerate(TASK.target.classes):
        one = told["per_value"][name]
        assert one.pop("samples") == 400
        assert one == pytest.approx(references(truth[:, [i]], output[:, [i]]))
    json.dumps(told)


def test_unknown_values_do_not_count(data):
    truth, output = (values.astype(float) for values in data)
    truth = truth.copy()
    truth[:100, 0] = np.nan
    told = scored(truth, output)["per_value"]
    assert told["height"].pop("samples") == 300
    assert told["height"] == pytest.approx(
        references(truth[100:, :1], output[100:, :1])
    )
    full = TASK.loss("mse", truth)(truth[100:].astype("float32"), output[100:])
    assert np.isfinite(float(TASK.loss("mse", truth)(truth.astype("float32"), output)))
    assert np.isfinite(float(full))


def test_no_variation_explains_nothing():
    told = scored(np.full((9, 2), 0.3), np.linspace([0.2] * 2, [0.4] * 2, 9))
    assert told["r2"] == 0 and told["rmse"] > 0


def test_metrics_in_training_agree_with_the_scorer(data):
    truth, output = data
    told = scored(truth, output)
    names = []
    for metric in TASK.keras_metrics(truth):
        metric.update_state(truth[:300], output[:300])
        metric.update_state(truth[300:], np.hstack([output, output])[300:])  # spread
        assert float(metric.result()) == pytest.approx(told[metric.name], rel=1e-4)
        # as it is sent to a worker process
        again = pickle.loads(pickle.dumps(metric))
        assert type(again) is type(metric) and float(again.result()) <= 1e-6
        names.append(metric.name)
    assert tuple(names) == TASK.metrics


def test_losses_are_of_standard_deviations(data):
    truth, output = data
    error = (output - truth).astype(float) / truth.astype(float).std(axis=0)
    huber = np.where(np.abs(error) <= 1, error**2 / 2, np.abs(error) - 0.5)
    for name, expected in (("mse", error**2), ("mae", abs(error)), ("huber", huber)):
        found = float(TASK.loss(name, truth)(truth, output))
        assert found == pytest.approx(expected.mean(), rel=1e-4)


def test_the_gaussian_loss_is_the_likelihood(data):
    truth, output = data
    std = truth.astype(float).std(axis=0)
    spread = np.full_like(output, 3.0)
    density = scipy.stats.norm(output / std, spread / std).logpdf(truth / std)
    expected = -density.mean() - np.log(2 * np.pi) / 2
    loss = pickle.loads(pickle.dumps(TASK.loss("gaussian", truth)))
    found = float(loss(truth, np.hstack([output, spread])))
    assert found == pytest.approx(expected, rel=1e-4)


def test_intervals_hold_the_score_and_whole_groups_are_drawn(data):
    truth, output = (np.repeat(values[:50], 10, axis=0) for values in data)
    group = np.repeat(np.arange(50), 10)
    by_group, alone = scored(truth, output, group), scored(truth, output)
    for name, (low, high) in by_group["intervals"].items():
        assert low < by_group[name] < high
        assert high - low > 2 * np.diff(alone["intervals"][name])[0]
    again = scored(truth, output, group, at_a_time=7)
    assert again["intervals"]["rmse"] == pytest.approx(by_group["intervals"]["rmse"])


def test_intervals_are_those_of_scipys_bootstrap(data):
    truth, output = (values[:, :1] for values in data)
    theirs = scipy.stats.bootstrap(
        (truth[:, 0], output[:, 0]),
        metrics.root_mean_squared_error,
        paired=True,
        vectorized=False,
        n_resamples=1000,
        method="percentile",
        rng=1,
    ).confidence_interval
    # two draws of 1,000; the interval is 0.14 wide
    one = Regression(Target("value", ("height",), (1,))).scorer({})
    one.add(truth, output)
    np.testing.assert_allclose(one.result()["intervals"]["rmse"], theirs, atol=0.02)
