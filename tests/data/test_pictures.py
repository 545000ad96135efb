import numpy as np

from autoai4eo.data.pictures import pictures
from autoai4eo.data.readers.base import InputSpec
from autoai4eo.data.sensors import band


def spec(*names):
    bands = tuple(band(name) for name in names)
    return InputSpec("x", "", bands, 4, 4)


def test_true_colour_takes_the_bands_by_name():
    pixels = np.zeros((1, 4, 4, 4))
    pixels[..., 3] = np.arange(16).reshape(4, 4)  # B04
    found = pictures(pixels, spec("B02", "B08", "B03", "B04"))
    assert found.shape == (1, 4, 4, 3) and found.dtype == np.uint8
    assert found[0, 0, 0, 0] == 0 and found[0, 3, 3, 0] == 255
    assert not found[..., 1:].any()


def test_radar_is_vv_vh_and_their_difference():
    decibel = np.stack(np.meshgrid([-20.0, -10, -5, 0], [-25.0, -15, -9, -3]), -1)
    found = pictures(decibel[None], spec("VV", "VH"))
    assert found[0, 0, 0].tolist()[:2] == [0, 0]
    assert found[0, 0, 3, 2] == 255 and found[0, 3, 0, 2] == 0
    power = pictures(10 ** (decibel[None] / 10), spec("VV_intensity", "VH_intensity"))
    np.testing.assert_allclose(power.astype(int), found, atol=1)


def test_unknown_bands_are_grey_and_missing_pixels_black():
    pixels = np.random.default_rng(0).normal(size=(2, 4, 4, 2))
    pixels[0, 0, 0] = np.nan
    found = pictures(pixels, spec("band1", "band2"))
    assert (found[..., 0] == found[..., 2]).all() and not found[0, 0, 0].any()
    assert not pictures(np.full((1, 4, 4, 2), np.nan), spec("band1", "band2")).any()
