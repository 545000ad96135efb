"""Matches the bands of a scene to the training data's by a factor and a shift."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from autoai4eo.data.units import Typical, Values

Line = tuple[float, float]  # value × factor + shift


def _dark_object(values: np.ndarray, typical: Typical) -> Line:
    return 1.0, typical.p2 - float(np.percentile(values, 2))


def _moments(values: np.ndarray, typical: Typical) -> Line:
    spread = float(values.std())
    factor = typical.std / spread if spread else 1.0
    return factor, typical.mean - factor * float(values.mean())


#: By name. ``dark-object`` shifts a band so that its 2nd percentile is the training
#: data's: haze adds about the same to all pixels (Chavez 1988, "An improved dark-object
#: subtraction technique for atmospheric scattering correction of multispectral data",
#: doi:10.1016/0034-4257(88)90019-3). ``moments`` gives it the training data's mean and
#: standard deviation, which is right only for a scene of the same mix of classes.
MATCHINGS: Mapping[str, Callable[[np.ndarray, Typical], Line]] = {
    "dark-object": _dark_object,
    "moments": _moments,
}


def matching(
    values: Values, typical: Mapping[str, Typical], how: str
) -> dict[str, Line]:
    """Returns factor and shift that bring each band near the training data.

    Args:
        values: of each band, (n,) finite, as the network would read them; a band
            without values is left as it is.
        typical: statistics of the training data, of the same bands.
        how: one of `MATCHINGS`.
    """
    return {
        name: MATCHINGS[how](values[name].astype(np.float64), like)
        if len(values[name])
        else (1.0, 0.0)
        for name, like in typical.items()
    }
