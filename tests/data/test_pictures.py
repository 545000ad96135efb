import numpy as np
import pytest

from autoai4eo.data.pictures import colours_in_words, pictures
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


def test_the_true_colour_image_of_sentinel_2_is_shown_in_colour():
    pixels = np.zeros((1, 4, 4, 3))
    pixels[..., 0] = np.arange(16).reshape(4, 4)
    found = pictures(pixels, spec("TCI_R", "TCI_G", "TCI_B"))
    assert found[0, 3, 3].tolist() == [255, 0, 0]


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


@pytest.mark.parametrize(
    ("bands", "told"),
    [
        (
            ("B02", "B03", "B04", "B08"),
            "true colour (red B04, green B03, blue B02), brightened by a gamma of 0.6",
        ),
        (("R", "G", "B"), "true colour (red R, green G, blue B)"),
        (("VV", "VH"), "red VV, green VH, blue VV − VH, in decibels"),
        (
            ("VH_intensity", "VV_intensity"),
            "red VV, green VH, blue VV − VH, in decibels",
        ),
        (("B08", "B12"), "B08 in grey"),
    ],
)
def test_the_colours_are_told(bands, told):
    """Users rely on: the bands that are named are those that are shown."""
    assert colours_in_words(bands) == told
    shown = [name for name in bands if name.split("_")[0] in told]
    pixels = np.random.default_rng(0).uniform(1, 2, (2, 4, 4, len(bands)))
    before = pictures(pixels, spec(*bands))
    for number, name in enumerate(bands):
        changed = pixels.copy()
        changed[0, 0, 0, number] = 9
        same = (pictures(changed, spec(*bands)) == before).all()
        assert same == (name not in shown)
