import keras
import numpy as np
import pytest

from autoai4eo.errors import UserError
from autoai4eo.learning.optimizer import LayerwiseAdamW, layerwise_adamw

# Keras itself calls what NumPy deprecates.
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning"
)


def network():
    """Two trunks whose layers have the same names, and a head."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,))

    def trunk(name):
        start = keras.Input((6,))
        x = keras.layers.Dense(4, name="first")(start)
        return keras.Model(start, keras.layers.Dense(4, name="last")(x), name=name)

    x = keras.layers.Concatenate()([trunk("one")(inputs), trunk("two")(inputs)])
    return keras.Model(inputs, keras.layers.Dense(2, name="head")(x))


def moves(factors, jit=False, steps=1, **kwargs):
    """How far each layer moves when the model is fitted, by layer name."""
    model = network()
    model.compile(layerwise_adamw(model, factors, **kwargs), "mse", jit_compile=jit)
    before = {layer.name: layer.get_weights() for layer in model.layers}
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(16, 6)), rng.normal(size=(16, 2))
    model.fit(x, y, batch_size=16, epochs=steps, verbose=0)
    return {
        layer.name: [
            a - b for a, b in zip(layer.get_weights(), before[layer.name], strict=True)
        ]
        for layer in model.layers
    }, model


@pytest.mark.parametrize("jit", [False, True])
def test_the_first_step_is_proportional_to_the_factor(jit):
    rate = 1e-2
    moved, _ = moves({"one": 0.1, "two": 0.5}, jit, learning_rate=rate, weight_decay=0)
    # Adam's first step is the rate times the sign of the gradient.
    for name, factor in (("one", 0.1), ("two", 0.5), ("head", 1.0)):
        for move in moved[name]:
            np.testing.assert_allclose(np.abs(move), factor * rate, rtol=1e-2)


def test_factor_zero_freezes_weight_decay_included():
    moved, _ = moves({"one": 0.0}, steps=3, weight_decay=0.5)
    assert all((move == 0).all() for move in moved["one"])
    assert all((move != 0).any() for move in moved["two"] + moved["head"])


def test_without_factors_it_is_adamw():
    def fitted(make):
        model = network()
        model.compile(make(model), "mse")
        rng = np.random.default_rng(1)
        x, y = rng.normal(size=(64, 6)), rng.normal(size=(64, 2))
        model.fit(x, y, batch_size=16, epochs=3, shuffle=False, verbose=0)
        return model.get_weights()

    schedule = keras.optimizers.schedules.CosineDecay(0.01, 20)
    ours = fitted(lambda m: layerwise_adamw(m, {}, learning_rate=schedule))
    keras_own = fitted(lambda m: keras.optimizers.AdamW(schedule, weight_decay=0.004))
    for a, b in zip(ours, keras_own, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_a_saved_model_keeps_its_factors(tmp_path):
    _, model = moves({"one": 0.0, "two": 0.5}, learning_rate=0.02, weight_decay=0.1)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.optimizer, LayerwiseAdamW)
    assert loaded.optimizer.get_config() == model.optimizer.get_config()
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(16, 6)), rng.normal(size=(16, 2))
    for m in (model, loaded):
        m.fit(x, y, batch_size=16, verbose=0)
    for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_frozen_layers_have_no_factor():
    model = network()
    model.get_layer("one").get_layer("first").trainable = False
    optimizer = layerwise_adamw(model, {"one": 0.1})
    assert sorted(optimizer.factors) == [0.1] * 2 + [1.0] * 6


def test_wrong_arguments_are_refused():
    model = network()
    with pytest.raises(UserError, match=r"'three'.*one, two"):
        layerwise_adamw(model, {"three": 0.1})
    with pytest.raises(UserError, match="0 or more for 'one', got -1"):
        layerwise_adamw(model, {"one": -1})
    optimizer = layerwise_adamw(model, {"one": 0.1})
    with pytest.raises(UserError, match=r"expected 10 trainable variables.* got 2"):
        optimizer.build(model.get_layer("head").trainable_variables)
