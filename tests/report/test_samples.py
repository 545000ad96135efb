"""The picture of a few patches shows what each sample has: masks, labels, values."""

import masks
import numpy as np
from matplotlib.image import imread

from autoai4eo.data.class_colours import colours
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.report import samples
from autoai4eo.report.samples import UNKNOWN, write_samples


def shown(data, path):
    write_samples(data, path)
    return np.round(255 * imread(path)[..., :3]).astype(int)


def pixels_of(picture, colour):
    return int((abs(picture - np.array(colour)) <= 2).all(axis=-1).sum())


def test_masks_stand_beside_their_patches(tmp_path):
    found = np.zeros((6, 16, 16), np.int16)
    found[::2, :8], found[:, :2] = 1, -1  # no town
    picture = shown(masks.dataset(found), tmp_path / "a.png")
    water, forest, town = colours(masks.CLASSES)
    for colour in (water, forest, UNKNOWN):
        assert pixels_of(picture, colour) > 5_000
    assert pixels_of(picture, town) < 50  # neither drawn nor in the legend


def test_values_have_a_row_from_the_smallest_to_the_largest(tmp_path):
    level = np.array([5, 1, 3, 2, 4, np.nan], np.float32)
    pixels = np.broadcast_to(level[:, None, None, None], (6, 8, 8, 1))
    data = open_dataset(
        np.nan_to_num(pixels), labels=level, kind="value", class_names=["height"]
    )
    picture = shown(data, tmp_path / "a.png")
    middle = picture[picture.shape[0] // 3, :, 0]  # in the first row of two
    grey = [v for v in middle[np.flatnonzero(np.diff(middle))] if 0 < v < 255]
    assert len(set(grey)) >= 3 and grey == sorted(grey)


def test_a_row_of_values_says_from_where_to_where():
    level = np.arange(12, dtype=np.float32)
    data = open_dataset(
        np.zeros((12, 8, 8, 1)), labels=level, kind="value", class_names=["height"]
    )
    assert [*samples._chosen(data, np.random.default_rng(0))] == ["height: 0 to 11"]


def test_a_patch_stands_with_each_of_its_labels(tmp_path):
    labels = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 0]], np.uint8)
    data = open_dataset(np.random.default_rng(0).random((3, 8, 8, 1)), labels=labels)
    both = shown(data, tmp_path / "a.png").shape[0]
    one = shown(data.subset([1]), tmp_path / "b.png").shape[0]
    assert both > one  # two rows, not the one of all without a label
