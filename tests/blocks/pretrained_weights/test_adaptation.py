import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoai4eo.blocks.pretrained_weights.adaptation import (
    adapt_kernel,
    imputation,
    project,
    scale_pixels,
)
from autoai4eo.blocks.pretrained_weights.catalogue import (
    CATALOGUE,
    Scaling,
    standardised,
)
from autoai4eo.data.sensors import RGB, SENTINEL1_DB, SENTINEL2, Band, unknown_bands

TEN = CATALOGUE["lcz42-resnet20-s2"].bands
ANY_BANDS = st.lists(
    st.sampled_from(
        [*SENTINEL2.bands, *SENTINEL1_DB.bands, *RGB.bands, *unknown_bands(3)]
    ),
    min_size=1,
    max_size=18,
    unique=True,
)
SPECTRAL = st.lists(
    st.sampled_from(SENTINEL2.bands), min_size=1, max_size=13, unique=True
)


def kernel_of(bands, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, 3, bands, 4)).astype("float32")


def activate(image, kernel):
    """One position of a convolution: (3, 3, bands) · (3, 3, bands, filters)."""
    return np.einsum("hwb,hwbf->f", image, kernel)


@given(ANY_BANDS, ANY_BANDS)
def test_shares_are_positive_and_sum_to_one(expected, given_bands):
    shares = imputation(expected, given_bands)
    assert shares.shape == (len(expected), len(given_bands))
    assert (shares >= 0).all()
    np.testing.assert_allclose(shares.sum(axis=1), 1)


@given(ANY_BANDS, ANY_BANDS, st.integers(0, 99))
def test_bands_that_are_all_copies_keep_the_activation(expected, given_bands, seed):
    kernel = kernel_of(len(expected), seed)
    adapted = adapt_kernel(kernel, imputation(expected, given_bands))
    grey = np.random.default_rng(seed).normal(size=(3, 3, 1))
    np.testing.assert_allclose(
        activate(np.repeat(grey, len(given_bands), axis=2), adapted),
        activate(np.repeat(grey, len(expected), axis=2), kernel),
        atol=1e-4,
    )


@given(SPECTRAL, SPECTRAL, st.integers(0, 99))
def test_copies_of_the_band_they_replace_keep_the_activation(
    expected, given_bands, seed
):
    shares = imputation(expected, given_bands)
    # Bands tied to each other by a share, directly or not, get one image.
    tie = np.arange(len(expected))
    for _ in expected:
        for column in shares.T:
            together = np.isin(tie, tie[column > 0])
            tie[together] = tie[together].min(initial=0)
    rng = np.random.default_rng(seed)
    images = rng.normal(size=(3, 3, len(expected)))[..., tie]
    given_images = images[..., shares.argmax(axis=0)]
    kernel = kernel_of(len(expected), seed)
    np.testing.assert_allclose(
        activate(given_images, adapt_kernel(kernel, shares)),
        activate(images, kernel),
        atol=1e-4,
    )


@given(st.permutations(TEN))
def test_the_same_bands_in_another_order_are_only_reordered(order):
    kernel = kernel_of(10)
    adapted = adapt_kernel(kernel, imputation(TEN, order))
    np.testing.assert_array_equal(adapted, kernel[:, :, [TEN.index(b) for b in order]])


def test_matching_bands_are_copied_if_there_are_others_besides():
    kernel = kernel_of(10)
    adapted = adapt_kernel(kernel, imputation(TEN, SENTINEL2.bands))
    same = [SENTINEL2.bands.index(b) for b in TEN]
    np.testing.assert_allclose(adapted[:, :, same], kernel, atol=0.02)
    others = np.delete(adapted, same, axis=2)
    assert np.abs(others).max() < 0.02


def test_a_missing_band_is_taken_over_by_the_nearest():
    shares = imputation(TEN, SENTINEL2.pick("B02", "B03", "B04", "B08"))
    # B02, B03, B04, B05, B06 (76 nm from B04, 92 from B08), B07, B08, B8A, B11, B12.
    assert shares.argmax(axis=1).tolist() == [0, 1, 2, 2, 2, 3, 3, 3, 3, 3]
    assert set(shares.ravel()) == {0, 1}


def test_colours_are_found_by_wavelength():
    shares = imputation(RGB.pick("B", "G", "R"), SENTINEL2.pick("B04", "B03", "B02"))
    np.testing.assert_allclose(shares, np.eye(3)[::-1])


def test_closer_bands_get_a_larger_share_of_a_kernel():
    expected = (Band("red", 660.0, "unknown"),)
    near, same, far = imputation(
        expected, [Band(str(w), w, "unknown") for w in (670.0, 660.0, 700.0)]
    )[0]
    assert same > near > far > 0
    assert near / same == pytest.approx(np.exp(-0.25))


def test_unknown_bands_get_the_mean_kernel():
    kernel = kernel_of(10)
    adapted = adapt_kernel(kernel, imputation(TEN, unknown_bands(4)))
    mean = kernel.mean(axis=2, keepdims=True) * 10 / 4
    np.testing.assert_allclose(adapted, np.repeat(mean, 4, axis=2), atol=1e-6)


def test_radar_beside_reflectance_gets_the_mean_kernel_at_the_size_of_the_rest():
    kernel = kernel_of(10)
    adapted = adapt_kernel(kernel, imputation(TEN, (*TEN, *SENTINEL1_DB.bands)))
    np.testing.assert_allclose(adapted[:, :, :10], kernel / 1.2, rtol=1e-5)
    mean = kernel.mean(axis=2, keepdims=True) / 1.2
    np.testing.assert_allclose(adapted[:, :, 10:], mean.repeat(2, axis=2), atol=1e-6)


def scaled(pixels, bands, mean, std, scaling, expected):
    inputs = keras.Input(pixels.shape[1:])
    shares = imputation(expected, bands)
    x = scale_pixels(inputs, bands, mean, std, scaling, shares, "scale")
    return np.asarray(keras.Model(inputs, x)(pixels))


def test_reflectance_passes_as_it_is_and_digital_numbers_are_divided():
    record = CATALOGUE["lcz42-resnet20-s2"]
    pixels = np.random.default_rng(0).uniform(0, 0.5, (2, 4, 4, 10)).astype("float32")
    for mean, std, factor in ((None, None, 1), ([0.1] * 10, [0.1] * 10, 1)):
        out = scaled(pixels * factor, TEN, mean, std, record.scaling, TEN)
        np.testing.assert_array_equal(out, pixels)
    numbers = scaled(pixels * 1e4, TEN, [1e3] * 10, [1e3] * 10, record.scaling, TEN)
    np.testing.assert_allclose(numbers, pixels, rtol=1e-5)


def test_colours_are_scaled_as_keras_applications_does():
    record = CATALOGUE["imagenet-resnet50"]
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 4, 4, 3)).astype("float32")
    rgb = RGB.pick("R", "G", "B")
    theirs = keras.applications.resnet.preprocess_input(pixels.copy())[..., ::-1]
    for mean, std in ((None, None), ([90.0] * 3, [50.0] * 3)):
        out = scaled(pixels, rgb, mean, std, record.scaling, record.bands)
        np.testing.assert_allclose(out, theirs, atol=1e-4)
    out = scaled(pixels / 255, rgb, [0.4] * 3, [0.2] * 3, record.scaling, record.bands)
    np.testing.assert_allclose(out, theirs, atol=1e-4)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.sampled_from(SENTINEL2.bands), min_size=1, max_size=13, unique=True))
def test_other_quantities_get_the_statistics_of_the_band_they_replace(bands):
    rng = np.random.default_rng(0)
    mean = rng.uniform(0.05, 0.3, len(bands))
    std = rng.uniform(0.01, 0.1, len(bands))
    pixels = rng.normal(mean, std, (40, 16, 16, len(bands))).astype("float32")
    scaling = CATALOGUE["imagenet-resnet50"].scaling
    expected = RGB.pick("B", "G", "R")
    out = scaled(pixels, bands, mean, std, scaling, expected)
    np.testing.assert_allclose(out.mean(axis=(0, 1, 2)), 0, atol=3)
    assert (np.abs(out.std(axis=(0, 1, 2)) - 57.6) < 2).all()


def test_without_statistics_a_layer_is_left_for_stock_autokeras_to_adapt():
    inputs = keras.Input((4, 4, 2))
    bands = SENTINEL1_DB.bands
    shares = imputation(bands, bands)
    scaling = Scaling(None, (1.0, 2.0), (3.0, 4.0), (0.0, 0.0))
    model = keras.Model(
        inputs, scale_pixels(inputs, bands, None, None, scaling, shares, "scale")
    )
    pixels = np.random.default_rng(0).normal(-12, 3, (500, 4, 4, 2)).astype("float32")
    model.get_layer("scale_standardise").adapt(pixels)
    out = np.asarray(model(pixels))
    np.testing.assert_allclose(out.mean(axis=(0, 1, 2)), [1, 2], atol=1e-2)
    np.testing.assert_allclose(out.std(axis=(0, 1, 2)), [3, 4], rtol=1e-2)


def test_a_projection_gives_what_the_network_expects():
    inputs = keras.Input((8, 8, 5))
    scaling = CATALOGUE["imagenet-resnet50"].scaling
    model = keras.Model(inputs, project(inputs, scaling, "project"))
    assert model.output_shape == (None, 8, 8, 3)
    features = np.random.default_rng(0).normal(size=(64, 8, 8, 5)).astype("float32")
    out = np.asarray(model(features, training=True))
    np.testing.assert_allclose(out.std(axis=(0, 1, 2)), scaling.std, rtol=0.05)
    assert project(inputs, standardised(7), "other").shape == (None, 8, 8, 7)
