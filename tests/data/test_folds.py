"""Folds are disjoint, complete, of whole groups, and as alike as these allow."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.data.splits import folds
from autoai4eo.errors import UserError


def file(build, folder, samples=60, **groups):
    path = folder / f"{len(list(folder.iterdir()))}.h5"
    return open_dataset(build.write_h5(path, samples=samples, **groups))


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=5, max_size=40),
    k=st.integers(2, 5),
    seed=st.integers(0, 9),
)
def test_every_sample_is_in_one_fold_and_every_group_too(sizes, k, seed):
    rng = np.random.default_rng(seed)
    city = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    d = open_dataset(
        np.zeros((len(city), 1, 1, 1), np.float32), labels=np.arange(len(city)) % 3
    )
    d.groups["city"] = city
    found = folds(d, k, "city", seed=seed)
    assert len(found) == k and all(len(rows) for rows in found)
    assert sorted(np.concatenate(found)) == list(range(len(city)))
    assert all((np.diff(rows) > 0).all() for rows in found)
    assert sum(len(set(city[rows])) for rows in found) == len(set(city))
    again = folds(d, k, "city", seed=seed)
    for one, other in zip(found, again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_folds_have_equal_sizes_and_classes():
    rng = np.random.default_rng(0)
    labels = rng.choice(4, 4000, p=[0.5, 0.3, 0.15, 0.05])
    d = open_dataset(np.zeros((4000, 1, 1, 1), np.float32), labels=labels)
    d.groups["city"] = rng.integers(0, 200, 4000)
    for rows in folds(d, 5):
        assert len(rows) == pytest.approx(800, abs=40)
        shares = np.bincount(labels[rows], minlength=4) / len(rows)
        np.testing.assert_allclose(shares, [0.5, 0.3, 0.15, 0.05], atol=0.03)


def test_the_coarsest_group_is_taken_by_default(build, tmp_path):
    d = file(build, tmp_path, parent=np.arange(60) // 3, city=np.arange(60) // 12)
    for rows in folds(d, 5):
        assert len(set(d.groups["city"][rows])) == 1
    finer = folds(d, 10, "parent")
    assert sum(len(set(d.groups["parent"][rows])) for rows in finer) == 20


def test_data_without_groups_are_shared_out_by_class():
    d = open_dataset(np.zeros((40, 1, 1, 1), np.float32), labels=np.arange(40) % 4)
    found = folds(d, 5)
    assert [np.bincount(d.labels[rows]).tolist() for rows in found] == [[2] * 4] * 5
    hot = (np.arange(40)[:, None] % [2, 4] == 0).astype(np.uint8)
    hot[0] = 1
    d = open_dataset(np.zeros((40, 1, 1, 1), np.float32), labels=hot)
    assert [len(rows) for rows in folds(d, 5)] == [8] * 5


def test_the_seed_decides(build, tmp_path):
    d = file(build, tmp_path, city=np.arange(60) // 3)
    assert any(
        set(a) != set(b)
        for a, b in zip(folds(d, 5, seed=0), folds(d, 5, seed=1), strict=True)
    )


@pytest.mark.parametrize("samples", [5, 6, 7])
def test_no_fold_is_empty(samples):
    for labels in (np.zeros(samples), np.arange(samples), np.arange(samples) % 2):
        d = open_dataset(
            np.zeros((samples, 1, 1, 1), np.float32), labels=labels.astype(int)
        )
        assert all(len(rows) for rows in folds(d, 5))


def test_folds_that_cannot_be_made(build, tmp_path):
    d = file(build, tmp_path, city=np.arange(60) // 20)
    with pytest.raises(
        UserError, match=r"5 groups of city or more, one per .* found 3"
    ):
        folds(d, 5)
    with pytest.raises(UserError, match="2 folds or more, found 1"):
        folds(d, 1)
    with pytest.raises(UserError, match="expected a group called tile, found city"):
        folds(d, 3, "tile")
    with pytest.raises(UserError, match="expected the group spatial_block, found city"):
        folds(d, 3, "city", block_km=5)
    with pytest.raises(UserError, match=r"expected 70 samples or more, .* found 60"):
        folds(file(build, tmp_path), 70)


def test_folds_of_blocks(build, tmp_path):
    lon = 11 + 0.5 * (np.arange(60) // 10)
    d = file(build, tmp_path, lon=lon, lat=np.full(60, 48.0))
    for rows in folds(d, 3, "spatial_block", block_km=5):
        assert sorted(np.unique(lon[rows], return_counts=True)[1]) == [10, 10]
