"""Tiles that overlap: scores count each pixel once."""

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import digits, write_scene

from autoai4eo.data.masks.overlapping import each_pixel_once, share_pixels
from autoai4eo.data.masks.pixel_sets import PixelSets
from autoai4eo.data.readers.joined import joined
from autoai4eo.data.readers.opening import open_dataset

SIZE, TILE = 30, 8


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two scenes in ``x`` and their masks in ``y``; some pixels of ``a`` are 255."""
    folder = tmp_path_factory.mktemp("once")
    for seed, name in enumerate("ab"):
        rng = np.random.default_rng(seed)
        mask = rng.integers(0, 3, (SIZE, SIZE), dtype=np.uint8)
        if name == "a":
            mask[:9, :9] = 255
        write_scene(folder / "x" / f"{name}.tif", digits(SIZE, SIZE, seed=seed))
        write_scene(folder / "y" / f"{name}.tif", mask[..., None], None)
    return folder


def opened(place, stride):
    return open_dataset(
        place / "x", masks=place / "y", tile=TILE, tile_stride=stride, ignored=255
    )


def times(dataset):
    """How often each pixel of each scene has a class, by the number of the tile."""
    found = {}
    masks = dataset.read_targets(np.arange(len(dataset)))
    for mask, scene, (top, left) in zip(
        masks, dataset.groups["scene"], dataset.places.first, strict=True
    ):
        one = found.setdefault(str(scene), np.zeros((SIZE, SIZE), int))
        one[top : top + TILE, left : left + TILE] += mask >= 0
    return found


@settings(deadline=None, max_examples=40)
@given(st.integers(2, TILE), st.randoms(use_true_random=False))
def test_each_pixel_of_any_tiles_counts_once(place, stride, random):
    every = opened(place, stride)
    rows = sorted(random.sample(range(len(every)), random.randint(1, len(every))))
    some = every.subset(rows)
    before, once = times(some), each_pixel_once(some)
    after = times(once)
    for scene, counted in before.items():
        np.testing.assert_array_equal(after.get(scene, counted * 0), counted > 0)
    masks = once.read_targets(np.arange(len(once)))
    pixels = [np.bincount(m[m >= 0], minlength=3) for m in masks]
    np.testing.assert_array_equal(once.class_pixels, pixels)
    assert once.known.all()
    again = each_pixel_once(once)
    assert again.fingerprint() == once.fingerprint()


def test_a_stride_that_divides_the_tile_leaves_tiles_side_by_side(place):
    once = each_pixel_once(opened(place, 4))
    side_by_side = opened(place, None)
    assert once.names == side_by_side.names
    np.testing.assert_array_equal(once.class_pixels, side_by_side.class_pixels)
    assert once.fingerprint() == side_by_side.fingerprint()


def test_each_date_of_a_place_counts(place):
    """Users rely on: a place in May and June is judged in both, learned in one part."""
    path = place / "dates.csv"
    rows = "x/a.tif,y/a.tif\nx/b.tif,y/a.tif\n"
    path.write_text(f"image,mask\n{rows}")
    how = {"tile": TILE, "ignored": 255}
    every = open_dataset(path, tile_stride=4, **how)
    once, side_by_side = each_pixel_once(every), open_dataset(path, **how)
    assert once.names == side_by_side.names
    np.testing.assert_array_equal(once.class_pixels, side_by_side.class_pixels)
    of = every.groups["scene"] == "x/a.tif"
    both = joined(every.subset(of), every.subset(~of))
    assert each_pixel_once(both).label_counts().sum() == once.label_counts().sum()
    assert share_pixels(every.subset(of), every.subset(~of)).all()


def test_parts_that_are_joined_again_count_once(place):
    every = opened(place, 4)
    cut = np.arange(len(every)) % 2 == 0
    once = each_pixel_once(joined(every.subset(cut), every.subset(~cut)))
    np.testing.assert_array_equal(
        once.label_counts(), opened(place, None).label_counts()
    )


def test_patches_with_masks_that_know_their_window_count_once(tmp_path):
    """As `autoai4eo patches --target mask --stride 4 --size 8` writes them."""
    mask = np.random.default_rng(0).integers(0, 2, (24, 24))
    first = np.arange(0, 17, 4)
    places = np.stack(np.meshgrid(first, first), -1).reshape(-1, 2)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        cut = np.stack([mask[r : r + 8, c : c + 8] for r, c in places])
        file["label"], file["image"] = cut, cut[..., None].astype(np.float32)
        file["scene"], file["window"] = ["a"] * len(places), places
    d = open_dataset(tmp_path / "a.h5")
    assert d.label_counts().sum() == 25 * 64
    once = each_pixel_once(d)
    assert len(once) == 9
    np.testing.assert_array_equal(once.label_counts(), np.bincount(mask.ravel()))


def test_other_data_stay_as_they_are(place):
    arrays = open_dataset(
        np.zeros((4, 2, 2, 1), np.float32), labels=np.arange(16).reshape(4, 2, 2) % 2
    )
    assert each_pixel_once(arrays) is arrays


def test_sets_of_pixels():
    kept = PixelSets((3, 5))
    pixels = np.arange(15).reshape(3, 5) % 4 == 0
    kept.put(7, pixels)
    kept.put(8, ~pixels & pixels)
    np.testing.assert_array_equal(kept.of(7), pixels)
    assert kept.of(8) is None
