"""Blocks of the ground as groups: neighbouring samples are in one block.

Blocked cross-validation in space follows Roberts et al. 2017, doi:10.1111/ecog.02881.
"""

from __future__ import annotations

import math

import numpy as np

from autoai4eo.callers import either
from autoai4eo.data.dataset import Dataset
from autoai4eo.errors import UserError

#: The name of these groups, beside those that the data have.
SPATIAL_BLOCK = "spatial_block"
BLOCKS_ACROSS = 10
KM_PER_DEGREE = 111.32
_LEAST_KM = 0.001


def check_block_km(group: str | None, block_km: float | None) -> None:
    """Checks the side of blocks.

    Raises:
        UserError: it is too small, or the groups are not blocks.
    """
    if block_km is None:
        return
    if not _LEAST_KM <= block_km < math.inf:
        raise UserError(
            f"--block-km: expected {_LEAST_KM:g} kilometres or more, "
            f"found {block_km:g}; 5 makes squares of 5 by 5 kilometres"
        )
    if group != SPATIAL_BLOCK:
        raise UserError(
            f"--block-km: expected the group {SPATIAL_BLOCK}, found "
            f"{'no group' if group is None else group}; name {SPATIAL_BLOCK}, or leave "
            "the side out"
        )


def spatial_blocks(dataset: Dataset, block_km: float | None = None) -> np.ndarray:
    """Returns the block of each sample (N,).

    Args:
        dataset: N samples with coordinates.
        block_km: side of the squares, see `squares`; None: squares of a grid over the
            longitudes and latitudes of the samples, ten across the longer side.

    Raises:
        UserError: the dataset has no coordinates, or some are not degrees.
    """
    found = dataset.coordinates()
    if found is None:
        raise UserError(
            f"{dataset.path}: expected coordinates to split by {SPATIAL_BLOCK}, found "
            "none (GeoTIFFs with a place, or data sets lon and lat); "
            + (
                f"take a group of the data ({', '.join(dataset.groups)})"
                if dataset.groups
                else "leave the group out"
                + either("", ", or split by a CSV file (groups=)")
            )
        )
    wrong = ~(np.isfinite(found).all(axis=1) & (np.abs(found) <= (360, 90)).all(axis=1))
    if wrong.any():
        lon, lat = found[wrong][0]
        raise UserError(
            f"{dataset.path}: expected longitudes and latitudes in degrees for "
            f"{SPATIAL_BLOCK}, found longitude {lon:g} and latitude {lat:g} (in "
            f"{np.count_nonzero(wrong):,} of {len(found):,} samples); correct lon and "
            "lat, or take a group of the data"
        )
    if block_km is None:
        return _ten_across(found)
    return squares(found, block_km)


def squares(coordinates: np.ndarray, block_km: float) -> np.ndarray:
    """Returns the name of each sample's square on the ground, str (N,).

    The squares lie in rows of equal latitude around the earth; each row has as many as
    make them as wide as they are high. They are the same for all data, so that the
    parts of a dataset agree about them. A square is named by its centre, such as
    ``"48.12N 11.58E"``. Its sides are `block_km` within about one percent, but for the
    few squares of a row beside a pole.

    Args:
        coordinates: longitude and latitude in degrees, (N, 2); longitudes may go to 180
            or to 360.
        block_km: side of the squares in kilometres.
    """
    high = block_km / KM_PER_DEGREE  # in degrees
    longitude, latitude = coordinates[:, 0] % 360, coordinates[:, 1]
    row = np.minimum((latitude + 90) // high, math.ceil(180 / high) - 1)
    middle = -90 + (row + 0.5) * high
    around = np.cos(np.radians(np.clip(middle, -90, 90))) * 360 / high
    wide = 360 / np.maximum(np.round(around), 1)  # in degrees
    column = longitude // wide
    centres = np.stack([middle, (column + 0.5) * wide], axis=1)
    centres, member = np.unique(centres, axis=0, return_inverse=True)
    digits = max(0, math.ceil(-math.log10(high))) + 1
    names = [_name(lat, lon, digits) for lat, lon in centres]
    return np.array(names)[member.ravel()]


def _name(latitude: float, longitude: float, digits: int) -> str:
    east = (longitude + 180) % 360 - 180
    return (
        f"{abs(latitude):.{digits}f}{'N' if latitude >= 0 else 'S'} "
        f"{abs(east):.{digits}f}{'E' if east >= 0 else 'W'}"
    )


def _ten_across(coordinates: np.ndarray) -> np.ndarray:
    longitude = _in_one_piece(coordinates[:, 0])
    latitude = coordinates[:, 1]
    # A degree of longitude is shorter away from the equator.
    east = longitude * np.cos(np.radians(latitude.mean()))
    place = np.stack([east, latitude], axis=1)
    place -= place.min(axis=0)
    side = max(place.max() / BLOCKS_ACROSS, 1e-12)
    cell = np.minimum(place // side, BLOCKS_ACROSS - 1).astype(np.int64)
    return cell[:, 0] * BLOCKS_ACROSS + cell[:, 1]


def _in_one_piece(longitude: np.ndarray) -> np.ndarray:
    """Returns longitudes, + 360 in the west if they lie across the 180th meridian."""
    known = np.unique(longitude)
    gaps = np.diff(known)
    if not len(gaps) or gaps.max() <= known[0] + 360 - known[-1]:
        return longitude
    west = longitude <= known[np.argmax(gaps)]
    return np.where(west, longitude + 360, longitude)
