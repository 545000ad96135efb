"""Networks whose outputs for a pixel do not depend on where the window ends."""

import keras
import pytest
import segmenters
from keras import layers

from autoai4eo.networks.unpadded import unpadded_period


def network(*chain):
    pixels = x = keras.Input((24, 24, 3), name="image")
    for layer in chain:
        x = layer(x)
    return keras.Model(pixels, x)


@pytest.mark.parametrize(
    ("chain", "period"),
    [
        ([layers.Conv2D(3, 1)], 1),
        ([layers.Conv2D(3, 5)], 1),
        ([layers.Conv2D(4, 3), layers.Conv2D(3, 3, dilation_rate=2)], 1),
        ([layers.Conv2D(4, 2, strides=2), layers.UpSampling2D(2)], 2),
        (
            [
                layers.AveragePooling2D(2),
                layers.MaxPooling2D(2),
                layers.UpSampling2D(4),
            ],
            4,
        ),
        ([layers.ZeroPadding2D(1), layers.Conv2D(3, 3)], None),
        ([layers.Conv2D(3, 3, padding="same")], None),
        ([layers.Conv2D(3, 2, strides=2)], None),  # a class for four pixels
        (
            [layers.MaxPooling2D(2), layers.UpSampling2D(2, interpolation="bilinear")],
            None,
        ),
        ([layers.MaxPooling2D(2), layers.UpSampling2D(4)], None),
        ([layers.Conv2DTranspose(3, 3)], None),  # its edges sum fewer terms
    ],
)
def test_the_period_is_that_of_the_strides(chain, period):
    assert unpadded_period(network(*chain)) == period


def test_networks_with_branches_and_networks_inside():
    assert unpadded_period(segmenters.unpadded((26, 26))) == 2
    inner = segmenters.unpadded((26, 26))
    pixels = keras.Input((26, 26, 3), name="image")
    assert unpadded_period(keras.Model(pixels, inner(pixels))) == 2
    assert unpadded_period(segmenters.pooled((16, 16))) is None
