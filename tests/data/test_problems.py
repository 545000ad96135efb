"""Problems are found, counted and said."""

import numpy as np
import pytest

from autoai4eo.data.problems import find_problems
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.data.statistics import statistics


def problems(dataset, others=None):
    found = find_problems(dataset, statistics(dataset), others)
    return [("! " if p.serious else "") + str(p) for p in found]


def pixels(count=8, seed=0):
    return np.random.default_rng(seed).random((count, 4, 4, 2), dtype=np.float32)


def test_nothing_wrong():
    assert problems(open_dataset(pixels(), labels=np.arange(8) % 2)) == []
    assert problems(open_dataset(pixels())) == []


def test_each_problem_has_a_sentence():
    x = pixels()
    x[..., 1] = 3
    x[0, 0, 0, 0], x[0, 1, 1, 0] = np.nan, np.inf
    x[2] = 0
    x[..., 1][2] = 3
    x[5] = x[4]
    label = np.eye(4)[np.arange(8) % 2]
    label[7] = 0
    bands = ["B02", "B03"]
    d = open_dataset(x, labels=label, bands=bands)
    found = problems(d)
    assert found == [
        "1 of 8 label rows are not one-hot (no class at all): these samples are left "
        "out",
        "image: 0.89% of the values are missing (nodata, masked, NaN or infinite), "
        "most of B02 (1.79%); the network takes the band's mean for them",
        "image B03 is constant (3): it is useless",
        "2 classes have no samples: class 2, class 3",
        "1 patch is an exact copy of another in the same data: sample 4 = sample 5",
        "! 1 copy has another class than the other: sample 4 = sample 5",
    ]


def test_zero_patches_and_nodata():
    x = pixels()
    x[2:4] = 0
    found = problems(open_dataset(x, labels=np.arange(8) % 2))
    assert found == [
        "image: 25.00% of the pixels are exactly 0 in every band: if that means no "
        "measurement, declare it as nodata or write NaN",
        "image: 2 patches are zero throughout",
        "1 patch is an exact copy of another in the same data: sample 2 = sample 3",
        "! 1 copy has another class than the other: sample 2 = sample 3",
    ]


def test_other_parts_in_another_unit_or_order_are_serious():
    """Users rely on: inspect finds what would make scores on other data wrong."""
    rng = np.random.default_rng(0)
    means = np.array([0.04, 0.09, 0.2, 0.4], np.float32)
    x = means + rng.normal(0, 0.02, (32, 8, 8, 4)).astype(np.float32)
    names = ["B02", "B03", "B04", "B08"]
    d = open_dataset(x[:16], labels=np.arange(16) % 2, bands=names)
    others = {
        "same": open_dataset(x[16:], bands=names),
        "numbers": open_dataset(x[16:] * 1e4, bands=names),
        "turned": open_dataset(x[16:, ..., ::-1], bands=names),
    }
    units, order = (line for line in problems(d, others) if line.startswith("! "))
    assert "other values than in the training data, B02" in units
    assert "seem to be in another order than in the training data" in order


def test_windows_of_one_scene_are_told():
    rng = np.random.default_rng(0)
    scene = rng.normal(0.2, 0.05, (40, 60, 2)).astype(np.float32)
    x = np.stack([scene[i : i + 16, j : j + 16] for i in (0, 20) for j in (0, 8, 40)])
    (found,) = problems(open_dataset(x, labels=np.arange(6) % 2))
    assert found == (
        "4 patches share ground with another in the same data, shifted (6 compared; "
        "the first: sample 0 with sample 1), as windows of one scene do: parts of a "
        "random split would share ground"
    )


def test_copies_across_parts():
    x = pixels()
    other = pixels(5, seed=1)
    other[[0, 3]] = x[[6, 1]]
    d = open_dataset(x, labels=np.arange(8) % 2)
    found = problems(d, {"validation": open_dataset(other), "testing": d.subset([1])})
    assert found == [
        "! 2 patches occur in validation as well: the score there is not one on unseen "
        "data",
        "! 1 patch occurs in testing as well: the score there is not one on unseen "
        "data",
    ]
    (narrower,) = problems(d, {"validation": open_dataset(other[..., :1])})
    assert narrower.startswith("! validation has other inputs (image (4, 4, 1))")


@pytest.mark.parametrize("fill", [-9999.0, -32768.0, 65535.0])
def test_fill_that_stands_alone_is_told(fill):
    x = pixels(40)
    x[::2, :2, :, 1] = fill
    found = problems(open_dataset(x, labels=np.arange(40) % 2, bands=["B02", "B08"]))
    (told,) = [line for line in found if line.startswith("!")]
    assert f"B08: 25.00% of the values are exactly {fill:g}, far from all" in told


def test_a_wide_range_is_no_fill():
    rng = np.random.default_rng(0)
    x = rng.lognormal(5, 1.5, (40, 8, 8, 2)).astype(np.float32)
    np.minimum(x, 3000, out=x)  # saturated, but not far from the others
    found = problems(open_dataset(x, labels=np.arange(40) % 2))
    assert not [line for line in found if "exactly" in line]


@pytest.mark.parametrize("fill", [0.0, -9999.0])
@pytest.mark.parametrize("edge", ["top", "right"])
def test_borders_of_fill_are_told(fill, edge):
    x = pixels(40)
    if edge == "top":
        x[:10, :1] = fill
    else:
        x[:10, :, -1:] = fill
    found = problems(open_dataset(x, labels=np.arange(40) % 2))
    assert any("25.00% of the patches have an edge of one value" in f for f in found)


def test_values_that_cannot_be_are_told():
    x = pixels(40) * 0.4
    x[3, 2, 2, 0], x[3, 2, 2, 1] = 7, 60
    found = problems(open_dataset(x, labels=np.arange(40) % 2, bands=["B02", "VV"]))
    assert any("B02: values from" in f and "-0.2 to 2" in f for f in found)
    assert any("VV: values from" in f and "decibel" in f for f in found)


def test_one_class_is_serious():
    found = problems(open_dataset(pixels(), labels=np.zeros(8, int)))
    assert found == [
        "! there is only one class (class 0): a classifier needs two or more"
    ]


def test_several_labels_and_values_have_problems_of_their_own():
    rows = np.array([[1, 1, 0], [1, 0, 0]] * 4)
    assert problems(open_dataset(pixels(), labels=rows, kind="labels")) == [
        "labels that all samples have: class 0",
        "1 class has no samples: class 2",
    ]
    values = np.stack([np.arange(8.0), np.full(8, 3.0)], axis=1)
    found = problems(open_dataset(pixels(), labels=values, kind="value"))
    assert found == ["! the same in all samples: value 2"]
    x = pixels()
    x[1:3] = x[0]
    rows[2] = rows[1]
    found = problems(open_dataset(x, labels=rows, kind="labels"))
    assert any("1 copy has other labels than the other" in f for f in found)


def test_real_splits_share_nothing(shared):
    folder = shared / "so2sat_layout"
    validation = open_dataset(folder / "validation.h5")
    found = problems(validation, {"testing": open_dataset(folder / "testing.h5")})
    assert any(p.startswith("2 classes have no samples") for p in found)
    assert not any("occur" in p for p in found)


def test_patches_of_nothing_are_no_copies():
    x = pixels()
    x[2:5] = np.nan
    found = problems(open_dataset(x, labels=np.arange(8) % 2))
    assert "3 patches have no valid pixel" in found
    assert not [line for line in found if "copy" in line]


def test_classes_that_may_be_one_are_told():
    names = ["Forest", "forest "]
    found = problems(open_dataset(pixels(), labels=np.arange(8) % 2, class_names=names))
    assert "names that are alike: Forest, forest" in found[0]


def test_a_usual_fill_value_below_all_others_is_told_however_wide_they_are():
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 20_000, (40, 8, 8, 2)).astype(np.float32)
    x[::2, 3:5, 3:5] = -9999
    found = problems(open_dataset(x, labels=np.arange(40) % 2))
    assert [f for f in found if f.startswith("!") and "exactly -9999" in f]


def test_fill_of_one_band_is_told():
    x = pixels(40)
    x[:10, :, :, 1] = 0
    (found,) = problems(open_dataset(x, labels=np.arange(40) % 2))
    assert "band2: 25.00% of the values are exactly 0, far more than any" in found
    x = pixels(40)
    x[:10, :1, :, 1] = 0
    found = problems(open_dataset(x, labels=np.arange(40) % 2))
    assert any("25.00% of the patches" in f and "most of band2" in f for f in found)
    assert any(f.startswith("! ") and "an edge of one value" in f for f in found)


def test_zeros_among_many_equal_values_are_no_fill():
    x = np.random.default_rng(0).integers(0, 20, (40, 4, 4, 3)).astype(np.uint8)
    assert problems(open_dataset(x, labels=np.arange(40) % 2)) == []
    x[0, 0, :, 2] = 0  # a shadow without blue
    assert problems(open_dataset(x, labels=np.arange(40) % 2)) == []


def test_a_fill_value_is_not_hidden_by_another():
    x = pixels(40)
    x[:10, :2, :, 0] = -9999
    x[20, 1, 1, 0] = -32768
    found = problems(open_dataset(x, labels=np.arange(40) % 2))
    assert any("band1: 12.50% of the values are exactly -9999" in f for f in found)


def test_classes_of_another_part_that_are_unknown():
    first = open_dataset(pixels(), labels=np.array(["a", "b"] * 4))
    names = np.array(["a", "c"] * 4)
    (found,) = problems(first, {"v": open_dataset(pixels(seed=1), labels=names)})
    assert found.startswith("! ") and "a, b" in found and "c" in found
    # numbers have no names to compare
    numbers = open_dataset(pixels(seed=1), labels=np.arange(8) % 3)
    assert problems(first, {"v": numbers}) == []


def test_patches_in_another_unit_are_told():
    x = 3000 * pixels(20)
    x[4] /= 10_000
    d = open_dataset(x, labels=np.arange(20) % 2, bands=["B02", "B03"])
    (found,) = [f for f in problems(d) if "another unit" in f]
    assert found.startswith("! image: 1 patch has") and "sample 4" in found
    x[4] *= 200  # a dark lake
    d = open_dataset(x, labels=np.arange(20) % 2, bands=["B02", "B03"])
    assert not any("another unit" in f for f in problems(d))


def test_radar_in_two_units_is_told():
    rng = np.random.default_rng(0)
    x = rng.normal(-12, 3, (22, 4, 4, 2)).astype("float32")
    d = open_dataset(x, labels=np.arange(22) % 2, bands=["VV", "VH"])
    assert problems(d) == []
    x[:8] = 10 ** (x[:8] / 10)
    d = open_dataset(x, labels=np.arange(22) % 2, bands=["VV", "VH"])
    (found,) = problems(d)
    assert found.startswith(
        "! image: 14 patches are mostly negative, as decibels, and 8"
    )


def test_a_band_of_nothing_but_fill_is_serious():
    x = pixels(20)
    x[..., 1] = -9999
    found = problems(open_dataset(x, labels=np.arange(20) % 2))
    assert any(f.startswith("! image band2 is -9999 throughout") for f in found)


def test_classes_without_samples_in_another_part_are_told():
    names = np.array(["a", "b"] * 4)
    first = open_dataset(pixels(), labels=names)
    (found,) = problems(first, {"v": open_dataset(pixels(seed=1), labels=["a"] * 8)})
    assert found.endswith("no samples of b") and not found.startswith("!")


def test_windows_of_one_scene_in_two_parts_are_told():
    scene = pixels(1, seed=4).repeat(16, axis=1).repeat(16, axis=2)[0]
    scene = scene + np.random.default_rng(0).random((64, 64, 2), np.float32)

    def cut(*corners):
        windows = np.stack([scene[i : i + 32, j : j + 32] for i, j in corners])
        return open_dataset(windows, labels=np.arange(len(corners)) % 2)

    near = cut((0, 0), (32, 32)).read([0, 1])["image"] * np.float32(1 + 1e-6)
    others = {
        "validation": cut((10, 10), (32, 0)),
        "testing": open_dataset(near, labels=np.arange(2)),
    }
    told = problems(cut((0, 0), (0, 32)), others)
    assert told == [
        "! validation: 1 patch shares ground with one of the other data, shifted (2 "
        "compared; the first: sample 0 with sample 0): the score there is not one on "
        "unseen data",
        "! testing: 1 patch is equal to one of the other data after rounding (2 "
        "compared): the score there is not one on unseen data",
    ]
