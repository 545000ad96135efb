"""Counts of whole networks: the literature's figures, sharing, nesting, errors."""

import keras
import pytest
from keras import layers, ops

from autoai4eo.cost import count
from autoai4eo.errors import UserError


def cifar_resnet(depth, bands):
    """ResNet-(6n+2) for 32×32 patches as `design.md` describes it."""

    def conv(x, filters, kernel, stride=1):
        return layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False)(x)

    def relu_bn(x):
        return layers.ReLU()(layers.BatchNormalization()(x))

    image = keras.Input((32, 32, bands))
    x = relu_bn(conv(image, 16, 3))
    for stage, filters in enumerate((16, 32, 64)):
        for block in range((depth - 2) // 6):
            stride = 2 if stage and not block else 1
            y = relu_bn(conv(x, filters, 3, stride))
            y = layers.BatchNormalization()(conv(y, filters, 3))
            if stride == 2:
                x = conv(layers.AveragePooling2D(2)(x), filters, 1)
            x = layers.ReLU()(layers.Add()([x, y]))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(17, activation="softmax")(x))


@pytest.mark.parametrize(
    ("depth", "bands", "mega_macs"),
    [
        (8, 10, 13.53),
        (20, 10, 41.85),
        (32, 10, 70.16),
        (110, 10, 254.18),
        (110, 8, 253.89),
    ],
)
def test_figures_of_the_literature(depth, bands, mega_macs):
    model = cifar_resnet(depth, bands)
    counts = count(model)
    assert round(counts.macs / 1e6, 2) == mega_macs
    assert counts.params == model.count_params()
    # Bias, normalisation, activation and pooling are there, and are small.
    assert 2 * counts.macs < counts.flops < 2.1 * counts.macs


def test_a_shared_layer_works_twice_and_weighs_once():
    x = keras.Input((5,))
    dense = layers.Dense(5)
    counts = count(keras.Model(x, dense(dense(x))))
    assert (counts.macs, counts.params) == (2 * 25, 30)
    assert counts.flops == 2 * 50 + 2 * 5


def test_a_shared_model_works_twice_and_weighs_once():
    inner = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(4, 3)])
    left, right = keras.Input((8, 8, 3)), keras.Input((8, 8, 3))
    both = layers.Add()([inner(left), inner(right)])
    counts = count(keras.Model([left, right], both))
    assert counts.macs == 2 * count(inner).macs == 2 * 36 * 4 * 27
    assert counts.params == inner.count_params()


def test_models_inside_models_inside_models():
    def wrapped(body):
        x = keras.Input((6,))
        return keras.Model(x, body(x))

    deep = wrapped(wrapped(keras.Sequential([keras.Input((6,)), layers.Dense(7)])))
    assert count(deep).macs == 42


def test_a_nested_model_is_counted_at_the_size_it_is_called_with():
    inner_image = keras.Input((None, None, 3))
    inner = keras.Model(inner_image, layers.Conv2D(4, 1)(inner_image))
    small, large = keras.Input((2, 2, 3)), keras.Input((5, 5, 3))
    counts = count(keras.Model([small, large], [inner(small), inner(large)]))
    assert counts.macs == (4 + 25) * 4 * 3


def test_a_nested_model_may_be_called_with_names():
    inner_b, inner_a = keras.Input((2,), name="b"), keras.Input((3,), name="a")
    inner = keras.Model(
        [inner_b, inner_a], [layers.Dense(1)(inner_b), layers.Dense(10)(inner_a)]
    )
    b, a = keras.Input((2,), name="b"), keras.Input((3,), name="a")
    model = keras.Model([b, a], inner({"a": a, "b": b}))
    assert count(model).macs == 2 * 1 + 3 * 10


def test_inputs_by_name():
    s1, s2 = keras.Input((4,), name="sen1"), keras.Input((6,), name="sen2")
    x = layers.Concatenate()([s1, s2])
    counts = count(keras.Model({"sen2": s2, "sen1": s1}, layers.Dense(3)(x)))
    assert counts.macs == 30


def test_raw_operations_cost_flops_only():
    x = keras.Input((4, 4, 2))
    missing = ops.logical_not(ops.isfinite(x))
    y = ops.where(missing, 0.0, x) - 0.5
    y = ops.take(y, [0], axis=-1)
    counts = count(keras.Model(x, y))
    assert (counts.params, counts.macs, counts.flops) == (0, 0, 4 * 32)


def test_counts_are_for_one_sample_whatever_the_batch():
    def model(**shape):
        x = keras.Input(**shape)
        return keras.Model(x, layers.Conv2D(2, 3, activation="relu")(x))

    fixed, free = model(batch_shape=(8, 6, 6, 3)), model(shape=(6, 6, 3))
    assert count(fixed) == count(free)


def test_frozen_weights_are_not_trainable():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(4), layers.Dense(2)])
    model.layers[0].trainable = False
    assert (count(model).params, count(model).trainable_params) == (26, 10)


def test_open_sizes_are_asked_for():
    x = keras.Input((None, None, 3), name="sen2")
    model = keras.Model(x, layers.Conv2D(4, 3, padding="same")(x))
    with pytest.raises(UserError, match=r"'sen2'.*input_shapes"):
        count(model)
    assert count(model, {"sen2": (5, 7, 3)}).macs == 35 * 4 * 27
    with pytest.raises(UserError, match=r"like \(None, None, 3\).*found \(5, 7, 4\)"):
        count(model, {"sen2": (5, 7, 4)})
    with pytest.raises(UserError, match="among sen2, found sen1"):
        count(model, {"sen1": (5, 7, 3)})


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, x):
        return self.dense(x)


def test_a_model_without_a_graph_is_named():
    model = Subclassed()
    x = keras.Input((3,))
    model(x)
    with pytest.raises(UserError, match="Subclassed"):
        count(model)
    with pytest.raises(UserError, match=r"Subclassed.*macs_rule\(Subclassed\)"):
        count(keras.Model(x, model(x)))
    with pytest.raises(UserError, match="knows its inputs"):
        count(keras.Sequential([layers.Dense(2)]))


def test_a_graph_that_its_call_bypasses_is_not_trusted():
    class Odd(keras.Model):
        def __init__(self):
            x = keras.Input((3,))
            super().__init__(x, layers.Dense(2)(x))

        def call(self, x):
            return super().call(super().call(x)[..., :1] * ops.ones((3,)))

    with pytest.raises(UserError, match="Odd"):
        count(Odd())
