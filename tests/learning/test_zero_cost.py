"""Scores of untrained networks, against what is derived by hand."""

import keras
import numpy as np
import pytest
from keras import layers

from autoai4eo.learning.zero_cost import SCORES, zero_cost_scores

RNG = np.random.default_rng(0)


def _scores(model, pixels, classes=3):
    truth = np.eye(classes, dtype="float32")[np.arange(len(pixels)) % classes]
    loss = keras.losses.CategoricalCrossentropy()
    return zero_cost_scores(model, {"sen2": pixels}, truth, loss)


def _network(relu=True, standardise=True):
    keras.utils.set_random_seed(0)
    node = x = keras.Input((6, 6, 2), name="sen2")
    if standardise:
        x = layers.Rescaling([2.0, 3.0], [-1.0, 0.5])(x)
    x = layers.Conv2D(4, 3, use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.Activation("relu" if relu else "linear")(x)
    x = layers.Dropout(0.5)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(node, layers.Softmax()(layers.Dense(3, use_bias=False)(x)))


def _pixels(samples=6):
    return RNG.normal(size=(samples, 6, 6, 2)).astype("float32")


def test_all_scores_are_there_and_the_network_stays_as_it_was():
    model = _network()
    before = [np.array(v) for v in model.variables]
    pixels = _pixels()
    found = _scores(model, pixels)
    assert tuple(found) == SCORES
    for variable, value in zip(model.variables, before, strict=True):
        assert np.array_equal(np.array(variable), value)
    assert _scores(model, pixels) == found  # dropout draws the same


def test_synflow_is_the_number_of_kernels_times_the_output_of_their_absolutes():
    """Without biases and with positive kernels the network is linear in each kernel."""
    model = _network()
    convolution, dense = model.layers[2].kernel, model.layers[-2].kernel
    ones = np.abs(np.array(convolution)).sum(axis=(0, 1, 2)) / np.sqrt(1 + 1e-3)
    output = (ones @ np.abs(np.array(dense))).sum()
    assert _scores(model, _pixels())["synflow"] == pytest.approx(
        np.log(2 * output), rel=1e-5
    )


def test_naswot_counts_the_relus_that_two_samples_share():
    keras.utils.set_random_seed(1)
    node = keras.Input((6, 6, 2), name="sen2")
    x = layers.Dense(40, activation="relu")(layers.Flatten()(node))
    model = keras.Model(node, layers.Dense(3, activation="softmax")(x))
    pixels = _pixels(4)
    hidden = pixels.reshape(4, -1) @ np.array(model.layers[2].kernel) > 0
    same = (hidden[:, None] == hidden[None]).sum(axis=2)
    found = _scores(model, pixels)
    expected = np.linalg.slogdet(same.astype(float))[1]
    assert np.isfinite(expected)
    assert found["naswot"] == pytest.approx(expected, rel=1e-5)
    assert "naswot" not in _scores(model, pixels[[0, 0, 1]])  # a determinant of 0
    assert "naswot" not in _scores(_network(relu=False), pixels)


def test_the_gradient_norm_is_that_of_finite_differences():
    node = keras.Input((6, 6, 2), name="sen2")
    x = layers.GlobalAveragePooling2D()(node)
    model = keras.Model(node, layers.Dense(3, activation="softmax")(x))
    pixels = _pixels(5)
    truth = np.eye(3)[np.arange(5) % 3]
    mean = pixels.mean(axis=(1, 2), dtype=float)
    kernel = np.array(model.layers[-1].kernel, float)

    def loss(kernel, bias):
        logits = mean @ kernel + bias
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        return -np.mean(np.log((p * truth).sum(axis=1)))

    step, squares = 1e-6, 0.0
    for place in np.ndindex(2, 3):
        more = kernel.copy()
        more[place] += step
        squares += ((loss(more, 0) - loss(kernel, 0)) / step) ** 2
    for i in range(3):
        bias = step * np.eye(3)[i]
        squares += ((loss(kernel, bias) - loss(kernel, 0)) / step) ** 2
    found = _scores(model, pixels)["gradient_norm"]
    assert found == pytest.approx(np.sqrt(squares), rel=1e-3)


def test_the_jacobian_of_samples_that_behave_alike_scores_low():
    """A linear network has one Jacobian for all samples: correlations of 1."""
    pixels = _pixels(4)
    node = keras.Input((6, 6, 2), name="sen2")
    linear = keras.Model(node, layers.Dense(3)(layers.Flatten()(node)))
    found = _scores(linear, pixels)["jacobian_covariance"]
    values = np.array([4, 0, 0, 0]) + 1e-5
    assert found == pytest.approx(-np.sum(np.log(values) + 1 / values), rel=1e-2)
    assert _scores(_network(), pixels)["jacobian_covariance"] > found


def test_several_inputs():
    keras.utils.set_random_seed(0)
    nodes = [keras.Input((6, 6, b), name=n) for n, b in (("sen1", 1), ("sen2", 2))]
    x = layers.Concatenate()([layers.Rescaling(2.0)(nodes[0]), nodes[1]])
    x = layers.Conv2D(4, 3, activation="relu")(x)
    x = layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    pixels = {"sen1": _pixels(4)[..., :1], "sen2": _pixels(4)}
    truth = np.eye(3, dtype="float32")[[0, 1, 2, 0]]
    loss = keras.losses.CategoricalCrossentropy()
    found = zero_cost_scores(keras.Model(nodes, x), pixels, truth, loss)
    assert {"synflow", "gradient_norm"} <= found.keys()
