"""A network that rounds as in int8, and trains the network that it was made of."""

import keras
import numpy as np
import pytest
from keras import layers

from autoai4eo.networks.fake_quantized import FakeQuantize, fake_quantized

PIXELS = np.random.default_rng(0).normal(0, 1, (8, 6, 6, 3)).astype("float32")
#: Channels of such unequal size that one scale for all would round most to 0.
SIZES = np.array([1e-3, 1.0, 1e3, 1e-3, 1.0, 1e3])
KERNELS = {
    "conv": lambda: layers.Conv2D(6, 3, use_bias=False),
    "depthwise": lambda: layers.DepthwiseConv2D(3, depth_multiplier=2, use_bias=False),
    "dense": lambda: layers.Dense(6, use_bias=False),
}


def by_channel(layer):
    """The weights of a layer, (n, output channels)."""
    return layer.kernel.numpy().reshape(-1, 6)


@pytest.mark.parametrize("name", KERNELS)
def test_weights_are_rounded_for_each_output_channel(name):
    """Users rely on: rounding as the converters do, so that it is learned from."""
    network = keras.Sequential([keras.Input((6, 6, 3)), KERNELS[name]()])
    (layer,) = network.layers
    exact = by_channel(layer) * SIZES
    layer.set_weights([exact.reshape(layer.kernel.shape)])
    step = np.abs(exact).max(axis=0) / 127
    rounded = np.round(exact / step) * step
    assert not np.allclose(rounded, exact, rtol=1e-4)
    twin = fake_quantized(network)
    twin(PIXELS, training=True)  # tells the range of the pixels
    found = twin(PIXELS).numpy()
    pixels = PIXELS.copy()
    low, high = PIXELS.min(), PIXELS.max()
    pixels = np.round((pixels - low) / (high - low) * 255) / 255 * (high - low) + low
    layer.set_weights([rounded.reshape(layer.kernel.shape)])
    expected = network(pixels).numpy()
    # the range is nudged, so that it holds 0 exactly
    near = np.abs(found - expected).max(axis=(0, 1, 2))
    assert (near < 0.02 * np.abs(expected).max(axis=(0, 1, 2))).all()


def test_separable_convolutions_are_rounded_in_both_parts():
    network = keras.Sequential([keras.Input((6, 6, 3)), layers.SeparableConv2D(4, 3)])
    (layer,) = network.layers
    # all weights of a channel but the largest are rounded to 0
    depth = np.full((3, 3, 3, 1), 1e-3)
    depth[1, 1] = 1.0
    point = np.full((1, 1, 3, 4), 1e-3)
    point[0, 0, 0] = 1.0
    layer.set_weights([depth, point, np.zeros(4)])
    twin = fake_quantized(network)
    twin(PIXELS, training=True)
    found = twin(PIXELS).numpy()
    expected = np.repeat(PIXELS[:, 1:-1, 1:-1, :1], 4, axis=-1)
    assert np.abs(found - expected).max() < 0.02
    assert np.abs(network(PIXELS).numpy() - expected).max() < 0.2


def residual():
    inputs = keras.Input((6, 6, 3), name="sen2")
    x = layers.Rescaling(2.0)(inputs)
    x = layers.Conv2D(4, 3, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.5)(x))
    inner = keras.Input(x.shape[1:])
    branch = keras.Model(inner, layers.Conv2D(4, 3, padding="same")(inner))
    x = layers.Add()([x, branch(x)])
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model({"sen2": inputs}, layers.Dense(2, activation="softmax")(x))


def test_training_it_trains_the_network():
    """Users rely on: the network is exported as before, with the weights learned."""
    network = residual()
    names = [layer.name for layer in network.layers]
    before = network.get_weights()
    twin = fake_quantized(network)
    assert {id(v) for v in twin.trainable_variables} == {
        id(v) for v in network.trainable_variables
    }
    twin.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    twin.fit({"sen2": PIXELS}, np.arange(8) % 2, epochs=3, verbose=0)
    after = network.get_weights()
    for old, new in zip(before, after, strict=True):
        assert not np.array_equal(old, new)
    assert [layer.name for layer in network.layers] == names
    ranges = [x for x in twin.layers if isinstance(x, FakeQuantize)]
    # before three kernels, and after the inner one and before the pooling
    assert len(ranges) == 5
    assert all(x.low.numpy() <= 0 < x.high.numpy() for x in ranges)
    exact, rounded = (one({"sen2": PIXELS}).numpy() for one in (network, twin))
    assert 0 < np.abs(exact - rounded).max() < 0.1


def test_missing_pixels_are_replaced_before_anything_is_rounded():
    inputs = keras.Input((6, 6, 3))
    both = layers.Concatenate()([inputs, inputs])
    known = keras.ops.where(keras.ops.isnan(both), 0.0, both)
    network = keras.Model(inputs, layers.Conv2D(2, 3)(known))
    twin = fake_quantized(network)
    missing = PIXELS.copy()
    missing[0, 0, 0] = np.nan
    assert np.isfinite(twin(missing, training=True)).all()
    assert np.isfinite(twin(missing)).all()


def test_what_is_always_zero_stays_zero():
    inputs = keras.Input((3,))
    network = keras.Model(inputs, layers.Dense(2)(layers.Rescaling(0.0)(inputs)))
    network.set_weights([np.zeros((3, 2)), np.ones(2)])
    twin = fake_quantized(network)
    twin(np.ones((4, 3), "float32"), training=True)
    assert (twin(np.ones((4, 3), "float32")).numpy() == 1).all()
