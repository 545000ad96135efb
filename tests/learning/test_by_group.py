"""Scores by group: the worst place is named, and small groups do not count."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.errors import UserError
from autoai4eo.learning.by_group import by_group
from autoai4eo.learning.evaluation import score

CITIES = np.array(["Berlin"] * 30 + ["Lagos"] * 20 + ["Nara"] * 5)


def dataset(labels, cities=CITIES, **more):
    pixels = np.zeros((len(labels), 4, 4, 2), "float32")
    data = open_dataset(pixels, labels=labels, **more)
    data.groups = {"city": cities}
    return data


def output(predicted, classes=3):
    return np.eye(classes, dtype="float32")[predicted] * 0.8 + 0.1


def test_the_worst_city_and_the_median():
    labels = np.arange(55) % 3
    predicted = labels.copy()
    predicted[:6] = (labels[:6] + 1) % 3  # Berlin: 24 of 30
    predicted[30:40] = (labels[30:40] + 1) % 3  # Lagos: 10 of 20
    predicted[50:] = (labels[50:] + 1) % 3  # Nara: none of 5
    found = by_group(dataset(labels), output(predicted), "city")
    assert (found["group"], found["metric"]) == ("city", "cohen_kappa")
    assert {n: g["samples"] for n, g in found["groups"].items()} == {
        "Berlin": 30,
        "Lagos": 20,
        "Nara": 5,
    }
    assert found["groups"]["Berlin"]["accuracy"] == pytest.approx(24 / 30)
    kappas = [
        metrics.cohen_kappa_score(labels[rows], predicted[rows])
        for rows in (np.arange(30), np.arange(30, 50))
    ]
    assert found["worst_group"] == "Lagos"
    assert found["worst"] == pytest.approx(kappas[1])
    assert found["median"] == pytest.approx(np.mean(kappas))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_each_group_is_scored_as_if_it_were_alone(seed):
    rng = np.random.default_rng(seed)
    labels, predicted = rng.integers(3, size=(2, 55))
    labels[:3] = labels[30:33] = labels[50:53] = [0, 1, 2]
    data = dataset(labels)
    found = by_group(data, output(predicted), "city")["groups"]
    for city, figures in found.items():
        rows = np.flatnonzero(city == CITIES)
        alone = score(data.subset(rows), output(predicted)[rows])
        for name in ("accuracy", "average_accuracy", "cohen_kappa"):
            assert figures[name] == alone[name]


def test_values_have_the_largest_error_as_the_worst():
    truth = np.linspace(0, 1, 55)[:, None].astype("float32")
    guess = truth.copy()
    guess[:30] += 0.1
    data = dataset(truth, kind="value")
    found = by_group(data, guess, "city")
    assert (found["metric"], found["worst_group"]) == ("rmse", "Berlin")
    assert found["worst"] == pytest.approx(0.1, abs=1e-6)


def test_kappa_of_one_class_alone_does_not_count():
    labels = np.arange(55) % 3
    labels[:30] = 1
    found = by_group(dataset(labels), output(labels), "city")
    assert found["groups"]["Berlin"]["cohen_kappa"] is None
    assert found["groups"]["Berlin"]["accuracy"] == 1
    assert (found["worst_group"], found["worst"], found["median"]) == ("Lagos", 1, 1)


def test_small_groups_are_not_called_the_worst():
    labels = np.arange(55) % 3
    found = by_group(dataset(labels, np.arange(55) // 5), output(labels), "city")
    assert found["worst_group"] is None and found["median"] is None
    assert len(found["groups"]) == 11


def test_an_unknown_group_is_named():
    labels = np.arange(55) % 3
    with pytest.raises(UserError, match="expected a group called place, found city"):
        by_group(dataset(labels), output(labels), "place")
