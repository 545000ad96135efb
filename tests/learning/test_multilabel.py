"""Scores and thresholds of several labels compared with scikit-learn."""

import json
import pickle

import keras
import numpy as np
import pytest
import scipy.special
from sklearn import metrics

from autoai4eo.data.target import Target
from autoai4eo.learning.intervals import draws
from autoai4eo.learning.multilabel import MultiLabel

CLASSES = ("water", "forest", "crops", "never")
TASK = MultiLabel(Target("labels", CLASSES, (4,)))


@pytest.fixture(scope="module")
def data():
    """Truth and probabilities of 500 samples; the last class never occurs."""
    rng = np.random.default_rng(0)
    truth = (rng.random((500, 4)) < [0.5, 0.3, 0.05, 0]).astype(np.uint8)
    logits = rng.normal(size=truth.shape) + 2 * truth - [0, 1, 3, 6]
    return truth, scipy.special.expit(logits).astype("float32")


def scored(truth, output, group=None, thresholds=None, at_a_time=64):
    scorer = TASK.scorer({} if thresholds is None else {"thresholds": thresholds})
    for first in range(0, len(truth), at_a_time):
        some = slice(first, first + at_a_time)
        scorer.add(truth[some], output[some], None if group is None else group[some])
    return scorer.result()


def references(truth, found):
    """By scikit-learn, of the classes that the truth or the prediction holds."""
    here = np.flatnonzero(truth.any(axis=0) | found.any(axis=0))
    f1 = {
        f"f1_{kind}": metrics.f1_score(
            truth[:, here], found[:, here], average=kind, zero_division=1.0
        )
        for kind in ("micro", "macro", "samples")
    }
    return f1 | {"subset_accuracy": metrics.accuracy_score(truth, found)}


@pytest.mark.parametrize("thresholds", [None, [0.3, 0.6, 0.1, 0.9]])
def test_scores_are_those_of_scikit_learn(data, thresholds):
    truth, output = data
    found = output >= (thresholds or 0.5)
    told = scored(truth, output, thresholds=thresholds)
    expected = references(truth, found)
    assert {name: told[name] for name in expected} == pytest.approx(expected)
    for i, name in enumerate(CLASSES[:3]):
        one = told["per_class"][name]
        assert one["support"] == truth[:, i].sum()
        assert one["f1"] == pytest.approx(metrics.f1_score(truth[:, i], found[:, i]))
    assert told["absent_classes"] == ["never"]
    json.dumps(told)


def test_average_precision_is_that_of_scikit_learn(data):
    truth, output = data
    told = scored(truth, output)
    exact = metrics.average_precision_score(truth[:, :3], output[:, :3])
    assert told["mean_average_precision"] == pytest.approx(exact, abs=2e-3)
    # scores that one bin cannot hold apart are equal here, too
    few = scipy.special.expit(np.round(scipy.special.logit(output) * 4) / 4 + 0.01)
    told = scored(truth, few.astype("float32"))
    exact = metrics.average_precision_score(truth[:, :3], few[:, :3])
    assert told["mean_average_precision"] == pytest.approx(exact, abs=1e-9)


def test_resamples_of_average_precision_are_those_of_scikit_learn(data):
    truth, output = data
    truth, output = truth[:120].copy(), output[:120]
    few = np.round(output, 2)  # which bins hold apart, and many samples share
    groups = np.arange(120) // 12
    truth[12:, 2] = 0  # a class that many resamples lack
    scorer = TASK.scorer({})
    for some in np.array_split(np.arange(120), 5):
        scorer.add(truth[some], few[some], groups[some])
    drawn = scorer.resampled()["mean_average_precision"]
    assert drawn.shape == (1000,)
    whole = metrics.average_precision_score(truth[:, 2], few[:, 2])
    for counts, found in zip(next(iter(draws(10))), drawn[:100], strict=True):
        weights = counts[groups]
        each = [
            metrics.average_precision_score(
                truth[:, i], few[:, i], sample_weight=weights
            )
            if (truth[:, i] * weights).any()
            else whole
            for i in range(3)
        ]
        assert found == pytest.approx(np.mean(each), abs=1e-6)


def test_outputs_that_are_not_numbers_rank_lowest(data):
    truth, output = data
    broken, lowest = output.copy(), output.copy()
    broken[::7], lowest[::7] = np.nan, 0.0
    told, expected = scored(truth, broken), scored(truth, lowest)
    assert told == expected
    low, high = told["intervals"]["mean_average_precision"]
    assert low < told["mean_average_precision"] < high


def test_metrics_in_training_agree_with_the_scorer(data):
    truth, output = data
    told = scored(truth, output)
    names = []
    for metric in TASK.keras_metrics(truth):
        metric.update_state(TASK.encode(truth[:300]), output[:300])
        metric.update_state(TASK.encode(truth[300:]), output[300:])
        assert float(metric.result()) == pytest.approx(told[metric.name], abs=1e-5)
        # as it is sent to a worker process
        again = pickle.loads(pickle.dumps(metric))
        assert type(again) is type(metric) and float(again.result()) <= 1e-6
        names.append(metric.name)
    assert tuple(names) == TASK.metrics


def test_thresholds_have_the_highest_f1(data):
    truth, output = data
    thresholds = TASK.fit(truth, output)["thresholds"]
    for i in range(3):
        precision, recall, _ = metrics.precision_recall_curve(truth[:, i], output[:, i])
        best = (2 * precision * recall / np.maximum(precision + recall, 1e-9)).max()
        found = metrics.f1_score(truth[:, i], output[:, i] >= thresholds[i])
        assert found == pytest.approx(best)
    assert thresholds[3] == 0.5
    equal = np.full((4, 4), 0.25, "float32")  # equal scores cannot be told apart
    assert TASK.fit(np.eye(4, dtype=np.uint8), equal)["thresholds"] == [0.125] * 4


def test_thresholds_decide(data):
    found = TASK.decide(data[1], {"thresholds": [0.0, 2.0, 0.5, 0.5]})
    assert found.dtype == np.uint8
    assert found[:, 0].all() and not found[:, 1].any()


def test_intervals_hold_the_score_and_whole_groups_are_drawn(data):
    truth, output = (np.repeat(values[:50], 10, axis=0) for values in data)
    group = np.repeat(np.arange(50), 10)
    by_group = scored(truth, output, group)
    alone = scored(truth, output)
    for name, (low, high) in by_group["intervals"].items():
        assert low < by_group[name] < high
        narrow = np.diff(alone["intervals"][name])[0]
        assert high - low > 2 * narrow  # √10 times in theory
    assert scored(truth, output, group, at_a_time=7) == by_group


@pytest.mark.parametrize("name", TASK.losses)
def test_losses_are_lowest_for_the_truth(name):
    loss = TASK.loss(name, None)
    truth = TASK.encode(np.array([[1, 0, 1, 0]], np.uint8))
    good, bad = truth * 0.8 + 0.1, truth * -0.8 + 0.9
    assert 0 < float(loss(truth, good)) < float(loss(truth, bad))
    assert isinstance(loss, keras.losses.Loss)


def test_a_threshold_is_a_number_where_scores_are_none():
    truth, output = np.ones((3, 1), np.uint8), np.full((3, 1), np.nan)
    assert TASK.fit(truth, output) == {"thresholds": [0.5]}
