"""Pretrained weights on other bands than they were trained on.

The first convolution is adapted as if each band the weights expect were *imputed* from
the bands that are there: copied from the band of the same name, else from the nearest
in wavelength. Where several bands stand for one, they share its kernel, the closer the
more; where a band is missing, the nearest one takes over its kernel as well. So the
activations keep their size: on bands that are copies of each other they are exactly
what the weights gave before. This is the inflation rule of Carreira and Zisserman 2017
(arXiv:1705.07750, section 2.4) over bands instead of frames; with one grey band it is
the sum of the kernels, and with bands of which nothing is known the mean kernel times
old over new number of bands, both as in Wightman's timm (`adapt_input_conv`).

Sharing by closeness was measured with the Sentinel-2 LCZ42 weights on a scene with all
13 bands: 100 % of 625 patches keep the label they get with their ten bands, against
43 % with equal shares, where the cirrus band stands for half of B11, and 45 % with
every kernel times 10/13.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from autoai4eo.data.sensors import Band

# About the width of a narrow multispectral band.
CLOSE_NM = 20.0

if TYPE_CHECKING:
    from autoai4eo.blocks.pretrained_weights.catalogue import Scaling


def _same(a: Band, b: Band) -> bool:
    quantities = {a.quantity, b.quantity}
    return a.name == b.name and (len(quantities) == 1 or "unknown" in quantities)


def _distance(a: Band, b: Band) -> float:
    """In nanometres; infinite where one has no wavelength."""
    if _same(a, b):
        return 0.0
    if a.wavelength is None or b.wavelength is None:
        return np.inf
    return abs(a.wavelength - b.wavelength)


def imputation(expected: Sequence[Band], given: Sequence[Band]) -> np.ndarray:
    """How the bands that weights expect are made of the bands that are given.

    Each given band stands for the expected band nearest to it, in wavelength or by
    name; of all that stand for one, a band `d` nm away counts exp(-(d / 20 nm)²).

    Returns:
        Shares of shape (expected, given), float64; each row sums to one. A given band
        without a wavelength and a namesake (radar, say) counts for each expected band
        with 1/expected: it gets the mean kernel.
    """
    distances = np.array([[_distance(e, g) for g in given] for e in expected])
    known = np.isfinite(distances).any(axis=0)
    stands = np.zeros(distances.shape, dtype=bool)
    stands[distances.argmin(axis=0)[known], known.nonzero()[0]] = True
    uses = np.zeros(distances.shape)
    for i, row in enumerate(distances):
        if not stands[i].any() and np.isfinite(row).any():
            stands[i, row.argmin()] = True
        if stands[i].any():
            squares = row[stands[i]] ** 2
            weights = np.exp(-(squares - squares.min()) / CLOSE_NM**2)
            uses[i, stands[i]] = weights / weights.sum()
    uses[:, ~known] = 1 / len(expected)
    # Nothing is known of what could stand for such a band: all do.
    uses[~uses.any(axis=1)] = 1
    return uses / uses.sum(axis=1, keepdims=True)


def adapt_kernel(kernel: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """A first convolution's kernel for other bands.

    Args:
        kernel: of shape (height, width, expected, filters).
        shares: of `imputation`, of shape (expected, given).

    Returns:
        A kernel of shape (height, width, given, filters).
    """
    adapted = np.einsum("hwef,eg->hwgf", kernel, shares)
    return adapted.astype(kernel.dtype)


def _unit(quantity: str, means: np.ndarray) -> float:
    """What turns pixels into reflectance 0 to 1, or into a colour 0 to 255.

    A mean reflectance over 10 is a digital number (reflectance × 10,000, Sentinel-2's);
    a mean colour of at most 1 is one of 0 to 1.
    """
    if quantity == "reflectance" and means.max() > 10:
        return 1e-4
    if quantity == "colour" and means.max() <= 1:
        return 255.0
    return 1.0


def scale_pixels(
    pixels: Any,
    bands: Sequence[Band],
    mean: Sequence[float] | None,
    std: Sequence[float] | None,
    scaling: Scaling,
    shares: np.ndarray,
    name: str,
) -> Any:
    """Raw pixels (N, height, width, given) as a network wants them.

    A band of the quantity that the network was trained on is converted by its unit
    alone, as the network's authors did. Any other is given the mean and the standard
    deviation that the band it stands for had in their training data, from its own
    statistics `mean` and `std` (per given band, in the units of the file). Where these
    are None but needed, a Normalization layer comes first, for stock AutoKeras to
    adapt; where they are None and not needed, reflectance is taken to be 0 to 1.
    """
    totals = shares.sum(axis=0, keepdims=True)
    # A band whose kernel is as good as nothing still wants finite pixels.
    parts = np.where(totals > 0, shares, 1.0)
    parts /= parts.sum(axis=0, keepdims=True)
    target_mean, target_std, shift = (
        np.asarray(values) @ parts
        for values in (scaling.mean, scaling.std, scaling.shift)
    )
    same = np.array([band.quantity == scaling.quantity for band in bands])
    if mean is not None and std is not None:
        own_mean, own_std = np.asarray(mean), np.asarray(std)
        gain = target_std / own_std
        offset = target_mean - shift - own_mean * gain
        if scaling.quantity is not None and same.any():
            gain[same] = _unit(scaling.quantity, own_mean[same])
            offset[same] = -shift[same]
    elif same.all():
        gain, offset = np.ones(len(bands)), -shift
    else:
        pixels = keras.layers.Normalization(name=f"{name}_standardise")(pixels)
        gain, offset = target_std, target_mean - shift
    if np.all(gain == 1) and np.all(offset == 0):
        return pixels
    return keras.layers.Rescaling(gain.tolist(), offset.tolist(), name=name)(pixels)


def project(features: Any, scaling: Scaling, name: str) -> Any:
    """Features, or standardised pixels, mixed by a 1×1 convolution into expected bands.

    Batch normalisation and the scaling's statistics give what comes out the size of
    what the network was trained on, which a frozen network could not learn to.
    """
    x = keras.layers.Conv2D(len(scaling.mean), 1, use_bias=False, name=name)(features)
    x = keras.layers.BatchNormalization(name=f"{name}_bn")(x)
    offset = (np.asarray(scaling.mean) - np.asarray(scaling.shift)).tolist()
    return keras.layers.Rescaling(list(scaling.std), offset, name=f"{name}_scale")(x)
