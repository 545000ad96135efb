"""What the values of bands are, as far as the values themselves show it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autoai4eo.data.sensors import Band

#: Reflectance as it lies in many files: unscaled, such as 0 to 10,000.
DIGITAL_NUMBER = "digital number"
#: Largest 98th percentile that reflectance has; digital numbers are far above.
BRIGHTEST = 2.0


def quantities(bands: Sequence[Band], p98: np.ndarray) -> tuple[str, ...]:
    """Returns the quantity of each band of an input, see `Band`.

    Optical bands are digital numbers if the median of their 98th percentiles is above
    that of any reflectance: their scale is not known.

    Args:
        bands: of one input, n of them.
        p98: their 98th percentiles, (n,); NaN of a band without values.
    """
    optical = np.array([band.quantity == "reflectance" for band in bands])
    known = p98[optical & np.isfinite(p98)]
    unscaled = len(known) > 0 and float(np.median(known)) > BRIGHTEST
    return tuple(
        DIGITAL_NUMBER if unscaled and is_optical else band.quantity
        for band, is_optical in zip(bands, optical, strict=True)
    )
