"""Finds pixels of a scene without data: nodata values, masks, quality classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autoai4eo.data.sensors import CATALOGUE, canonical

#: Bands that say of each pixel whether it can be used.
QUALITY = ("SCL", "QA60")
_ALPHA = ("alpha", "datamask")
#: Names of bands that hold measurements.
SENSED = {band.name for sensor in CATALOGUE.values() for band in sensor.bands}
# ESA, Sentinel-2 Level-2A, Scene Classification Layer.
_SCL_NONE, _SCL_CLOUDS = (0, 1), (8, 9, 10, 11)
_QA60_CLOUDS = (1 << 10) | (1 << 11)  # opaque clouds, cirrus


def scene_band(name: str) -> str:
    """The one name of a band of a scene: ``scl`` is ``SCL``, ``B2`` is ``B02``."""
    upper = name.strip().upper()
    return upper if upper in QUALITY else canonical(name)


def alpha_bands(source: Any) -> tuple[int, ...]:
    """The numbers of a file's bands that are masks: 0 where there are no data.

    By their colour interpretation or their names. A fourth band of bytes is called
    alpha by many writers, so that a band with the name of a sensor's is none.
    """
    from rasterio.enums import ColorInterp

    found = []
    for i, name, colour in zip(
        source.indexes, source.descriptions, source.colorinterp, strict=True
    ):
        named = (name or "").strip()
        known = scene_band(named) in (*SENSED, *QUALITY)
        if named.lower() in _ALPHA or (colour == ColorInterp.alpha and not known):
            found.append(i)
    return tuple(found)


def declared_missing(
    source: Any,
    raw: np.ndarray,
    indexes: Sequence[int],
    alpha: Sequence[int],
    window: Any,
) -> np.ndarray:
    """Which pixels a file says have no data, band by band, bool (bands, h, w).

    Its nodata values, masks inside or beside the file (``.msk``) and alpha bands all
    count; GDAL takes only one of them.

    Args:
        source: the open file.
        raw: (bands, h, w) of it, as they are stored.
        indexes: the bands' numbers.
        alpha: numbers of the bands that are masks.
        window: what was read.
    """
    from rasterio.enums import MaskFlags

    missing = np.zeros(raw.shape, bool)
    if raw.dtype.kind in "fc":
        missing |= ~np.isfinite(raw)
    for i, index in enumerate(indexes):
        nodata = source.nodatavals[index - 1]
        flags = set(source.mask_flag_enums[index - 1])
        # a colour that is declared missing (PNG) is so in all bands together
        together = {MaskFlags.nodata, MaskFlags.per_dataset} <= flags
        if nodata is not None and not together:
            missing[i] |= raw[i] == _as_stored(nodata, raw.dtype)
        if not flags & {MaskFlags.all_valid, MaskFlags.alpha} and flags != {
            MaskFlags.nodata
        }:
            missing[i] |= source.read_masks(index, window=window) == 0
    for index in alpha:
        missing |= source.read(index, window=window) == 0
    return missing


def _as_stored(nodata: float, kind: np.dtype) -> Any:
    """A nodata value rounded as pixels are: −9999.9 in 32 bits is another number."""
    with np.errstate(over="ignore"):
        return kind.type(nodata) if kind.kind == "f" else nodata


def unusable(name: str, values: np.ndarray, clouds: bool) -> np.ndarray:
    """Which pixels a quality band says cannot be used; NaN: outside of its file.

    Args:
        name: ``"SCL"``: classes 0 (no data) and 1 (defective), with `clouds` also 8, 9
            and 10 (clouds) and 11 (snow); ``"QA60"``: with `clouds` bits 10 and 11.
        values: float32.
        clouds: whether clouds cannot be used.
    """
    outside = np.isnan(values)
    whole = np.where(outside, 0, values).astype(np.int64)
    if name == "SCL":
        return np.isin(whole, _SCL_NONE + (_SCL_CLOUDS if clouds else ()))
    return (outside | ((whole & _QA60_CLOUDS) != 0)) & clouds
