"""Equal networks have equal fingerprints, others have others."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers, ops

from autoai4eo.errors import UserError
from autoai4eo.networks.fingerprint import fingerprint


def network(name=lambda kind: None, extra=None, **changes):
    """Two sensors, a shared layer, a nested model and raw operations."""
    conv = dict(filters=4, kernel_size=3, padding="same", activation="relu") | changes
    left = keras.Input((8, 8, 4), name=name("sen1"))
    right = keras.Input((8, 8, 4), name=name("sen2"))
    shared = layers.Conv2D(name=name("shared"), **conv)
    inner_image = keras.Input((8, 8, 4))
    inner = keras.Model(
        inner_image, layers.SeparableConv2D(4, 3, name=name("deep"))(inner_image)
    )
    x = layers.Add(name=name("add"))([shared(left), shared(right)])
    x = inner(ops.where(ops.isfinite(x), x, 0.0) - np.zeros(4, "float32"))
    x = layers.Dropout(0.1, seed=3, name=name("dropout"))(x)
    if extra is not None:
        x = extra(x)
    x = layers.GlobalAveragePooling2D(name=name("pool"))(x)
    return keras.Model([left, right], layers.Dense(3, name=name("head"))(x))


@pytest.fixture(scope="module")
def plain():
    return fingerprint(network())


@settings(deadline=None, max_examples=10)
@given(st.permutations(range(9)), st.text("abcxyz", min_size=1, max_size=5))
def test_names_do_not_matter(order, stem):
    numbers = iter(order)
    name = lambda kind: f"{stem}_{next(numbers)}_{kind}"  # noqa: E731
    assert fingerprint(network(name)) == fingerprint(network())


def test_form():
    assert len(fingerprint(network())) == 64


@pytest.mark.parametrize(
    "changes",
    [
        dict(kernel_initializer="zeros", bias_initializer="ones"),
        dict(kernel_regularizer="l2", kernel_constraint="max_norm"),
        dict(dtype="float32"),
    ],
)
def test_what_inference_does_not_depend_on_does_not_matter(plain, changes):
    assert fingerprint(network(**changes)) == plain


@pytest.mark.parametrize(
    "changes",
    [
        dict(kernel_size=5),
        dict(groups=2),
        dict(dilation_rate=2),
        dict(activation="gelu"),
        dict(use_bias=False),
        dict(trainable=False),
        dict(extra=layers.ReLU()),
        dict(extra=lambda x: x + 1),
        dict(extra=lambda x: x[:, ::2]),
        dict(dtype="mixed_float16"),
    ],
)
def test_what_inference_depends_on_matters(plain, changes):
    assert fingerprint(network(**changes)) != plain


def model_of(function, *shapes):
    inputs = [keras.Input(shape) for shape in shapes]
    return keras.Model(inputs, function(*inputs))


def test_shapes_strides_and_settings_matter():
    def one(shape=(8, 8, 4), **settings_):
        return fingerprint(model_of(layers.Conv2D(4, 3, **settings_), shape))

    variants = [
        one(),
        one((9, 8, 4)),
        one((8, 8, 3)),
        one((None, None, 4)),
        one(strides=2),
        one(padding="same"),
        one(strides=(1, 2)),
    ]
    assert len(set(variants)) == len(variants)
    assert one() == variants[0]


def test_sharing_matters():
    def chain(first, second):
        return fingerprint(model_of(lambda x: second(first(x)), (4,)))

    layer = layers.Dense(4)
    assert chain(layer, layer) != chain(layers.Dense(4), layers.Dense(4))


def test_connections_matter():
    def graph(wire):
        def build(x):
            a, b = layers.Dense(4)(x), layers.Dense(4, "relu")(x)
            return wire(x, a, b)

        return fingerprint(model_of(build, (4,)))

    wires = [
        lambda x, a, b: layers.Concatenate()([a, b]),
        lambda x, a, b: layers.Concatenate()([b, a]),
        lambda x, a, b: layers.Concatenate()([a, x, b]),
        lambda x, a, b: layers.Concatenate()([a, a, b]),
        lambda x, a, b: [a, b],
        lambda x, a, b: [b, a],
    ]
    assert len({graph(wire) for wire in wires}) == len(wires)
    assert graph(wires[0]) == graph(wires[0])


def test_order_of_making_does_not_matter():
    def build(b_first):
        def graph(x):
            if b_first:
                b = layers.Dense(4, "relu")(x)
                a = layers.Dense(4)(x)
            else:
                a = layers.Dense(4)(x)
                b = layers.Dense(4, "relu")(x)
            return layers.Add()([a, b])

        return fingerprint(model_of(graph, (4,)))

    assert build(b_first=True) == build(b_first=False)


def test_which_input_goes_where_matters():
    def build(swap):
        a, b = keras.Input((4,)), keras.Input((4,))
        out = layers.Concatenate()([layers.Dense(2)(a), b])
        return fingerprint(keras.Model([b, a] if swap else [a, b], out))

    assert build(swap=True) != build(swap=False)


def test_nesting_is_no_difference():
    flat = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dense(2)])
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    nested = keras.Sequential([keras.Input((4,)), inner, layers.Dense(2)])
    x = keras.Input((4,))
    functional = keras.Model(x, layers.Dense(2)(layers.Dense(3)(x)))
    assert fingerprint(flat) == fingerprint(nested) == fingerprint(functional)


def test_constants_of_the_data_do_not_matter_but_dropout_does():
    def one(layer):
        return fingerprint(model_of(layer, (6, 2)))

    def normal(mean):
        return layers.Normalization(mean=mean, variance=[1.0, 2.0])

    assert one(normal([0.1, 0.2])) == one(normal([0.3, 0.4]))
    assert one(layers.Dropout(0.1)) == one(layers.Dropout(0.1, seed=1))
    assert one(layers.Dropout(0.1)) != one(layers.Dropout(0.2))
    assert one(lambda x: x + np.ones(2)) == one(lambda x: x + np.zeros(2))
    assert one(lambda x: x + 1.0) != one(lambda x: x + 2.0)
    assert one(lambda x: ops.mean(x, 1)) != one(lambda x: ops.mean(x, 1, keepdims=True))


def test_wrapped_layers_are_looked_into():
    def one(layer):
        return fingerprint(model_of(layers.TimeDistributed(layer), (5, 4)))

    def inner(units):
        return keras.Sequential([keras.Input((4,)), layers.Dense(units)])

    assert one(layers.Dense(3, name="a")) == one(layers.Dense(3, name="b"))
    assert one(layers.Dense(3)) != one(layers.Dense(4))
    assert one(inner(3)) == one(inner(3)) != one(inner(4))


def test_layers_without_a_config_and_models_without_a_graph():
    class Scale(layers.Layer):
        def __init__(self, *by):
            super().__init__()
            self.by = by

        def call(self, x):
            return x * self.by[0]

    def one(by):
        return fingerprint(model_of(Scale(by), (4,)))

    assert one(2) == one(2) != one(3)

    class Subclassed(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(UserError, match="Subclassed"):
        fingerprint(Subclassed())


def test_saving_and_loading_keeps_it(tmp_path, plain):
    model = network()
    model.save(tmp_path / "m.keras")
    assert fingerprint(keras.models.load_model(tmp_path / "m.keras")) == plain


def dropped(rate, place):
    x = image = keras.Input((8, 8, 4))
    if place == "first":
        x = layers.SpatialDropout2D(rate)(x)
    x = layers.Conv2D(4, 3)(x)
    if place == "last":
        x = layers.GaussianNoise(rate)(x)
    return keras.Model(image, layers.Dense(2)(layers.Flatten()(x)))


def test_at_inference_dropout_is_no_difference():
    """Users rely on: networks that run alike are recorded with one latency."""
    several = [dropped(0.1, "first"), dropped(0.2, "first"), dropped(0.3, "last")]
    several.append(dropped(0.0, "nowhere"))
    assert len({fingerprint(model, inference=True) for model in several}) == 1
    assert len({fingerprint(model) for model in several}) == 4
    other = keras.Sequential([keras.Input((8, 8, 4)), layers.Flatten()])
    assert fingerprint(other, inference=True) != fingerprint(several[0], inference=True)
