"""Augmentation moves pixels, alike in all inputs, and invents none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoai4eo.data.augmentation import Augmentation
from autoai4eo.errors import UserError


def batch(count=64, size=4, bands=2):
    rng = np.random.default_rng(0)
    return {"sen2": rng.random((count, size, size, bands), dtype=np.float32)}


def moves(x):
    """The eight flips and turns of an image."""
    return [np.rot90(y, k) for y in (x, x[:, ::-1]) for k in range(4)]


def test_all_eight_moves_and_nothing_else():
    before = batch(400)
    after = Augmentation(jitter=0)(before, np.random.default_rng(1))["sen2"]
    seen = []
    for x, y in zip(before["sen2"], after, strict=True):
        equal = [np.array_equal(m, y) for m in moves(x)]
        assert sum(equal) == 1
        seen.append(equal.index(True))
    assert np.bincount(seen, minlength=8).min() > 25


@pytest.mark.parametrize(
    ("options", "allowed"),
    [
        ({"quarter_turns": False}, {0, 2, 4, 6}),
        ({"flips": False}, {0, 1, 2, 3}),
        ({"flips": False, "quarter_turns": False}, {0}),
    ],
)
def test_only_what_is_asked_for(options, allowed):
    before = batch(100)["sen2"]
    some = Augmentation(jitter=0, **options)
    after = some({"x": before}, np.random.default_rng(0))["x"]
    found = {
        [np.array_equal(m, y) for m in moves(x)].index(True)
        for x, y in zip(before, after, strict=True)
    }
    assert found == allowed


@given(st.integers(0, 1000))
def test_inputs_of_a_sample_move_alike(seed):
    sen2 = batch(9)["sen2"]
    before = {"sen2": sen2, "sen1": sen2 * 2}
    kept = sen2.copy()
    after = Augmentation(jitter=0)(before, np.random.default_rng(seed))
    np.testing.assert_array_equal(after["sen1"], after["sen2"] * 2)
    np.testing.assert_array_equal(sen2, kept)


@given(st.integers(0, 1000), st.sampled_from(["mask", "image"]), st.booleans())
def test_targets_with_a_direction_move_as_the_pixels(seed, kind, square):
    pixels = np.random.default_rng(0).random((9, 4, 4 if square else 6, 2))
    truth = (pixels[..., 0] > 0.5).astype(np.int16) if kind == "mask" else pixels * 2
    kept = truth.copy()
    after, moved = Augmentation(jitter=0).with_targets(
        {"sen2": pixels}, truth, np.random.default_rng(seed)
    )
    changed = after["sen2"]
    expected = changed[..., 0] > 0.5 if kind == "mask" else changed * 2
    np.testing.assert_array_equal(moved, expected)
    np.testing.assert_array_equal(truth, kept)
    alone = Augmentation(jitter=0)({"sen2": pixels}, np.random.default_rng(seed))
    np.testing.assert_array_equal(alone["sen2"], changed)


def test_not_square_keeps_its_shape():
    x = np.random.default_rng(0).random((50, 3, 5, 1), dtype=np.float32)
    after = Augmentation(jitter=0)({"x": x}, np.random.default_rng(0))["x"]
    assert after.shape == x.shape
    np.testing.assert_allclose(np.sort(after.ravel()), np.sort(x.ravel()))


def test_jitter_scales_bands():
    before = batch()["sen2"]
    still = {"flips": False, "quarter_turns": False}
    after = Augmentation(jitter=0.1, **still)({"x": before}, np.random.default_rng(0))
    gain = after["x"] / before
    assert after["x"].dtype == np.float32
    np.testing.assert_allclose(gain, gain[:, :1, :1] + 0 * gain, rtol=1e-5)
    assert 0.9 <= gain.min() < 0.93 and 1.07 < gain.max() <= 1.1001


def test_band_dropout_leaves_the_mean():
    before = batch(500)["sen2"]
    before[0, 0, 0, 0] = np.nan
    some = Augmentation(flips=False, quarter_turns=False, jitter=0, band_dropout=0.3)
    after = some({"x": before}, np.random.default_rng(0))["x"]
    blank = np.ptp(after, axis=(1, 2)) == 0
    assert blank.mean() == pytest.approx(0.3, abs=0.05)
    mean = np.nanmean(before, axis=(0, 1, 2))
    for band in range(2):
        dropped = after[blank[:, band], 0, 0, band]
        np.testing.assert_allclose(dropped, mean[band], rtol=1e-5)


def test_bad_shares():
    with pytest.raises(UserError, match=r"jitter from 0 to below 1, found 1\.5"):
        Augmentation(jitter=1.5)
    with pytest.raises(UserError, match="band_dropout from 0 to below 1, found -1"):
        Augmentation(band_dropout=-1)
