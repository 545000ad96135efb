"""Statistics equal NumPy's on the whole, whatever the blocks."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoai4eo.data import statistics as module
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.data.statistics import (
    cached_statistics,
    keep_statistics,
    statistics,
)
from autoai4eo.errors import UserError


def of(pixels):
    return statistics(open_dataset(pixels))["image"]


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    samples=st.integers(1, 40),
    bands=st.integers(1, 4),
    offset=st.sampled_from([0.0, 1e4, -300.0]),
    block=st.sampled_from([1, 1000, 10**7]),
)
def test_equals_numpy(seed, samples, bands, offset, block):
    rng = np.random.default_rng(seed)
    x = (offset + rng.standard_normal((samples, 3, 5, bands))).astype(np.float32)
    x[rng.random(x.shape) < 0.05] = np.nan
    x[rng.random(x.shape) < 0.02] = np.inf
    x[0, 0, 0] = offset + 0.5
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK_BYTES", block)
        found = of(x)
    clean = np.where(np.isfinite(x), x, np.nan).astype(np.float64)
    axes = (0, 1, 2)
    np.testing.assert_allclose(found.mean, np.nanmean(clean, axes), rtol=1e-9)
    std = np.nanstd(clean, axes)
    np.testing.assert_allclose(found.std, np.where(std == 0, 1, std), rtol=1e-6)
    np.testing.assert_allclose(found.p2, np.nanpercentile(clean, 2, axes))
    np.testing.assert_allclose(found.p98, np.nanpercentile(clean, 98, axes))
    np.testing.assert_array_equal(found.minimum, np.nanmin(clean, axes))
    np.testing.assert_allclose(found.nan, np.isnan(x).mean(axes))
    np.testing.assert_allclose(found.inf, np.isinf(x).mean(axes))


def test_sampled_percentiles_are_near(monkeypatch):
    monkeypatch.setattr(module, "SAMPLED_PIXELS", 2**14)
    x = np.random.default_rng(0).random((500, 16, 16, 2))
    found = of(x)
    np.testing.assert_allclose(found.p2, 0.02, atol=0.004)
    np.testing.assert_allclose(found.p98, 0.98, atol=0.004)
    np.testing.assert_array_equal(found.p2, of(x).p2)


def test_large_means_do_not_cancel():
    x = np.full((50, 8, 8, 1), 1e6, np.float32)
    x[::2] += 1
    assert of(x).std[0] == pytest.approx(0.5)


def test_constant_band_divides_safely():
    x = np.full((4, 2, 2, 2), 0.1, np.float32)
    x[..., 1] = np.arange(16).reshape(4, 2, 2)
    found = of(x)
    assert found.std[0] == 1 and found.minimum[0] == found.maximum[0]
    assert found.std[1] > 1


def test_nodata_of_zeros_and_declared(build, tmp_path):
    x = np.ones((2, 4, 4, 2), np.float32)
    x[0, :2, :, :] = 0
    x[1, 0, 0, 0] = 0  # one band alone is a measurement
    assert of(x).nodata.tolist() == [0.25, 0.25]
    for i, name in enumerate("ab"):
        pixels = x[i] * 5
        pixels[3, 3, 1] = -9999
        build.write_image(tmp_path / name / "1.tif", pixels, nodata=-9999)
    found = statistics(open_dataset(tmp_path))["image"]
    assert found.nodata.tolist() == [0.25, 0.25]
    assert found.nan.tolist() == [0, 1 / 16]  # declared: it is read as missing
    assert found.minimum.tolist() == [0, 0] and found.mean[1] == pytest.approx(
        3.667, 1e-3
    )


def test_nan_everywhere_is_refused():
    x = np.ones((4, 2, 2, 3))
    x[..., 1] = np.nan
    with pytest.raises(UserError, match="image B03 is NaN everywhere"):
        statistics(open_dataset(x, bands=["B2", "B3", "B4"]))
    with pytest.raises(UserError, match="expected samples, found none"):
        statistics(open_dataset(x).subset(np.array([], int)))


def test_cache_is_used_and_renewed(tmp_path, monkeypatch):
    x = np.random.default_rng(0).random((6, 4, 4, 2))
    path = tmp_path / "run" / "statistics.json"
    first = cached_statistics(open_dataset(x), path)
    assert not path.parent.exists()  # what is only looked at writes nothing
    keep_statistics(open_dataset(x), first, path)
    assert [p.name for p in path.parent.iterdir()] == ["statistics.json"]
    with monkeypatch.context() as patch:
        patch.setattr(module, "statistics", lambda d: pytest.fail("measured again"))
        again = cached_statistics(open_dataset(x), path)
    for name, value in vars(first["image"]).items():
        np.testing.assert_array_equal(getattr(again["image"], name), value)
    other = cached_statistics(open_dataset(x + 1), path)
    assert other["image"].mean[0] == pytest.approx(first["image"].mean[0] + 1)
    for broken in ("{", "[]", "3", json.dumps({"inputs": {"image": {}}})):
        path.write_text(broken)
        assert cached_statistics(open_dataset(x), path)["image"].mean[0] < 1


def test_unwritable_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        data = open_dataset(np.ones((2, 2, 2, 1)))
        keep_statistics(data, statistics(data), tmp_path / "file" / "s")


def test_real_data_are_plausible(shared):
    d = open_dataset(shared / "so2sat_layout" / "validation.h5")
    found = statistics(d)
    pixels = d.read(np.arange(len(d)))
    for name, values in found.items():
        x = pixels[name].astype(np.float64)
        np.testing.assert_allclose(values.mean, x.mean((0, 1, 2)), rtol=1e-6)
        near = np.percentile(x, 2, (0, 1, 2))
        np.testing.assert_allclose(values.p2, near, atol=0.02 * values.std.max())
