"""Adapts pretrained weights to other bands.

The first convolution is adapted as if each expected band were *imputed* from the given
bands: copied from the band of the same name, otherwise from the nearest in wavelength.
If several bands replace one, they share its kernel, closer ones with larger shares; if
a band is missing, the nearest one also gets its kernel. So the activations keep their
size: if all bands are copies of one band they do not change. This is the inflation rule
of Carreira and Zisserman 2017 (arXiv:1705.07750, section 2.4) over bands instead of
frames. One grey band gets the sum of the kernels; unknown bands get the mean kernel
times old over new number of bands, both as in Wightman's timm (`adapt_input_conv`).

Measured with the Sentinel-2 LCZ42 weights on a scene with all 13 bands: of 625 patches,
100 % keep the label that they get with the ten bands; with equal shares (the cirrus
band gets half of B11) 43 %, and with every kernel times 10/13 45 %.
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
    """Returns the distance in nanometres; infinite if a wavelength is unknown."""
    if _same(a, b):
        return 0.0
    if a.wavelength is None or b.wavelength is None:
        return np.inf
    return abs(a.wavelength - b.wavelength)


def imputation(expected: Sequence[Band], given: Sequence[Band]) -> np.ndarray:
    """Returns the shares of the given bands in each band that the weights expect.

    Each given band replaces the expected band nearest to it, in wavelength or by name;
    among all that replace one, a band `d` nm away has the weight exp(-(d / 20 nm)²).

    Returns:
        Shares of shape (expected, given), float64; each row sums to one. A given band
        without a wavelength and a band of the same name (such as radar) counts for each
        expected band with 1/expected: it gets the mean kernel.
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
    # a band that none can replace is replaced by all
    uses[~uses.any(axis=1)] = 1
    return uses / uses.sum(axis=1, keepdims=True)


def adapt_kernel(kernel: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Returns a first convolution's kernel for other bands.

    Args:
        kernel: of shape (height, width, expected, filters).
        shares: of `imputation`, of shape (expected, given).

    Returns:
        A kernel of shape (height, width, given, filters).
    """
    adapted = np.einsum("hwef,eg->hwgf", kernel, shares)
    return adapted.astype(kernel.dtype)


def _unit(quantity: str, means: np.ndarray) -> float:
    """Returns the factor from pixels to reflectance 0 to 1, or to a colour 0 to 255.

    A mean reflectance over 10 indicates digital numbers (reflectance × 10,000, as of
    Sentinel-2), a mean colour of at most 1 a range from 0 to 1.
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
    """Scales raw pixels (N, height, width, given) as in a network's training.

    A band of the quantity of the training data is only converted to its unit, as the
    network's authors did. Any other band is scaled from its own `mean` and `std` (per
    given band, in the units of the file) to those of the band that it replaces. If
    these are None but needed, a Normalization layer comes first, for stock AutoKeras to
    adapt; if they are None and not needed, reflectance is assumed to be 0 to 1.
    """
    totals = shares.sum(axis=0, keepdims=True)
    # a band without any share still needs finite pixels
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
    """Projects features or standardised pixels to expected bands by a 1×1 convolution.

    Batch normalisation and the scaling's statistics give the result the distribution of
    the training data, to which a frozen network could not adapt.
    """
    x = keras.layers.Conv2D(len(scaling.mean), 1, use_bias=False, name=name)(features)
    x = keras.layers.BatchNormalization(name=f"{name}_bn")(x)
    offset = (np.asarray(scaling.mean) - np.asarray(scaling.shift)).tolist()
    return keras.layers.Rescaling(list(scaling.std), offset, name=f"{name}_scale")(x)
