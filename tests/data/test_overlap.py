"""Windows that share ground are found, and others are not."""

import numpy as np
import pytest

from autoai4eo.data import overlap as module
from autoai4eo.data.overlap import overlap
from autoai4eo.data.readers.opening import open_dataset

SIDE = 32


def scene(seed=0, size=200, bands=4):
    """Reflectance as 16-bit digital numbers divided by 10,000."""
    rng = np.random.default_rng(seed)
    fields = rng.integers(200, 4000, (size // 20, size // 20, bands))
    pixels = fields.repeat(20, axis=0).repeat(20, axis=1)
    return (pixels + rng.integers(0, 60, pixels.shape)).astype(np.float32) / 1e4


def cut(pixels, places, noise=0.0):
    patches = np.stack([pixels[i : i + SIDE, j : j + SIDE] for i, j in places])
    rng = np.random.default_rng(1)
    patches = patches * (1 + noise * rng.uniform(-1, 1, patches.shape))
    labels = np.arange(len(patches)) % 2
    return open_dataset(patches.astype(np.float32), labels=labels)


GRID = [(i, j) for i in range(0, 160, 40) for j in range(0, 160, 40)]


def test_windows_that_touch_no_other_are_not_found():
    found = overlap(cut(scene(), GRID[:8]), cut(scene(), GRID[8:]))
    assert (found.looked_at, found.among, found.example) == (8, 8, None)
    assert len(found.copies) == len(found.shifted) == 0


def test_of_the_same_data_each_patch_is_compared_with_all_others():
    found = overlap(cut(scene(), [(0, 0), (100, 100), (10, 8), (100, 100)]))
    assert found.shifted.tolist() == [0, 2] and found.copies.tolist() == [1, 3]
    assert sorted(found.example) == [0, 2]
    assert overlap(cut(scene(), GRID)).example is None


def test_copies_are_told_from_windows_that_overlap():
    mine = [(0, 0), (3, 50), (100, 100), (160, 0)]
    theirs = [(120, 60), (100, 100), (10, 60)]
    found = overlap(cut(scene(), mine), cut(scene(), theirs))
    assert found.copies.tolist() == [2]
    assert found.shifted.tolist() == [1] and found.example == (1, 2)


@pytest.mark.parametrize(
    ("shift", "least"),
    # the squares that are kept are chosen by their content: of a quarter, few are
    [(SIDE // 2, 90), (SIDE * 3 // 8, 100), (1, 100)],
)
def test_a_quarter_of_a_patch_suffices_nearly_always(shift, least):
    found = 0
    for seed in range(100):
        pixels = scene(seed, 80)
        down, right = np.random.default_rng(seed).choice([-shift, shift], 2)
        told = overlap(cut(pixels, [(24, 24)]), cut(pixels, [(24 + down, 24 + right)]))
        assert len(told.copies) == 0
        found += len(told.shifted)
    assert found >= least


def test_values_that_are_equal_after_rounding_are_equal():
    found = overlap(cut(scene(), GRID), cut(scene(), GRID, noise=1e-7))
    assert len(found.copies) >= len(GRID) - 1


def test_ground_without_structure_is_not_compared():
    pixels = scene()
    pixels[:, :100] = 0.02  # water
    pixels[:, 100:] = np.nan
    found = overlap(cut(pixels, GRID), cut(pixels, GRID))
    assert len(found.copies) == len(found.shifted) == 0


def test_values_that_are_huge_or_infinite_are_compared():
    huge = scene() * np.float32(1e30)
    huge[3, 3], huge[4, 4], huge[5, 5] = np.inf, -np.inf, np.nan
    assert overlap(cut(huge, GRID), cut(huge, GRID)).copies.tolist() == [*range(16)]
    found = overlap(cut(scene(), GRID), cut(huge, GRID))
    assert len(found.copies) == len(found.shifted) == 0


def test_many_windows_of_one_place_are_found():
    pixels = scene(3)
    places = [(i, j) for i in range(0, 40, 2) for j in range(0, 40, 2)]
    found = overlap(cut(pixels, places[::2]), cut(pixels, places[1::2]))
    assert len(found.shifted) == len(places) // 2


def test_of_many_patches_some_are_drawn(monkeypatch):
    monkeypatch.setattr(module, "MOST", 5)
    monkeypatch.setattr(module, "MOST_OF_OTHER", 3)
    found = overlap(cut(scene(), GRID), cut(scene(), GRID))
    assert (found.looked_at, found.among) == (3, 5)


@pytest.mark.parametrize("side", [2, 8])
def test_small_patches(side):
    pixels = scene()[:side, :side]
    data = open_dataset(np.stack([pixels, pixels * 2]), labels=np.array([0, 1]))
    found = overlap(data, data)
    assert found.copies.tolist() == ([0, 1] if side == 8 else [])
