import keras
import numpy as np
import pytest
import scipy.optimize
import scipy.special

from autoai4eo.deploy.export.temperature import (
    temperature_of,
    with_fitted_temperature,
    with_temperature,
)
from autoai4eo.errors import UserError
from autoai4eo.learning.calibration import fit_temperature, scaled


def drawn(temperature, samples=20_000, classes=5):
    """Labels drawn from probabilities, which then are made surer by a temperature."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(samples, classes)) * 2
    honest = scipy.special.softmax(logits, axis=-1)
    truth = (honest.cumsum(axis=1) < rng.random((samples, 1))).sum(axis=1)
    return truth, logits * temperature


def test_the_temperature_that_was_used_is_found_again():
    truth, logits = drawn(2.5)
    found = scipy.special.softmax(logits, axis=-1).astype("float32")
    assert fit_temperature(truth, found) == pytest.approx(2.5, rel=0.03)


def test_no_other_temperature_has_a_smaller_loss():
    truth, logits = drawn(1.7, samples=500)

    def loss(t):
        log = scipy.special.log_softmax(logits / t, axis=-1)
        return -log[np.arange(len(truth)), truth].mean()

    expected = scipy.optimize.minimize(loss, x0=1.0, method="Nelder-Mead").x[0]
    found = fit_temperature(truth, scipy.special.softmax(logits, axis=-1))
    assert found == pytest.approx(expected, rel=1e-3)


def test_a_network_that_is_always_right_gets_the_lowest_temperature():
    probabilities = np.tile([0.9, 0.1], (10, 1))
    found = fit_temperature(np.zeros(10, int), probabilities)
    assert 0.05 <= found < 0.1


def network(last):
    inputs = keras.Input((6,), name="sen2")
    tensor = keras.layers.Dense(8, activation="relu")(inputs)
    return keras.Model(inputs, last(tensor))


def dense_then_softmax(tensor):
    return keras.layers.Softmax(name="head")(keras.layers.Dense(3)(tensor))


@pytest.mark.parametrize(
    "last",
    [
        dense_then_softmax,
        lambda x: keras.layers.Activation("softmax")(keras.layers.Dense(3)(x)),
        keras.layers.Dense(3, activation="softmax", bias_initializer="ones"),
        lambda x: keras.layers.Softmax()(keras.layers.Dense(3, use_bias=False)(x)),
    ],
)
def test_a_network_with_a_temperature_divides_its_logits(last):
    model = network(last)
    pixels = np.random.default_rng(0).normal(size=(16, 6)).astype("float32")
    before = model.predict(pixels, verbose=0)
    changed = with_temperature(model, 2.0)
    found = changed.predict(pixels, verbose=0)
    np.testing.assert_allclose(found, scaled(before, 2.0), atol=1e-6)
    np.testing.assert_array_equal(model.predict(pixels, verbose=0), before)
    assert [n.name for n in changed.inputs] == ["sen2"]
    assert [type(a) for a in changed.layers] == [type(a) for a in model.layers]


def test_other_networks_are_refused():
    for last in (
        keras.layers.Dense(3, activation="sigmoid"),
        keras.layers.Softmax(),
        lambda x: keras.layers.Softmax()(keras.layers.Dense(3, "relu")(x)),
    ):
        with pytest.raises(UserError, match="ends with a dense layer and a softmax"):
            with_temperature(network(last), 2.0)
    with pytest.raises(UserError, match="expected a number above 0"):
        with_temperature(network(dense_then_softmax), 0.0)


def test_a_run_without_a_temperature_says_what_to_do(tmp_path):
    with pytest.raises(UserError, match="temperature was fitted, found none"):
        temperature_of(tmp_path)


def test_a_trial_that_is_not_the_finalist_is_refused(tmp_path):
    with pytest.raises(UserError, match="expected the finalist, found trial 3"):
        with_fitted_temperature(tmp_path, network(dense_then_softmax), 3)
