"""The file of places beside So2Sat's files of patches, as its authors publish it."""

import h5py
import numpy as np
import pytest

from autoai4eo.data.groups import members
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.errors import UserError

CITIES = np.repeat(["munich", "sanfrancisco", "sydney"], 20)
ZONES = np.repeat([32632, 32610, 32756], 20)[:, None]
#: Upper left corners of the patches in metres, of 32 by 32 pixels as in So2Sat.
CORNERS = np.stack(
    [
        np.repeat([691_000.0, 550_335.858, 334_000.0], 20) + 320 * (np.arange(60) % 5),
        np.repeat([5_335_000.0, 4_183_214.43, 6_252_000.0], 20),
    ],
    axis=1,
)
CENTRES = CORNERS + np.array([20, -20])  # the patches of the tests have 4 by 4 pixels
#: Town hall, a bay, a harbour: what the centres must be near to.
NEAR = {
    "munich": (11.57, 48.14),
    "sanfrancisco": (-122.4, 37.8),
    "sydney": (151.2, -34),
}


def write(path, **changes):
    """The data sets of the fourth version's second release."""
    content = {
        "city": CITIES.astype("S12"),
        "epsg": ZONES.astype(np.int32),
        "tfw": world_file(),
        **changes,
    }
    with h5py.File(path, "w") as file:
        for name, values in content.items():
            if values is not None:
                file[name] = values


def world_file():
    ones = np.ones(60)
    return np.stack([10 * ones, 0 * ones, 0 * ones, -10 * ones, *CORNERS.T], axis=1)


def as_gdal_orders_it():
    x, y = CORNERS.T
    ones = np.ones(60)
    return np.stack([x, 10 * ones, 0 * ones, y, 0 * ones, 10 * ones], axis=1)


@pytest.fixture
def patches(build, tmp_path):
    return build.write_h5(tmp_path / "testing.h5")


def test_the_city_is_a_group_and_the_patches_have_places(patches, tmp_path):
    assert open_dataset(patches).groups == {}
    assert open_dataset(patches).coordinates() is None
    write(tmp_path / "testing_geo.h5")
    found = open_dataset(patches)
    assert found.groups["city"].tolist() == CITIES.tolist()
    places = found.coordinates()
    for city, near in NEAR.items():
        assert np.abs(places[city == CITIES] - near).max() < 0.3
    np.testing.assert_array_equal(found.subset([3, 50]).coordinates(), places[[3, 50]])
    assert len(set(members(found, "spatial_block", 5))) >= 3


def test_both_releases_tell_the_same_places(patches, tmp_path):
    from rasterio.warp import transform

    places = []
    rows = np.zeros((60, 4))
    for changes in (
        {},
        {"tfw": as_gdal_orders_it(), "city": None, "cityList": CITIES.astype("S12")},
        {"tfw": as_gdal_orders_it(), "coord": np.hstack([CENTRES, rows])},
        {"epsg": ZONES[:, 0].astype(np.float64)},
    ):
        write(tmp_path / "testing_geo.h5", **changes)
        found = open_dataset(patches)
        assert found.groups["city"].tolist() == CITIES.tolist()
        places.append(found.coordinates())
    for other in places[1:]:
        np.testing.assert_allclose(other, places[0], atol=1e-9)
    centre = transform("EPSG:32756", "EPSG:4326", [CENTRES[59, 0]], [CENTRES[59, 1]])
    np.testing.assert_allclose(places[0][59], np.ravel(centre))


def test_the_first_release_has_places_but_no_city(patches, tmp_path):
    write(tmp_path / "testing_geo.h5", city=None, tfw=as_gdal_orders_it())
    found = open_dataset(patches)
    assert found.groups == {} and found.coordinates() is not None
    write(tmp_path / "testing_geo.h5", tfw=None)
    found = open_dataset(patches)
    assert list(found.groups) == ["city"] and found.coordinates() is None


def test_what_the_file_of_patches_tells_itself_goes_first(build, tmp_path):
    own = np.repeat(["a", "b"], 30).astype("S1")
    lon, lat = np.full(60, 11.0), np.full(60, 48.0)
    path = build.write_h5(tmp_path / "testing.h5", city=own, lon=lon, lat=lat)
    write(tmp_path / "testing_geo.h5")
    found = open_dataset(path)
    assert set(found.groups["city"]) == {"a", "b"}
    assert found.coordinates()[0].tolist() == [11, 48]


def test_a_file_of_other_patches(patches, tmp_path):
    for name, values in {
        "city": CITIES[:50].astype("S12"),
        "cityList": np.zeros((60, 2)),
    }.items():
        write(tmp_path / "testing_geo.h5", **{"city": None, name: values})
        with pytest.raises(UserError, match=f"_geo.h5: expected {name} of the 60 pat"):
            open_dataset(patches)
    write(tmp_path / "testing_geo.h5", epsg=ZONES[:50])
    with pytest.raises(UserError, match=r"expected epsg of the 60 patches .*\(50, 1\)"):
        open_dataset(patches).coordinates()
    write(tmp_path / "testing_geo.h5", epsg=0 * ZONES + 99_999_999)
    with pytest.raises(UserError, match="expected EPSG codes in epsg, found 99999999"):
        open_dataset(patches).coordinates()
    (tmp_path / "testing_geo.h5").write_bytes(b"cut off")
    with pytest.raises(UserError, match=r"testing_geo\.h5: expected an HDF5 file"):
        open_dataset(patches)
