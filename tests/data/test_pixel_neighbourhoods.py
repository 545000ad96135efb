"""Statistics around pixels, compared with each window computed alone."""

import numpy as np

from autoai4eo.data.pixel_neighbourhoods import pixel_neighbourhoods


def test_statistics_are_those_of_the_window_inside_of_the_patch():
    rng = np.random.default_rng(0)
    pixels = rng.normal(5000, 30, (2, 9, 8, 3)).astype("float32")
    pixels[0, :5, :5, 1] = np.nan
    pixels[1, 2, 2] = np.inf
    bands = {"sen2": ["B03", "B08", "B12"], "sen1": ["VV"]}
    given = {"sen2": pixels, "sen1": np.zeros((2, 9, 8, 1), np.float32)}
    found = pixel_neighbourhoods(given, bands)
    green, near = pixels[..., 0], pixels[..., 1]
    with np.errstate(invalid="ignore"):
        ndwi = (green - near) / (green + near)
    channels = [*np.moveaxis(pixels, -1, 0), ndwi, given["sen1"][..., 0]]
    assert found.shape == (2, 9, 8, 5 * len(channels)) and found.dtype == np.float32
    for i, channel in enumerate(channels):
        of_channel = found[..., 5 * i : 5 * i + 5]
        if i == 4:  # the other input
            assert (of_channel == 0).all()
            continue
        for n, y, x in [(0, 0, 0), (0, 2, 2), (0, 4, 5), (1, 2, 3), (1, 8, 7)]:
            value = channel[n, y, x]
            expected = [value if np.isfinite(value) else np.nan]
            for reach in (1, 3):
                rows = slice(max(y - reach, 0), y + reach + 1)
                window = channel[n, rows, max(x - reach, 0) : x + reach + 1]
                inside = window[np.isfinite(window)].astype(float)
                none = not len(inside)
                expected += [np.nan] * 2 if none else [inside.mean(), inside.std()]
            np.testing.assert_allclose(
                of_channel[n, y, x], expected, rtol=1e-5, atol=1e-4
            )
