"""What values are: reflectance only where no digital number is as small."""

import numpy as np
import pytest

from autoai4eo.data.quantities import quantities
from autoai4eo.data.sensors import band

BANDS = tuple(map(band, ("B02", "B08", "B12", "VV")))


@pytest.mark.parametrize(
    ("p98", "optical"),
    [
        ([0.2, 0.5, 0.4, -5.0], "reflectance"),
        ([1.1, 1.4, 0.9, -5.0], "reflectance"),  # clouds
        ([1184, 4796, 3504, -5.0], "digital number"),
        ([0.0, 4796, 3504, -5.0], "digital number"),  # a band of zeros only
        ([np.nan, 120, 200, -5.0], "digital number"),  # 8 bits; a band without values
        ([np.nan, np.nan, np.nan, np.nan], "reflectance"),
        ([0.2, 0.5, 0.4, 900.0], "reflectance"),  # what radar has tells nothing
    ],
)
def test_optical_values_are_told_by_their_size(p98, optical):
    assert quantities(BANDS, np.array(p98)) == (optical,) * 3 + ("decibel",)
