"""Problems are found, counted and said."""

import numpy as np

from autoai4eo.data.opening import open_dataset
from autoai4eo.data.problems import find_problems
from autoai4eo.data.statistics import statistics


def problems(dataset, others=None):
    return find_problems(dataset, statistics(dataset), others)


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
        "image B02: 0.89% of the pixels are NaN; they are replaced by the band's mean",
        "image B02: 0.89% of the pixels are infinite; they are replaced by the band's "
        "mean",
        "image B03 is constant (3): it tells nothing",
        "2 classes have no samples: class 2, class 3",
        "1 patch is an exact copy of another in the same data",
    ]


def test_zero_patches_and_nodata():
    x = pixels()
    x[2:4] = 0
    found = problems(open_dataset(x, labels=np.arange(8) % 2))
    assert found == [
        "image: 25.00% of the pixels are nodata",
        "image: 2 patches are zero throughout",
        "1 patch is an exact copy of another in the same data",
    ]


def test_copies_across_parts():
    x = pixels()
    other = pixels(5, seed=1)
    other[[0, 3]] = x[[6, 1]]
    d = open_dataset(x, labels=np.arange(8) % 2)
    found = problems(d, {"validation": open_dataset(other), "testing": d.subset([1])})
    assert found == [
        "2 patches occur in validation as well: the score there is not one on unseen "
        "data",
        "1 patch occurs in testing as well: the score there is not one on unseen data",
    ]
    narrower = open_dataset(other[..., :1])
    assert problems(d, {"validation": narrower}) == []


def test_real_splits_share_nothing(shared):
    folder = shared / "so2sat_layout"
    validation = open_dataset(folder / "validation.h5")
    found = problems(validation, {"testing": open_dataset(folder / "testing.h5")})
    assert any(p.startswith("2 classes have no samples") for p in found)
    assert not any("occur" in p for p in found)
