"""The outputs of a runtime are those of Keras, but for roundings."""

import keras
import numpy as np
import pytest
from keras import layers

from autoai4eo.runtimes.checking import NotConvertible, check_outputs

PIXELS = {"x": np.random.default_rng(0).random((4, 8, 8, 3)).astype("float32")}


def network(steepness):
    """A network whose output is as steep as this in its pixels."""
    x = layers.Input((8, 8, 3), name="x")
    return keras.Model(x, layers.Activation("sigmoid")(steepness * (x - 0.5)))


def run(model, factor=1.0, more=0.0):
    """What computes the outputs of pixels that are rounded otherwise, and are more."""

    def call(pixels):
        values = pixels["x"] * np.float32(factor) + np.float32(more)
        return model(values).numpy()

    return call


def test_a_difference_is_told():
    model = network(1.0)
    check_outputs("onnx", run(model), model, PIXELS, 1e-3)
    with pytest.raises(NotConvertible, match=r"runtime onnx: .* a difference of 0\.00"):
        check_outputs("onnx", run(model, more=0.02), model, PIXELS, 1e-3)


def test_a_network_that_amplifies_roundings_is_no_wrong_conversion():
    """Keras's own outputs differ as much for pixels that differ by a rounding."""
    steep = network(1e4)
    rounded = run(steep, factor=1 + 1e-6)
    pixels = PIXELS
    assert np.abs(rounded(pixels) - steep(pixels["x"]).numpy()).max() > 1e-3
    check_outputs("onnx", rounded, steep, pixels, 1e-3)
    with pytest.raises(NotConvertible):
        check_outputs("onnx", run(steep, factor=1 + 1e-4), steep, pixels, 1e-3)
