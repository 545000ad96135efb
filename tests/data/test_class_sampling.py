"""Drawing of tiles with rare classes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoai4eo.data.class_sampling import drawn_times, repeat_factors
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.data.stream import Batches


def test_factors_are_those_of_the_paper():
    pixels = np.ones((100, 3), int)
    pixels[1:, 1] = 0  # in 1 of 100
    pixels[16:, 2] = 0  # in 16 of 100
    found = repeat_factors(pixels)
    assert found[0] == pytest.approx(np.sqrt(0.25 / 0.01))
    assert found[1] == pytest.approx(np.sqrt(0.25 / 0.16))
    assert (found[16:] == 1).all()


@given(st.lists(st.floats(1, 10), min_size=1, max_size=50), st.integers(0, 99))
def test_tiles_are_drawn_in_proportion(factors, seed):
    factors = np.array(factors)
    times = drawn_times(factors, np.random.default_rng(seed))
    assert times.sum() == len(factors)
    wanted = factors * len(factors) / factors.sum()
    assert (np.abs(times - wanted) < 1 + 1e-6).all()


@given(st.integers(1, 200), st.integers(0, 99))
def test_with_equal_factors_each_is_drawn_once(number, seed):
    times = drawn_times(np.full(number, 1.7), np.random.default_rng(seed))
    assert (times == 1).all()


def drawn(batches):
    """The samples of an epoch."""
    pixels = [batches[i][0]["image"] for i in range(len(batches))]
    return np.concatenate(pixels)[:, 0, 0, 0].astype(int)


@pytest.fixture
def dataset():
    mask = np.zeros((64, 2, 2), np.uint8)
    mask[:, 0, 0] = 1
    mask[7, 1, 1] = 2
    pixels = np.arange(64, dtype=np.float32)[:, None, None, None] * np.ones((2, 2, 1))
    return open_dataset(pixels.astype(np.float32), labels=mask)


def test_an_epoch_of_training_has_the_rare_class_more_often(dataset):
    seen = drawn(Batches(dataset, 8, shuffle=True, seed=1))
    assert len(seen) == 64 and (seen == 7).sum() in (3, 4)
    again = drawn(Batches(dataset, 8, shuffle=True, seed=1))
    np.testing.assert_array_equal(seen, again)
    assert drawn(Batches(dataset, 8)).tolist() == list(range(64))


def test_buffers_draw_the_same_tiles(dataset, monkeypatch):
    monkeypatch.setattr(type(dataset), "order_is_free", False)
    batches = Batches(dataset, 8, shuffle=True, seed=1)
    seen = drawn(batches)
    assert len(seen) == 64 and (seen == 7).sum() in (3, 4)
    for i in range(len(batches)):
        pixels, masks = batches[i]
        rare = (masks == 2).any(axis=(1, 2))
        np.testing.assert_array_equal(rare, pixels["image"][:, 0, 0, 0] == 7)
