"""Scores of untrained networks, against what is derived by hand."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import keras
import numpy as np
import pytest
from keras import layers, ops

from autoai4eo.errors import UserError
from autoai4eo.learning.zero_cost import (
    SCORES,
    jacobian_covariance,
    naswot,
    zero_cost_scores,
)

LOSS = keras.losses.CategoricalCrossentropy()
MEAN, SPREAD = 1000.0, 500.0


def pixels(samples=6, bands=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(samples, 6, 6, bands)).astype("float32")


def truth(samples):
    return np.eye(3, dtype="float32")[np.arange(samples) % 3]


def scores(model, given):
    given = given if isinstance(given, dict) else {"sen2": given}
    return zero_cost_scores(model, given, truth(len(next(iter(given.values())))), LOSS)


def network(end="layer", *, dropout=0.0, units=None, depth=1, width=4):
    """Convolutions with batch normalisation; `units`: (mean, spread) of the bands."""
    keras.utils.set_random_seed(0)
    node = x = keras.Input((6, 6, 2), name="sen2")
    if units:
        mean, spread = units
        x = ops.where(ops.isfinite(x), x, np.float32(mean))  # as `ae.ImageInput`
        x = layers.Rescaling([1 / spread] * 2, [-mean / spread] * 2)(x)
    for _ in range(depth):
        x = layers.Conv2D(
            width, 3, padding="same", use_bias=False, kernel_initializer="he_normal"
        )(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Dropout(dropout)(layers.GlobalAveragePooling2D()(x))
    if end == "in dense":
        return keras.Model(node, layers.Dense(3, activation="softmax")(x))
    x = layers.Dense(3)(x)
    if end == "operation":
        return keras.Model(node, ops.softmax(x))
    if end == "activation":
        return keras.Model(node, layers.Activation("softmax")(x))
    return keras.Model(node, layers.Softmax()(x))


def kernel_of(model, place):
    found = [w for w in model.trainable_variables if w.name == "kernel"]
    return np.array(found[place], float)


def softmax(logits):
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def test_the_network_stays_as_it_was_and_no_score_is_left_to_chance():
    model = network(dropout=0.5, units=(MEAN, SPREAD))
    before = [np.array(v) for v in model.variables]
    given = MEAN + SPREAD * pixels()
    found = scores(model, given)
    assert tuple(found) == SCORES
    assert all(isinstance(value, float) for value in found.values())
    for variable, value in zip(model.variables, before, strict=True):
        assert np.array_equal(np.array(variable), value)
    twin = network(dropout=0.5, units=(MEAN, SPREAD))
    keras.utils.set_random_seed(7)  # another state of every generator
    assert scores(twin, given) == found
    without = network(units=(MEAN, SPREAD))
    for other, variable in zip(
        without.trainable_variables, model.trainable_variables, strict=True
    ):
        other.assign(variable)
    assert scores(without, given) == found


def test_the_units_of_the_pixels_do_not_matter():
    given = pixels()
    found = scores(network(units=(MEAN, SPREAD)), MEAN + SPREAD * given)
    assert found == pytest.approx(scores(network(units=(0.0, 1.0)), given), rel=1e-3)
    one_band = network()  # a band in other units, standardised by the kernel itself
    weights = one_band.get_weights()
    weights[0][:, :, 0] /= 100
    other = network()
    other.set_weights(weights)
    found, wanted = scores(other, given * [100, 1]), scores(one_band, given)
    assert found["jacobian_covariance"] == pytest.approx(
        wanted["jacobian_covariance"], rel=1e-3
    )


@pytest.mark.parametrize("end", ["in dense", "operation", "activation"])
def test_outputs_are_those_before_a_softmax_wherever_it_is(end):
    """The outputs after it sum to 1: nothing would depend on anything."""
    found = scores(network(end), pixels())
    assert found == pytest.approx(scores(network(), pixels()), rel=1e-5)
    model = network("in dense")
    scores(model, pixels())
    assert model.layers[-1].activation is keras.activations.softmax


def test_missing_pixels_do_not_matter_where_the_network_replaces_them():
    given = MEAN + SPREAD * pixels()
    given[0, 0] = np.nan
    assert scores(network(units=(MEAN, SPREAD)), given).keys() == set(SCORES)


def test_synflow_is_the_number_of_kernels_times_the_output_of_their_absolutes():
    """A network of positive weights is linear in each of its kernels."""
    model = network(units=(MEAN, SPREAD))
    inner = np.abs(kernel_of(model, 0))
    # a 3×3 kernel over 6×6 ones, zeros around them: rows and columns that it meets
    met = np.array([5, 6, 5]) / 6
    features = np.einsum("i,j,ijbc->c", met, met, inner)
    output = (features @ np.abs(kernel_of(model, 1))).sum()
    found = scores(model, pixels())["synflow"]
    assert found == pytest.approx(np.log(2 * output), abs=1e-6)
    assert found == scores(model, pixels(seed=1))["synflow"]  # of no data


def test_synflow_leaves_out_the_scale_of_pixels_but_not_that_of_features():
    """The operation `none` of a cell is a scale of 0."""
    keras.utils.set_random_seed(0)
    node = keras.Input((6, 6, 2), name="sen2")
    x = layers.Rescaling(5.0, -9.0)(node)
    x = layers.Conv2D(4, 1, activation="relu")(x)
    x = layers.Add()([layers.Rescaling(3.0)(x), layers.Rescaling(0.0)(x)])
    model = keras.Model(node, layers.GlobalAveragePooling2D()(x))
    wanted = np.log(3 * np.abs(kernel_of(model, 0)).sum())
    found = zero_cost_scores(model, {"sen2": pixels()}, np.eye(4)[[0] * 6], LOSS)
    assert found["synflow"] == pytest.approx(wanted, abs=1e-6)


def test_synflow_of_a_deep_network_is_beyond_float32():
    model = network(depth=30, width=64)
    vector = np.ones((1, 6, 6, 2))
    for place in range(30):
        kernel = np.abs(kernel_of(model, place))
        padded = np.pad(vector, ((0, 0), (1, 1), (1, 1), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))
        vector = np.einsum("nhwbij,ijbc->nhwc", windows, kernel)
    output = (vector.mean(axis=(1, 2)) @ np.abs(kernel_of(model, 30))).sum()
    assert output > np.finfo("float32").max
    found = scores(model, pixels())["synflow"]
    assert found == pytest.approx(np.log(31 * output), rel=1e-9)


def test_the_jacobian_is_that_of_finite_differences():
    keras.utils.set_random_seed(1)
    node = keras.Input((6, 6, 2), name="sen2")
    x = layers.Dense(20, activation="relu")(layers.Flatten()(node))
    model = keras.Model(node, layers.Dense(3, activation="sigmoid")(x))
    given = pixels(4)
    inner, outer = kernel_of(model, 0), kernel_of(model, 1)
    flat = given.reshape(4, -1).astype(float)

    def outputs(flat):
        return (np.maximum(flat @ inner, 0) @ outer).sum(axis=1)

    step = 1e-6 * np.eye(flat.shape[1])
    jacobian = np.stack([(outputs(flat + s) - outputs(flat)) / 1e-6 for s in step], 1)
    jacobian *= np.tile(given.std(axis=(0, 1, 2)), 36)
    values = np.linalg.eigvalsh(np.corrcoef(jacobian)) + 1e-5
    wanted = -np.sum(np.log(values) + 1 / values)
    assert scores(model, given)["jacobian_covariance"] == pytest.approx(
        wanted, rel=1e-4
    )


def test_samples_that_behave_alike_score_low():
    """A linear network has one Jacobian for all samples: correlations of 1."""
    node = keras.Input((6, 6, 2), name="sen2")
    linear = keras.Model(node, layers.Dense(3)(layers.Flatten()(node)))
    found = scores(linear, pixels(4))
    values = np.array([4, 0, 0, 0]) + 1e-5
    wanted = -np.sum(np.log(values) + 1 / values)
    assert found["jacobian_covariance"] == pytest.approx(wanted, rel=1e-2)
    assert "naswot" not in found  # it has no ReLU
    assert scores(network(), pixels(4))["jacobian_covariance"] > wanted / 2


def test_constant_derivatives_are_equal_to_each_other_and_unlike_others():
    rows = np.random.default_rng(0).normal(size=(2, 50))
    flat = np.full((2, 50), [[0.0], [0.1]])  # 0.1 is not exact in binary
    correlation = np.eye(4)
    correlation[:2, :2] = np.corrcoef(rows)
    correlation[2, 3] = correlation[3, 2] = 1
    values = np.maximum(np.linalg.eigvalsh(correlation), 0) + 1e-5
    wanted = -np.sum(np.log(values) + 1 / values)
    assert jacobian_covariance(np.vstack([rows, flat])) == pytest.approx(wanted)
    assert np.isnan(jacobian_covariance(np.array([[1.0, np.inf], [0.0, 1.0]])))


def test_naswot_counts_the_relu_that_two_samples_share():
    """Those with statistics of the batch, in nested models, and of all three kinds."""
    keras.utils.set_random_seed(1)
    node = keras.Input((6, 6, 2), name="sen2")
    nested = keras.Sequential(
        [
            keras.Input((72,)),
            layers.Dense(30),
            layers.BatchNormalization(),
            layers.Activation("relu"),
        ]
    )
    x = nested(layers.Flatten()(node))
    x = ops.relu(layers.Dense(20, activation="relu")(x) - 0.3)
    model = keras.Model(node, layers.Dense(3)(x))
    given = pixels(4)
    first = given.reshape(4, -1).astype(float) @ kernel_of(model, 0)
    first = (first - first.mean(axis=0)) / np.sqrt(first.var(axis=0) + 1e-3)
    second = np.maximum(first, 0) @ kernel_of(model, 1)
    pre = np.concatenate([first, second, second - 0.3], axis=1)
    same = ((pre > 0)[:, None] == (pre > 0)[None]).sum(axis=2)
    wanted = np.linalg.slogdet(same.astype(float))[1]
    found = scores(model, given)["naswot"]
    assert found == pytest.approx(wanted, abs=1e-4)
    twice = scores(model, given[[0, 0, 1, 2]])["naswot"]
    assert twice < found - 5


def test_equal_patterns_have_a_finite_naswot():
    counts = np.array([[5.0, 5.0], [5.0, 5.0]])
    assert naswot(counts) == pytest.approx(np.log(10 * 1e-5 + 1e-10))


def test_the_gradient_norm_is_that_of_finite_differences():
    """With the statistics of the batch, and of trainable weights only."""
    keras.utils.set_random_seed(2)
    node = keras.Input((6, 6, 2), name="sen2")
    x = layers.Dense(2, trainable=False)(layers.GlobalAveragePooling2D()(node))
    x = layers.BatchNormalization(epsilon=1e-3)(x)
    model = keras.Model(node, layers.Dense(3, activation="softmax")(x))
    given = pixels(5)
    mean = given.mean(axis=(1, 2), dtype=float)
    frozen = np.array(model.layers[2].kernel, float)
    features = mean @ frozen
    features = (features - features.mean(axis=0)) / np.sqrt(features.var(axis=0) + 1e-3)
    start = [np.ones(2), np.zeros(2), kernel_of(model, 0), np.zeros(3)]

    def loss(gamma, beta, kernel, bias):
        chances = softmax((features * gamma + beta) @ kernel + bias)
        return -np.mean(np.log((chances * truth(5)).sum(axis=1)))

    squares = 0.0
    for i, weight in enumerate(start):
        for place in np.ndindex(weight.shape):
            ends = []
            for step in (1e-5, -1e-5):
                moved = [w.copy() for w in start]
                moved[i][place] += step
                ends.append(loss(*moved))
            squares += ((ends[0] - ends[1]) / 2e-5) ** 2
    found = scores(model, given)["gradient_norm"]
    assert found == pytest.approx(np.sqrt(squares), rel=1e-4)


def two_inputs():
    """Networks of one and of two inputs that compute the same."""
    keras.utils.set_random_seed(0)
    nodes = [keras.Input((6, 6, b), name=n) for n, b in (("sen1", 1), ("sen2", 2))]
    tail = keras.Sequential(
        [
            keras.Input((6, 6, 3)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    joined = layers.Concatenate()([layers.Rescaling(2.0)(nodes[0]), nodes[1]])
    one = keras.Input((6, 6, 3), name="both")
    scaled = layers.Rescaling([2.0, 1.0, 1.0])(one)
    return keras.Model(nodes, tail(joined)), keras.Model(one, tail(scaled))


def test_several_inputs_are_one_input_of_all_bands():
    several, one = two_inputs()
    both = pixels(5, bands=3)
    found = scores(several, {"sen2": both[..., 1:], "sen1": both[..., :1]})
    assert tuple(found) == SCORES
    assert found == pytest.approx(scores(one, {"both": both}), rel=1e-5)


def test_gradients_that_overflow_leave_a_score_out():
    model = network()
    huge = [w * 1e38 if w.ndim == 2 else w for w in model.get_weights()]
    model.set_weights(huge)
    found = scores(model, pixels())
    assert "naswot" in found
    assert all(np.isfinite(value) for value in found.values())
    assert found.keys() < set(SCORES)


def test_a_network_without_a_graph_is_refused():
    class Opaque(keras.Model):
        def call(self, x):
            return x

    node = keras.Input((6, 6, 2), name="sen2")
    with pytest.raises(UserError, match=r"Opaque .* without a graph of layers; build"):
        scores(keras.Model(node, Opaque()(node)), pixels())


SCRIPT = """
import json, sys
import numpy as np
from test_zero_cost import network, pixels, scores

model = network("in dense", dropout=0.5, depth=2)
kept = np.load(sys.argv[1])
model.set_weights([kept[name] for name in kept.files])
found = scores(model, pixels())
changed = [
    name for name, now in zip(kept.files, model.get_weights())
    if not np.array_equal(kept[name], now)
]
print(json.dumps([found, changed]))
"""


@pytest.mark.slow
@pytest.mark.skipif(find_spec("jax") is None, reason="needs the extra autoai4eo[jax]")
def test_jax_computes_the_same_scores(tmp_path):
    model = network("in dense", dropout=0.5, depth=2)
    np.savez(tmp_path / "weights.npz", *model.get_weights())
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, str(tmp_path / "weights.npz")],
        env={
            **os.environ,
            "KERAS_BACKEND": "jax",
            "XLA_FLAGS": "--xla_backend_optimization_level=0",
            "PYTHONPATH": os.pathsep.join((os.path.dirname(__file__), "tests", ".")),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found, changed = json.loads(done.stdout.splitlines()[-1])
    assert not changed
    assert found == pytest.approx(scores(model, pixels()), rel=1e-3)
