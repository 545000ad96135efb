"""The layers that a device profile measures, each as a network."""

import keras
import numpy as np
import pytest

from autoai4eo.cost.layers import (
    calls_by_configuration,
    configuration_of,
    layer_configurations,
)
from autoai4eo.devices.single_layers import choose, one_layer


@pytest.fixture(scope="module")
def calls():
    pixels = keras.Input((16, 16, 4), name="sen2")
    x = pixels
    for width in (4, 8, 12, 16):
        x = keras.layers.Conv2D(width, 3, padding="same")(x)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.ReLU()(x)
    x = keras.layers.Add()([x, keras.layers.DepthwiseConv2D(3, padding="same")(x)])
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Dropout(0.2)(x))
    return calls_by_configuration(keras.Model(pixels, keras.layers.Dense(3)(x)))


def kinds(chosen):
    return [type(call.layer).__name__ for call in chosen]


def test_layers_of_each_kind_are_chosen(calls):
    chosen = choose(calls, 10)
    assert len(chosen) == 10
    assert {"Conv2D", "DepthwiseConv2D", "Dense", "ReLU", "Add"} <= set(kinds(chosen))
    assert sum(layer.macs > 0 for layer in calls_of(chosen)) >= 5


def test_small_and_large_ones_are_chosen(calls):
    macs = [layer.macs for layer in calls if layer.kind == "Conv2D"]
    chosen = calls_of(choose(calls, 10))
    found = [layer.macs for layer in chosen if layer.kind == "Conv2D"]
    assert {min(macs), max(macs)} <= set(found)


def test_no_more_layers_than_there_are(calls):
    everything = choose(calls, 1000)
    assert len(everything) == len({id(call) for call in everything}) <= len(calls)
    assert len(choose(calls, 2)) == 2


def test_a_chosen_layer_is_a_network_of_its_own(calls):
    for call in choose(calls, 1000):
        model = one_layer(call)
        arrays = [np.ones((2, *x.shape[1:]), "float32") for x in model.inputs]
        model(arrays if len(arrays) > 1 else arrays[0])
        (found,) = calls_of([call])
        assert found in layer_configurations(model)


def calls_of(chosen):
    return [configuration_of(call) for call in chosen]
