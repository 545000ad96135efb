"""Values unlike the training data: haze is told, other parts of the data are not."""

import h5py
import numpy as np
import rasterio
from hypothesis import given
from hypothesis import strategies as st

from autoai4eo.data.band_matching import matching
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.data.units import Typical
from autoai4eo.data.unlike import outside, shifted, unlike_training


def typical(values):
    return Typical(
        float(values.mean()), float(values.std()), *np.percentile(values, (2, 98))
    )


def land(seed=0, level=0.06):
    return np.random.default_rng(seed).gamma(3, level / 3, 20_000)


def test_haze_is_told_and_another_part_of_the_data_is_not():
    like = {"B02": typical(land())}
    assert shifted({"B02": land(1)}, like) == []
    assert shifted({"B02": land(1) * 0.6}, like) == []  # darker land
    assert shifted({"B02": land(1) + 0.07}, like) == ["B02"]
    assert shifted({"B02": np.full(100, 0.9)}, like) == ["B02"]  # a cloud
    assert shifted({"B02": np.empty(0)}, like) == []


def test_pixels_outside_are_those_beyond_the_percentiles():
    like = Typical(5.0, 1.0, 2.0, 8.0)
    values = np.array([[1.9, 2.0], [8.0, 8.1]])
    np.testing.assert_array_equal(outside(values, like), [[True, False], [False, True]])
    values = land()
    assert abs(outside(values, typical(values)).mean() - 0.04) < 0.001


@given(
    st.floats(0.01, 100),
    st.floats(-50, 50),
    st.sampled_from(["dark-object", "moments"]),
)
def test_matching_undoes_what_was_added(factor, shift, how):
    like = {"B02": typical(land())}
    given_ = land() * (factor if how == "moments" else 1) + shift
    ((slope, offset),) = matching({"B02": given_}, like, how).values()
    np.testing.assert_allclose(given_ * slope + offset, land(), atol=1e-9)


def test_bands_without_spread_or_values_are_shifted_or_left():
    like = {"B02": Typical(0.1, 0.05, 0.02, 0.3), "B03": Typical(0.1, 0.05, 0.02, 0.3)}
    values = {"B02": np.full(9, 0.5), "B03": np.empty(0)}
    found = matching(values, like, "moments")
    np.testing.assert_allclose(found["B02"], (1, -0.4))
    assert found["B03"] == (1, 0)


def test_data_sets_with_haze_are_told_with_figures():
    x = np.stack([land(s) for s in range(3)], -1).reshape(50, 20, 20, 3)
    names = ["B02", "B03", "B04"]
    like = {"image": (typical(land()),) * 3}
    assert unlike_training(open_dataset(x, bands=names), like) == []
    x[..., 0] += 0.07
    (note,) = map(str, unlike_training(open_dataset(x, bands=names), like))
    assert "unlike the training data's: B02 0.0" in note and "B03" not in note
    assert "training data: mean 0.06" in note and "outside" in note
    x[..., 1] = np.nan
    empty, haze = unlike_training(open_dataset(x, bands=names), like)
    assert empty.serious and "no value in B03;" in str(empty)
    assert str(haze) == note
    x[:25, ..., 2] = np.nan
    told = [*map(str, unlike_training(open_dataset(x, bands=names), like))]
    assert "no value in B03;" in told[0] and "25.0% of the values" in told[1]


def test_real_data_are_told_where_the_level_is_another(shared):
    with h5py.File(shared / "so2sat_layout" / "training.h5") as file:
        train = file["sen2"][:].reshape(-1, 4)
    bands = ("B02", "B03", "B04", "B08")
    like = {n: typical(train[:, i]) for i, n in enumerate(bands)}
    with h5py.File(shared / "so2sat_layout" / "testing.h5") as file:
        test = file["sen2"][:].reshape(-1, 4)
    assert shifted({n: test[:, i] for i, n in enumerate(bands)}, like) == []
    with rasterio.open(shared / "scenes" / "Spain_7370579_S2Hand.tif") as file:
        pixels = file.read((2, 3, 4, 8)).reshape(4, -1) * 1e-4
    found = shifted(dict(zip(bands, pixels[:, (pixels > 0).all(0)], strict=True)), like)
    assert found == ["B02", "B03", "B04"]
