"""The configurations of a network's layers account for all of its work."""

import keras
import pytest

from autoai4eo.cost import count
from autoai4eo.cost.layers import calls_by_configuration, layer_configurations


@pytest.fixture(scope="module")
def network():
    pixels = keras.Input((8, 8, 4), name="sen2")
    x = keras.layers.Conv2D(4, 3, padding="same", strides=2)(pixels)
    for _ in range(3):
        x = keras.layers.Conv2D(4, 3, padding="same")(x)
    inner = keras.Sequential([keras.Input((4, 4, 4)), keras.layers.MaxPooling2D()])
    x = keras.ops.abs(inner(x))
    return keras.Model(pixels, keras.layers.Dense(3)(keras.layers.Flatten()(x)))


def test_equal_layers_are_counted_together(network):
    found = layer_configurations(network)
    by_kind = {layer.kind: (layer, n) for layer, n in found.items() if n > 1}
    layer, times = by_kind["Conv2D"]
    assert times == 3
    assert layer.inputs == layer.outputs == ((1, 4, 4, 4),)
    assert layer.kernel == (3, 3) and layer.strides == (1, 1)
    assert layer.weights == 3 * 3 * 4 * 4 + 4
    assert layer.elements == 2 * 64 + layer.weights
    assert {"MaxPooling2D", "Absolute", "Dense"} <= {layer.kind for layer in found}


@pytest.mark.parametrize("batch_size", [1, 5])
def test_the_work_of_the_layers_is_that_of_the_network(network, batch_size):
    found, counted = layer_configurations(network, batch_size), count(network)
    macs = sum(layer.macs * n for layer, n in found.items())
    other = sum(layer.other * n for layer, n in found.items())
    assert macs == batch_size * counted.macs > 0
    assert 2 * macs + other == batch_size * counted.flops


def test_sizes_that_are_left_open_are_given():
    pixels = keras.Input((None, None, 4), name="sen2")
    network = keras.Model(pixels, keras.layers.Conv2D(2, 1)(pixels))
    (layer,) = layer_configurations(network, 1, {"sen2": (6, 7, 4)})
    assert layer.outputs == ((1, 6, 7, 2),)


def test_a_call_is_kept_for_each_configuration(network):
    calls = calls_by_configuration(network)
    assert set(calls) == set(layer_configurations(network))
