"""Calibration and intervals compared with scikit-learn and SciPy."""

import json

import h5py
import keras
import numpy as np
import pytest
import scipy.stats
import small
from sklearn import metrics
from sklearn.calibration import calibration_curve

from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.errors import UserError
from autoai4eo.learning import lazy_outputs
from autoai4eo.learning.calibration import expected_calibration_error, reliability
from autoai4eo.learning.classification import ClassScorer
from autoai4eo.learning.evaluation import open_for, score

CLASSES = 4


def predictions(samples=400, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, CLASSES, samples)
    logits = rng.normal(size=(samples, CLASSES))
    logits[np.arange(samples), truth] += 1.5
    return truth, scipy.special.softmax(2 * logits, axis=-1).astype("float32")


def intervals(truth, predicted, classes, groups=None):
    """Returns the scores of a scorer that gets 50 samples at a time."""
    scorer = ClassScorer([f"class {i}" for i in range(classes)])
    for first in range(0, len(truth), 50):
        some = slice(first, first + 50)
        group = None if groups is None else groups[some]
        scorer.add(truth[some], np.eye(classes)[predicted[some]], group)
    return scorer.result()["intervals"]


def test_calibration_error_is_that_of_scikit_learns_curve():
    truth, found = predictions()
    confidence = found.max(axis=1).astype(float)
    right = found.argmax(axis=1) == truth
    accuracy, mean = calibration_curve(right, confidence, n_bins=15)
    table = reliability(truth, found)
    some = [row for row in table if row["samples"]]
    np.testing.assert_allclose([row["accuracy"] for row in some], accuracy)
    np.testing.assert_allclose([row["mean_confidence"] for row in some], mean)
    weights = [row["samples"] / len(truth) for row in some]
    expected = np.sum(weights * np.abs(accuracy - mean))
    assert expected_calibration_error(table) == pytest.approx(expected)


def test_a_sure_network_that_is_half_right_has_an_error_of_a_half():
    found = np.tile([1.0, 0.0], (10, 1))
    truth = np.arange(10) % 2
    table = reliability(truth, found)
    assert expected_calibration_error(table) == 0.5
    assert (len(table), table[-1]["samples"], table[-1]["to"]) == (15, 10, 1.0)
    assert table[0]["accuracy"] is None


@pytest.mark.parametrize(
    ("name", "score"),
    [
        ("accuracy", metrics.accuracy_score),
        ("average_accuracy", metrics.balanced_accuracy_score),
        ("cohen_kappa", metrics.cohen_kappa_score),
    ],
)
def test_intervals_are_those_of_scipys_bootstrap(name, score):
    truth, found = predictions()
    predicted = found.argmax(axis=1)
    ours = intervals(truth, predicted, CLASSES)[name]
    theirs = scipy.stats.bootstrap(
        (truth, predicted),
        score,
        paired=True,
        vectorized=False,
        n_resamples=1000,
        method="percentile",
        rng=1,
    ).confidence_interval
    # two draws of 1,000; the interval is 0.09 wide
    np.testing.assert_allclose(ours, theirs, atol=0.012)
    assert ours == intervals(truth, predicted, CLASSES)[name]


def test_whole_groups_are_drawn():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 10)
    truth = rng.integers(0, 2, 400)
    right = np.repeat(rng.random(40) < 0.7, 10)  # all of a group, or none
    predicted = np.where(right, truth, 1 - truth)
    low, high = intervals(truth, predicted, 2, groups)["accuracy"]
    expected = scipy.stats.bootstrap(
        (right[::10],), np.mean, n_resamples=1000, method="percentile", rng=1
    ).confidence_interval
    np.testing.assert_allclose([low, high], expected, atol=0.03)
    alone = intervals(truth, predicted, 2)["accuracy"]
    assert high - low > 2.5 * (alone[1] - alone[0])  # sqrt(10) times in theory


def test_classes_that_a_resample_lacks_stay_in_the_mean():
    truth, predicted = np.array([0] * 30 + [1]), np.array([0] * 31)
    found = intervals(truth, predicted, 3)
    # without the second class it would be 1 in a third of the resamples
    assert found["average_accuracy"] == [0.5, 0.5]
    assert found["cohen_kappa"] == [0.0, 0.0]


def test_the_groups_that_the_data_have_are_named(so2sat):
    dataset = open_dataset(so2sat / "testing.h5", inputs=["sen2"])
    found = np.eye(dataset.num_classes)[dataset.labels]
    told = score(dataset, found)
    by = told["resampled_by"]
    assert by in ("city", "parent")
    assert told["resampled_groups"] == len(set(dataset.groups[by])) > 1
    assert told["intervals"]["accuracy"] == [1.0, 1.0]
    assert told["expected_calibration_error"] == 0
    alone = small.dataset()
    told = score(alone, np.eye(small.CLASSES)[alone.labels])
    assert told["resampled_by"] == "sample"
    assert told["resampled_groups"] == len(alone)
    json.dumps(told)  # floats and lists, none of NumPy's


@pytest.mark.parametrize("kind", ["class", "labels", "value"])
def test_scores_are_the_same_in_parts_of_any_size(monkeypatch, kind):
    rng = np.random.default_rng(0)
    truth = {
        "class": rng.integers(0, 3, 50),
        "labels": rng.integers(0, 2, (50, 3)),
        "value": rng.normal(size=(50, 3)),
    }[kind]
    pixels = np.zeros((50, 2, 2, 1), "float32")
    data = open_dataset({"sen2": pixels}, labels=truth, kind=kind)
    output = scipy.special.softmax(rng.normal(size=(50, 3)), axis=-1).astype("float32")
    whole = score(data, output)
    monkeypatch.setattr(lazy_outputs, "_AT_ONCE", 7)
    parts = score(data, output)
    assert whole.keys() == parts.keys()
    for name, values in whole["intervals"].items():
        assert parts["intervals"][name] == pytest.approx(values)
        assert parts[name] == pytest.approx(whole[name])


def test_that_samples_have_several_labels_is_no_news_to_their_network(tmp_path):
    """Warnings are errors in these tests."""
    path = tmp_path / "labels.npz"
    labels = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 0]])
    np.savez(path, image=np.ones((3, 8, 8, 4), "float32"), label=labels)
    pixels = keras.Input((8, 8, 4), name="image")
    output = keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(pixels))
    network = keras.Model(pixels, output)
    bands = [f"band{i}" for i in range(1, 5)]
    record = {
        "target": "labels",
        "inputs": [{"name": "image", "bands": bands}],
        "classes": ["class 0", "class 1", "class 2"],
    }
    open_for(network, record, path)
    with pytest.warns(UserWarning, match="the target is several labels"):
        open_for(network, None, path)


@pytest.mark.parametrize(
    "told",
    [
        {"label": [0, 1, 1], "class_names": ["town", "field"]},
        {"label": [0.25, 0.5, 1.5]},
        {"label": [[1, 1, 0], [0, 1, 0], [0, 0, 1]]},
        {"value": ["a", "b", "c"]},
        {"mask": np.zeros((3, 4, 4), "uint8")},
        {"label": [7]},
    ],
    ids=["names", "fractions", "several", "text", "masks", "too few"],
)
def test_targets_do_not_matter_to_a_prediction(tmp_path, told):
    """They may be of another kind or other classes; warnings are errors here."""
    pixels = keras.Input((4, 4, 3), name="image")
    pooled = keras.layers.GlobalAveragePooling2D()(pixels)
    network = keras.Model(pixels, keras.layers.Dense(2)(pooled))
    record = {
        "target": "class",
        "inputs": [{"name": "image", "bands": ["R", "G", "B"]}],
        "classes": ["forest", "water"],
    }
    x = np.ones((3, 4, 4, 3), "uint8")
    np.savez(tmp_path / "other.npz", image=x, **told)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["image"] = x
        for name, values in told.items():
            file[name] = values
    for path in (tmp_path / "other.npz", tmp_path / "other.h5"):
        assert len(open_for(network, record, path, unlabelled=True)) == 3
        with pytest.raises(UserError):
            open_for(network, record, path)


def test_bands_of_one_input_leave_those_of_the_others(tmp_path):
    """Users rely on: ``--bands sen2=…`` names what is wrong, and the rest stays."""
    inputs = [keras.Input((4, 4, n), name=name) for name, n in (("a", 2), ("b", 3))]
    pooled = [keras.layers.GlobalAveragePooling2D()(x) for x in inputs]
    joint = keras.layers.Concatenate()(pooled)
    network = keras.Model(inputs, keras.layers.Dense(2)(joint))
    record = {
        "target": "class",
        "inputs": [
            {"name": "a", "bands": ["VV", "VH"]},
            {"name": "b", "bands": ["B02", "B03", "B04"]},
        ],
        "classes": ["class 0", "class 1"],
    }
    path = tmp_path / "both.npz"
    pixels = np.arange(3) + np.zeros((2, 4, 4, 3), "float32")
    np.savez(path, a=pixels[..., :2], b=pixels, label=[0, 1])
    data = open_for(network, record, path, bands={"b": ["B04", "B03", "B02"]})
    assert [[band.name for band in spec.bands] for spec in data.inputs] == [
        ["VV", "VH"],
        ["B02", "B03", "B04"],
    ]
    assert data.read(np.array([0]))["b"][0, 0, 0].tolist() == [2, 1, 0]
