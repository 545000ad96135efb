"""Blocks are squares of the ground; neighbours are in one of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.warp import transform

from autoai4eo.data.groups import members
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.data.spatial_blocks import squares
from autoai4eo.data.splits import split
from autoai4eo.errors import UserError


def placed(build, folder, lon, lat, **changes):
    path = folder / f"{len(list(folder.iterdir()))}.h5"
    build.write_h5(path, samples=len(lon), lon=lon, lat=lat, **changes)
    return open_dataset(path)


@settings(max_examples=25, deadline=None)
@given(
    latitude=st.floats(-75, 75),
    zone=st.integers(1, 60),
    side=st.sampled_from([0.5, 5, 20]),
)
def test_squares_are_true_on_the_ground(latitude, zone, side):
    """Measured in metres of the UTM zone whose meridian they lie around."""
    rng = np.random.default_rng(0)
    across = 3 * side / 111
    lon = (
        zone * 6
        - 183
        + rng.uniform(-1, 1, 4000) * across / np.cos(np.radians(latitude))
    )
    lat = latitude + rng.uniform(-1, 1, 4000) * across
    found = squares(np.column_stack([lon, lat]), side)
    utm = CRS.from_epsg((32600 if latitude >= 0 else 32700) + zone)
    x, y = map(np.array, transform(CRS.from_epsg(4326), utm, lon, lat))
    names, counts = np.unique(found, return_counts=True)
    assert 30 <= len(names) <= 64  # the area is 6 by 6 squares
    inner = [found == name for name in names[counts > 0.6 * counts.max()]]
    wide = np.array([np.ptp(x[rows]) for rows in inner]) / 1000
    high = np.array([np.ptp(y[rows]) for rows in inner]) / 1000
    # parallels are bent, the more so the nearer to a pole
    bent = side * across * np.tan(np.radians(abs(latitude)))
    assert wide.max() <= 1.02 * side + bent and high.max() <= 1.02 * side + bent
    assert np.median(wide) >= 0.85 * side and np.median(high) >= 0.85 * side


def test_squares_have_the_name_of_their_centre_in_all_data():
    found = squares(np.array([[11.59, 48.137], [11.62, 48.15], [-58.4, -34.6]]), 5)
    assert found[0] == found[1] == "48.138N 11.610E"
    alone = squares(np.array([[-58.4, -34.6]]), 5)
    assert alone[0] == found[2] == "34.597S 58.409W"


def test_a_longitude_has_two_names():
    east = np.array([[179.9, 10], [-180, 10], [180, 10], [-179.9, 10]])
    found = squares(east, 5)
    assert found[1] == found[2]
    assert len(set(found)) == 3
    np.testing.assert_array_equal(found, squares(east % [360, 90], 5))
    assert len(set(squares(np.array([[0, 90], [90, 90], [-170, 90]]), 5))) <= 3


def test_ten_across_do_not_go_round_the_earth(build, tmp_path):
    """Fiji lies across the 180th meridian: the squares are as small as elsewhere."""
    lon = np.linspace(177, 183, 60)
    fiji = placed(build, tmp_path, (lon + 180) % 360 - 180, np.full(60, -17.0))
    found = members(fiji, "spatial_block")
    other = placed(build, tmp_path, lon - 10, np.full(60, -17.0))
    assert len(set(found)) == 10
    np.testing.assert_array_equal(found, members(other, "spatial_block"))


def test_a_split_by_squares_keeps_each_whole(build, tmp_path):
    rng = np.random.default_rng(0)
    lon, lat = rng.uniform(11, 11.6, 400), rng.uniform(48, 48.4, 400)
    d = placed(build, tmp_path, lon, lat)
    one, other = split(d, (0.7, 0.3), group="spatial_block", block_km=5)
    found = [set(members(part, "spatial_block", 5)) for part in (one, other)]
    assert not found[0] & found[1]
    assert len(found[0] | found[1]) == len(set(members(d, "spatial_block", 5))) > 60
    assert len(one) / 400 == pytest.approx(0.7, abs=0.05)


@pytest.mark.parametrize("side", [0, -5, np.nan, np.inf])
def test_a_side_that_is_none(build, tmp_path, side):
    d = placed(build, tmp_path, np.arange(6.0), np.arange(6.0))
    with pytest.raises(UserError, match=r"0.001 kilometres or more, found"):
        split(d, (0.5, 0.5), group="spatial_block", block_km=side)


def test_a_side_without_squares(build, tmp_path):
    d = placed(build, tmp_path, np.arange(6.0), np.arange(6.0))
    with pytest.raises(UserError, match="the group spatial_block, found no group"):
        split(d, (0.5, 0.5), block_km=5)
    with pytest.raises(UserError, match="the group spatial_block, found groups="):
        split(d, (0.5, 0.5), groups=np.arange(6), block_km=5)
    with pytest.raises(UserError, match="expected coordinates to split by"):
        members(open_dataset(build.write_h5(tmp_path / "b.h5")), "spatial_block", 5)


def test_places_that_are_not_degrees(build, tmp_path):
    lon = np.full(6, 691_000.0)
    d = placed(build, tmp_path, lon, np.full(6, 5_334_000.0))
    for side in (None, 5):
        with pytest.raises(UserError, match=r"degrees .* 691000 .*in 6 of 6 samples"):
            members(d, "spatial_block", side)
    lon = np.where(np.arange(6) < 2, np.nan, 11)
    with pytest.raises(UserError, match=r"longitude nan .*in 2 of 6 samples"):
        members(placed(build, tmp_path, lon, np.full(6, 48.0)), "spatial_block", 5)
