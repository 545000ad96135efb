"""Parts are disjoint, complete, of the sizes and classes asked for."""

import os
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoai4eo.data.between_parts import told_parts
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.data.splits import (
    LeakWarning,
    class_weights,
    sample,
    shared_groups,
    split,
)
from autoai4eo.errors import UserError
from autoai4eo.learning.evaluation import groups_of


def dataset(labels):
    """Each sample's one pixel is its number."""
    labels = np.asarray(labels)
    numbers = np.arange(len(labels), dtype=np.float32).reshape(-1, 1, 1, 1)
    return open_dataset(numbers, labels=labels)


def members(part):
    return part.read(np.arange(len(part)))["image"].ravel().astype(int)


SHARES = st.sampled_from([(0.8, 0.1, 0.1), (0.5, 0.5), (0.7, 0.2, 0.1), (0.9, 0.1)])


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(st.integers(1, 60), min_size=2, max_size=8),
    shares=SHARES,
    seed=st.integers(0, 9),
)
def test_random_split(counts, shares, seed):
    labels = np.repeat(np.arange(len(counts)), counts)
    labels = np.random.default_rng(seed).permutation(labels)
    d = dataset(labels)
    if len(labels) < 12:
        return
    parts = split(d, shares, seed=seed)
    together = np.concatenate([members(p) for p in parts])
    assert sorted(together) == list(range(len(labels)))
    for part, share in zip(parts, shares, strict=True):
        assert abs(len(part) - share * len(labels)) <= 2
        lack = np.abs(part.label_counts() - share * np.array(counts))
        assert lack.max() <= 2
    same = split(d, shares, seed=seed)
    np.testing.assert_array_equal(members(parts[0]), members(same[0]))


def test_seed_matters():
    d = dataset(np.arange(100) % 3)
    first, second = (members(split(d, (0.5, 0.5), seed=s)[0]) for s in (0, 1))
    assert set(first) != set(second)


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=3, max_size=40),
    shares=SHARES,
    seed=st.integers(0, 9),
)
def test_no_group_in_two_parts(sizes, shares, seed):
    rng = np.random.default_rng(seed)
    groups = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    labels = rng.integers(0, 3, len(groups))
    labels[:2] = 0, 1
    parts = split(dataset(labels), shares, groups=groups, seed=seed)
    found = [set(groups[members(p)]) for p in parts]
    assert sum(len(f) for f in found) == len(set(groups))
    assert all(found) and sum(len(p) for p in parts) == len(groups)


def test_group_split_meets_shares_and_classes():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 200, 4000)
    d = dataset(rng.choice(4, 4000, p=[0.5, 0.3, 0.15, 0.05]))
    for part, share in zip(
        split(d, (0.8, 0.1, 0.1), groups=groups), (0.8, 0.1, 0.1), strict=True
    ):
        assert len(part) / 4000 == pytest.approx(share, abs=0.02)
        shares = part.label_counts() / len(part)
        np.testing.assert_allclose(shares, [0.5, 0.3, 0.15, 0.05], atol=0.05)


def test_random_split_of_groups_warns(build, tmp_path):
    d = open_dataset(
        build.write_h5(tmp_path / "a.h5", city=np.arange(60) // 6, number=np.arange(60))
    )
    with pytest.warns(
        LeakWarning, match=r"groups \(city\) leaks.*group='city'"
    ) as told:
        split(d, (0.5, 0.5))
    assert [one.filename for one in told] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first, second = split(d, (0.5, 0.5), group="city")
    assert not set(first.groups["city"]) & set(second.groups["city"])
    with pytest.raises(
        UserError, match="expected a group called tile, found city, number"
    ):
        split(d, (0.5, 0.5), group="tile")
    with pytest.raises(UserError, match="expected coordinates to split by spatial_blo"):
        split(d, (0.5, 0.5), group="spatial_block")


def test_groups_that_data_cannot_be_split_by_are_not_advised(build, tmp_path):
    """One scene in all is no group, nor is a number for each sample."""
    d = open_dataset(
        build.write_h5(
            tmp_path / "a.h5",
            scene=np.zeros(60, int),
            polygon=np.arange(60) // 6,
            number=np.arange(60),
        )
    )
    assert shared_groups(d) == ["polygon"]
    with pytest.warns(LeakWarning, match=r"\(polygon\) leaks.* group='polygon' "):
        split(d, (0.5, 0.5))
    with pytest.raises(
        UserError, match=r"2 scenes or more, .* found 1; split by polygon$"
    ):
        split(d, (0.5, 0.5), group="scene")
    alone = open_dataset(build.write_h5(tmp_path / "b.h5", scene=np.zeros(60, int)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        split(alone, (0.5, 0.5))


def test_parts_are_told_with_their_samples_and_groups(build, tmp_path):
    cities = np.repeat(["a", "b", "c", "d"], [30, 10, 10, 10])
    d = open_dataset(build.write_h5(tmp_path / "a.h5", city=cities.astype("S1")))
    parts = split(d, (0.5, 0.3, 0.2), group="city")
    assert told_parts(parts, "city") == (
        "split by city: training 30 samples of 1 city, validation 20 samples of 2 "
        "cities, test 10 samples of 1 city"
    )
    two = [d.subset(np.arange(59)), d.subset(np.array([59]))]
    assert told_parts(two, None) == (
        "split at random: training 59 samples, validation 1 sample"
    )


def test_spatial_blocks_of_geotiffs(build, tmp_path):
    for i in range(40):
        place = (11 + 0.02 * (i % 8), 48 + 0.02 * (i // 8))
        pixels = np.full((4, 4, 1), i, np.uint8)
        build.write_image(tmp_path / "ab"[i % 2] / f"{i}.tif", pixels, place=place)
    d = open_dataset(tmp_path)
    parts = split(d, (0.6, 0.4), group="spatial_block", seed=1)
    assert len(parts[0]) + len(parts[1]) == 40
    assert abs(len(parts[0]) - 24) <= 4
    blocks = [set(part.groups["spatial_block"].tolist()) for part in parts]
    assert blocks[0].isdisjoint(blocks[1])
    near = split(d.subset([0, 0, 1, 1, 2, 2]), (0.5, 0.5), group="spatial_block")
    assert not set(members(near[0])) & set(members(near[1]))


def test_intervals_resample_the_squares_that_made_the_parts(build, tmp_path):
    """Users rely on: neighbours in one square are not counted as independent."""
    for i in range(24):
        place = (11 + 0.001 * (i % 4) + 0.1 * (i // 4), 48)  # six squares of four
        pixels = np.full((4, 4, 1), i, np.uint8)
        build.write_image(tmp_path / "ab"[i % 2] / f"{i}.tif", pixels, place=place)
    squares = {"group": "spatial_block", "block_km": 1.5}
    part, _ = split(open_dataset(tmp_path), (0.5, 0.5), **squares)
    for one in (part, part.subset(np.arange(len(part) - 1)), part.with_labels()):
        by, of = groups_of(one)
        assert by == "spatial_block" and 3 <= len(np.unique(of)) < len(one)


def test_csv_by_row_and_by_file(build, tmp_path):
    d = dataset([0, 1] * 6)
    table = tmp_path / "groups.csv"
    table.write_text(
        "tile,city\n" + "".join(f"t{i // 3},c{i // 6}\n" for i in range(12))
    )
    first, second = split(d, (0.5, 0.5), group="city", groups=table)
    assert {tuple(members(first)), tuple(members(second))} == {
        tuple(range(6)),
        tuple(range(6, 12)),
    }
    images = open_dataset(build.class_folders(tmp_path / "images"))
    names = images.names
    lines = [f"{name},{i % 2}" for i, name in enumerate(names)]
    table.write_text("\n".join(["file,scene", *reversed(lines)]))
    first, _ = split(images, (0.5, 0.5), groups=table)
    assert {names.index(n) % 2 for n in first.names} in ({0}, {1})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("city\na\n", "expected 12 rows, one per sample, found 1"),
        ("a,b\n1,2\n", r"column called \(name it with group=\), found a, b"),
        ("", "found none"),
    ],
)
def test_bad_csv(tmp_path, content, message):
    table = tmp_path / "g.csv"
    table.write_text(content)
    with pytest.raises(UserError, match=message):
        split(dataset([0, 1] * 6), (0.5, 0.5), groups=table)
    with pytest.raises(UserError, match="cannot be read as CSV"):
        split(dataset([0, 1] * 6), (0.5, 0.5), groups=tmp_path / "no.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(UserError, match="found a pipe"):
        split(dataset([0, 1] * 6), (0.5, 0.5), groups=tmp_path / "pipe.csv")


@pytest.mark.parametrize(
    "fractions", [(0.5, 0.4), (1.2, -0.2), (1.0,), (0.8, 0.2, 0.0), (), (0.5, np.nan)]
)
def test_bad_fractions(fractions):
    with pytest.raises(UserError, match="each above 0, together 1"):
        split(dataset([0, 1] * 6), fractions)


def test_too_few():
    with pytest.raises(UserError, match="2 samples are too few"):
        split(dataset([0, 1]), (0.8, 0.1, 0.1))
    with pytest.raises(UserError, match=r"expected 2 groups or more, .* found 1"):
        split(dataset([0, 1]), (0.5, 0.5), groups=np.zeros(2))
    with pytest.raises(UserError, match=r"one group per sample, shape \(2,\)"):
        split(dataset([0, 1]), (0.5, 0.5), groups=np.zeros(3))


@given(st.integers(1, 200), st.integers(0, 5))
@settings(max_examples=30, deadline=None)
def test_sample_keeps_the_classes(wanted, seed):
    d = dataset(np.repeat([0, 1, 2], [80, 15, 5]))
    part = sample(d, wanted, seed)
    assert len(part) == min(wanted, 100)
    assert len(set(members(part))) == len(part)
    if wanted >= 3:
        assert (part.label_counts() > 0).all()
        share = part.label_counts() / len(part)
        assert np.abs(share - [0.8, 0.15, 0.05]).max() <= 2 / len(part)
    with pytest.raises(UserError, match="at least 1 sample, found 0"):
        sample(d, 0)


def test_class_weights_as_scikit_learn():
    from sklearn.utils.class_weight import compute_class_weight

    labels = np.repeat([0, 1, 3], [5, 10, 2])
    found = class_weights(dataset(labels))
    expected = compute_class_weight("balanced", classes=np.array([0, 1, 3]), y=labels)
    assert [found[i] for i in (0, 1, 3)] == pytest.approx(list(expected))
    assert found[2] == 1


# Several labels, and numbers --------------------------------------------------------


def shares_off(parts, strata, shares):
    """How far a label's share in a part is off on average, in samples (Sechidis)."""
    off = [
        np.abs(strata[p].sum(axis=0) - share * strata.sum(axis=0))
        for p, share in zip(parts, shares, strict=True)
    ]
    return float(np.mean(off))


@st.composite
def label_rows(draw):
    """Rows of labels of which some are rare, and which come together."""
    seed = draw(st.integers(0, 2**16))
    rng = np.random.default_rng(seed)
    frequent = draw(st.lists(st.floats(0.02, 0.6), min_size=2, max_size=8))
    rows = rng.random((draw(st.integers(150, 400)), len(frequent))) < frequent
    rows[:, 1] |= rows[:, 0] & (rng.random(len(rows)) < 0.5)
    rows[0] = True  # several labels, so that they are not taken for classes
    return rows


@settings(max_examples=40, deadline=None)
@given(hot=label_rows(), shares=SHARES, seed=st.integers(0, 9))
def test_labels_have_their_share_in_each_part(hot, shares, seed):
    """Iterative stratification: the label distribution of Sechidis et al., table 4."""
    d = dataset(hot.astype(np.uint8))
    found = [members(p) for p in split(d, shares, seed=seed)]
    assert sorted(np.concatenate(found)) == list(range(len(hot)))
    again = [members(p) for p in split(d, shares, seed=seed)]
    for one, other in zip(found, again, strict=True):
        np.testing.assert_array_equal(one, other)
    for part, share in zip(found, shares, strict=True):
        # labels come first: the number of samples is met to a few for each label
        assert abs(len(part) - share * len(hot)) <= 2 * (1 + hot.shape[1])
    cuts = np.cumsum(np.array(shares) * len(hot)).astype(int)[:-1]
    at_random = [
        shares_off(
            np.split(np.random.default_rng(i).permutation(len(hot)), cuts), hot, shares
        )
        for i in range(20)
    ]
    assert shares_off(found, hot, shares) < np.mean(at_random)
    assert shares_off(found, hot, shares) < 2


def test_a_rare_label_reaches_every_part():
    hot = np.zeros((300, 3), np.uint8)
    hot[:, 0] = 1
    hot[::2, 1] = 1
    hot[:9, 2] = 1
    for seed in range(5):
        parts = split(dataset(hot), (1 / 3, 1 / 3, 1 / 3), seed=seed)
        assert [p.targets[:, 2].sum() for p in parts] == [3, 3, 3]


def test_samples_without_any_label_are_shared_out_too():
    hot = np.zeros((40, 2), np.uint8)
    hot[:4] = 1
    parts = split(dataset(hot), (0.5, 0.5))
    assert [len(p) for p in parts] == [20, 20]
    assert [p.targets.sum() for p in parts] == [4, 4]


def test_groups_stay_whole_and_labels_are_balanced():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 200, 4000)
    hot = rng.random((4000, 4)) < [0.5, 0.3, 0.15, 0.05]
    hot[0] = True
    shares = (0.8, 0.1, 0.1)
    d = dataset(hot.astype(np.uint8))
    parts = split(d, shares, groups=groups)
    found = [members(p) for p in parts]
    assert sum(len(set(groups[m])) for m in found) == len(set(groups))
    for part, share in zip(found, shares, strict=True):
        assert len(part) / 4000 == pytest.approx(share, abs=0.02)
        np.testing.assert_allclose(
            hot[part].mean(axis=0), [0.5, 0.3, 0.15, 0.05], atol=0.05
        )


def test_tenths_of_a_value_have_their_share():
    values = np.random.default_rng(0).gamma(1, size=500)
    numbers = np.zeros((500, 1, 1, 1), np.float32)
    d = open_dataset(numbers, labels=values, kind="value")
    edges = np.quantile(values, np.linspace(0, 1, 11)[1:-1])
    for part, share in zip(split(d, (0.8, 0.2)), (40, 10), strict=True):
        tenth = np.searchsorted(edges, part.targets[:, 0])
        assert np.abs(np.bincount(tenth) - share).max() <= 1


@given(st.integers(1, 120), st.integers(0, 5))
@settings(max_examples=30, deadline=None)
def test_sample_keeps_the_labels(wanted, seed):
    rng = np.random.default_rng(0)
    hot = (rng.random((100, 3)) < [0.8, 0.3, 0.05]).astype(np.uint8)
    hot[:3] = 1
    part = sample(dataset(hot), wanted, seed)
    assert len(part) == min(wanted, 100) == len(set(members(part)))
    if wanted >= 3:
        assert part.targets.any(axis=0).all()
        np.testing.assert_allclose(
            part.targets.sum(axis=0), wanted_of(hot, len(part)), atol=4
        )


def wanted_of(hot, samples):
    return hot.sum(axis=0) * samples / len(hot)


def test_weights_of_several_labels():
    hot = np.array([[1, 1, 0, 0]] * 6 + [[1, 0, 1, 0]] * 3, np.uint8)
    found = class_weights(dataset(hot))
    assert found == pytest.approx({0: 18 / 27, 1: 1, 2: 2, 3: 1})


def test_a_split_by_classes_is_what_it_has_always_been():
    """Figures of the first storey: a run that goes on must get the same parts."""
    labels = np.random.default_rng(0).integers(0, 3, 30)
    d = dataset(labels)
    assert members(split(d, (0.8, 0.2), seed=1)[1]).tolist() == [0, 3, 7, 9, 17, 26]
    by_group = split(d, (0.7, 0.3), groups=np.arange(30) // 4, seed=1)
    assert members(by_group[1]).tolist() == [0, 1, 2, 3, *range(24, 30)]
    assert members(sample(d, 7, 1)).tolist() == [1, 2, 4, 5, 11, 21, 29]
