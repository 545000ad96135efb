"""Statistics of patches compared with NumPy's own, one patch and band at a time."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import autoai4eo as ae
from autoai4eo.data import patch_statistics as module
from autoai4eo.data.patch_statistics import PERCENTILES, patch_statistics

EACH = 2 + len(PERCENTILES)
ANY_PIXEL = st.floats(width=32, allow_infinity=True, allow_nan=True)


def twin(pixels):
    """The statistics of a band, (pixels,); NaN where no pixel is finite."""
    finite = pixels[np.isfinite(pixels)].astype(float)
    if not len(finite):
        return np.full(EACH, np.nan)
    return np.array([finite.mean(), finite.std(), *np.percentile(finite, PERCENTILES)])


def of(pixels, bands):
    """Statistics of arrays by input name, whose bands have these names."""
    dataset = ae.open_dataset(pixels, labels=[0, 1] * (len(pixels["s2"]) // 2))
    return patch_statistics(dataset, bands)


@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.just(2), st.integers(1, 5), st.integers(1, 5), st.integers(1, 3)),
        elements=ANY_PIXEL,
    )
)
@settings(deadline=None, max_examples=60)
def test_they_are_those_of_the_finite_pixels(pixels):
    bands = pixels.shape[-1]
    with warnings.catch_warnings():  # the reader's checks are not tested here
        warnings.simplefilter("ignore")
        found = of({"s2": pixels}, {"s2": [f"band{i}" for i in range(bands)]})
    assert found.dtype == np.float32 and not np.isinf(found).any()
    expected = [
        np.concatenate([twin(patch[..., i]) for i in range(bands)]) for patch in pixels
    ]
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-30)


def test_indices_follow_the_bands_of_their_input():
    pixels = np.zeros((2, 2, 2, 3), "float32")
    pixels[..., 0], pixels[..., 1] = 0.1, 0.5  # B04 and B08: NDVI 2/3
    found = of({"s2": pixels}, {"s2": ["B04", "B8", "other"]})
    assert found.shape == (2, 4 * EACH)
    np.testing.assert_allclose(found[0, 3 * EACH :: EACH], 2 / 3, rtol=1e-6)
    np.testing.assert_allclose(found[0, 3 * EACH + 1], 0, atol=1e-6)
    # the bands that are all 0 have no NDVI
    assert np.isnan(
        of({"s2": pixels * 0}, {"s2": ["B04", "B08", "x"]})[:, 3 * EACH :]
    ).all()


def test_the_given_order_of_inputs_is_that_of_the_columns():
    rng = np.random.default_rng(0)
    pixels = {n: rng.random((2, 3, 3, 1), "float32") for n in ("s1", "s2")}
    forward = of(pixels, {"s1": ["a"], "s2": ["b"]})
    backward = of(pixels, {"s2": ["b"], "s1": ["a"]})
    np.testing.assert_array_equal(forward, np.roll(backward, EACH, axis=1))
    assert not (forward == backward).all()


@pytest.mark.parametrize("block", [1, 1000, 2**25])
def test_blocks_of_any_size_give_the_same(monkeypatch, block):
    pixels = np.random.default_rng(0).random((20, 4, 4, 2), "float32")
    whole = of({"s2": pixels}, {"s2": ["a", "b"]})
    monkeypatch.setattr(module, "_BLOCK_BYTES", block)
    np.testing.assert_array_equal(of({"s2": pixels}, {"s2": ["a", "b"]}), whole)
