"""Masks in HDF5 files, ``.npz`` files and arrays."""

import pickle

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoai4eo.data.readers.joined import joined
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.data.splits import class_weights, folds, sample, split
from autoai4eo.errors import UnknownClassError, UserError

N = 12
X = np.arange(N * 32, dtype=np.float32).reshape(N, 4, 4, 2)
VALUES = np.array([0, 1, 3])
RNG = np.random.default_rng(0)
MASKS = VALUES[RNG.integers(0, 3, (N, 4, 4))].astype(np.uint8)
NUMBERS = np.searchsorted(VALUES, MASKS)


def write(path, mask=MASKS, name="mask", attrs=None, **more):
    if path.suffix == ".npz":
        np.savez(path, image=X, **{name: mask}, **more)
        return path
    with h5py.File(path, "w") as file:
        file["image"] = X
        file[name] = mask
        file[name].attrs.update(attrs or {})
        for key, value in more.items():
            if key == "class_names":
                file.attrs[key] = value
            else:
                file[key] = value
    return path


@pytest.fixture(params=["h5 mask", "h5 label", "npz mask", "npz label", "arrays", "4"])
def source(request, tmp_path):
    """The same masks in each form: what to open, and how."""
    if request.param == "arrays":
        return X, {"labels": MASKS}
    if request.param == "4":
        return X, {"labels": MASKS[..., None]}
    suffix, name = request.param.split()
    return write(tmp_path / f"a.{suffix}", name=name), {}


def test_values_become_class_numbers(source):
    path, how = source
    d = open_dataset(path, **how)
    assert d.target.kind == "mask" and d.target.shape == (4, 4)
    assert d.target.ignored == -1 and d.targets.shape == (N, 0)
    assert d.class_names == ("class 0", "class 1", "class 3")
    assert any("0, 1, 3 become the classes 0 to 2" in note for note in d.notes)
    rows = [7, 2, 2, 0]
    found = d.read_targets(rows)
    assert found.dtype == np.int16
    np.testing.assert_array_equal(found, NUMBERS[rows])
    np.testing.assert_array_equal(d.read([7])["image"], X[[7]])
    np.testing.assert_array_equal(d.label_counts(), np.bincount(NUMBERS.ravel()))
    assert d.known.all() and (d.labels == -1).all()
    assert "mask" not in d.groups


def test_a_copy_in_another_process_reads_the_same_masks(source):
    path, how = source
    d = open_dataset(path, **how)
    copy = pickle.loads(pickle.dumps(d))
    np.testing.assert_array_equal(copy.read_targets([3, 1]), d.read_targets([3, 1]))


@pytest.mark.parametrize("suffix", ["h5", "npz"])
def test_names_in_the_file_name_values(suffix, tmp_path):
    names = ["water", "forest", "city", "rock"]
    path = write(tmp_path / f"a.{suffix}", class_names=names)
    d = open_dataset(path)
    assert d.class_names == tuple(names)
    np.testing.assert_array_equal(d.read_targets(np.arange(N)), MASKS)
    assert d.label_counts()[2] == 0
    other = open_dataset(path, class_names=["rock", "water", "forest"])
    np.testing.assert_array_equal(
        other.read_targets(np.arange(N)), np.array([1, 2, -9, 0])[MASKS]
    )
    with pytest.raises(UnknownClassError, match="unknown: rock"):
        open_dataset(path, class_names=["water", "forest"])


def test_names_of_the_user_are_by_number_or_by_value():
    d = open_dataset(X, labels=MASKS, class_names=["a", "b", "c", "d"])
    np.testing.assert_array_equal(d.read_targets([0]), MASKS[:1])
    with pytest.raises(UserError, match=r"values 0 a, 1 b, found also 3 \(\d+ pixels"):
        open_dataset(X, labels=MASKS, class_names=["a", "b"])
    by_value = {3: "c", 0: "a", 1: "b"}
    d = open_dataset(X, labels=MASKS, class_names=by_value)
    assert d.class_names == ("c", "a", "b")
    np.testing.assert_array_equal(
        d.read_targets([0]), np.array([1, 2, 9, 0])[MASKS[:1]]
    )


def test_validation_data_with_fewer_values_get_the_numbers_of_the_training_data():
    training = open_dataset(X, labels=MASKS)
    few = np.where(MASKS == 1, 0, MASKS)
    d = open_dataset(X, labels=few, class_names=training.class_names)
    assert d.class_names == training.class_names
    np.testing.assert_array_equal(
        d.read_targets([4]), np.searchsorted(VALUES, few[[4]])
    )


@pytest.mark.parametrize(
    ("mask", "how"),
    [
        (np.where(MASKS == 3, -1, MASKS.astype(np.int16)), {}),
        (np.where(MASKS == 3, -9999, MASKS.astype(np.int32)), {}),
        (np.where(MASKS == 3, np.nan, MASKS.astype(np.float64)), {}),
        (np.where(MASKS == 3, 255, MASKS), {"ignored": 255}),
        (MASKS, {"ignored": [3, 255]}),
        (MASKS, {"class_names": {0: "dry", 1: "wet", 3: "No data"}}),
        (np.ma.masked_equal(MASKS, 3), {}),
    ],
)
def test_ignored_pixels_are_minus_one(mask, how):
    d = open_dataset(X, labels=mask, **how)
    wanted = np.where(MASKS == 3, -1, MASKS.astype(int))
    np.testing.assert_array_equal(d.read_targets(np.arange(N)), wanted)
    assert d.num_classes == 2
    assert any("of the pixels are ignored" in note for note in d.notes)


def test_declared_values_of_a_file_are_ignored(tmp_path):
    for name in ("ignored", "_FillValue"):
        d = open_dataset(write(tmp_path / f"{name}.h5", attrs={name: 3}))
        assert d.num_classes == 2
        assert (d.read_targets(np.arange(N)) == -1).sum() == (MASKS == 3).sum()


def test_255_is_a_class_unless_said_otherwise():
    d = open_dataset(X, labels=np.where(MASKS == 3, 255, MASKS))
    assert d.class_names[-1] == "class 255"
    assert any("ignored=255" in note for note in d.notes)


def test_samples_without_a_known_pixel_are_left_out():
    mask = MASKS.astype(np.int16)
    mask[[2, 5]] = -1
    assert len(open_dataset(X, labels=mask)) == N - 2
    d = open_dataset(X, labels=mask, unlabelled=True)
    assert np.flatnonzero(~d.known).tolist() == [2, 5]


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (
            MASKS[:, :3],
            "expected masks of 4 × 4 pixels as image has, or whole multiples, found 3",
        ),
        (MASKS.repeat(2, 1)[:, :, :2], "or whole multiples, found 8 × 2"),
        (MASKS[:5], "expected as many masks as images, found 5 masks and 12 images"),
        (MASKS + 0.5, "found fractions such as"),
        (np.full(MASKS.shape, -1), "pixels of known classes, found only ignored"),
        (MASKS * 0, r"two classes or more, found one only \(class 0, 192 pixels\)"),
        (MASKS.astype(str), "expected masks of class numbers, found <U"),
        (np.where(MASKS, 2**40, 0), "beyond 32 bits"),
    ],
)
def test_bad_masks_are_refused_in_one_line(mask, message):
    with pytest.raises(UserError, match=message) as caught:
        open_dataset(X, labels=mask)
    assert "\n" not in str(caught.value)


def test_images_are_no_masks():
    images = np.arange(2 * 40 * 40).reshape(2, 40, 40)
    with pytest.raises(UserError, match="more than 1,000 different values"):
        open_dataset(np.zeros((2, 40, 40, 1), np.float32), labels=images)


def test_with_a_label_for_each_sample_masks_are_a_choice(tmp_path):
    for suffix in ("h5", "npz"):
        path = write(tmp_path / f"a.{suffix}", label=np.arange(N) % 2)
        assert open_dataset(path).target.kind == "class"
        assert open_dataset(path, kind="mask").target.kind == "mask"


def test_classes_in_another_order():
    d = open_dataset(X, labels=MASKS)
    turned = d.with_classes(["class 3", "new", "class 0", "class 1"])
    order = np.array([2, 3, 0])
    np.testing.assert_array_equal(turned.read_targets([1]), order[NUMBERS[[1]]])
    np.testing.assert_array_equal(turned.label_counts()[order], d.label_counts())
    again = turned.with_classes(d.class_names)
    np.testing.assert_array_equal(again.read_targets([1]), NUMBERS[[1]])
    with pytest.raises(UnknownClassError):
        d.with_classes(["class 0", "class 1"])


def test_the_fingerprint_is_of_the_masks_too():
    d = open_dataset(X, labels=MASKS)
    swapped = MASKS.copy()
    swapped[0] = swapped[0].T
    assert open_dataset(X, labels=MASKS.copy()).fingerprint() == d.fingerprint()
    assert open_dataset(X, labels=swapped).fingerprint() != d.fingerprint()


def test_joined_masks():
    d = open_dataset(X, labels=MASKS)
    both = joined(d.subset([3, 4]), d)
    np.testing.assert_array_equal(both.read_targets([2, 0, 1]), NUMBERS[[0, 3, 4]])
    np.testing.assert_array_equal(both.class_pixels[:2], d.class_pixels[[3, 4]])


@given(st.integers(0, 1000))
def test_parts_have_the_pixels_of_each_class_between_them(seed):
    d = open_dataset(X, labels=MASKS)
    parts = split(d, [0.5, 0.5], seed=seed)
    assert sum(p.label_counts() for p in parts).tolist() == d.label_counts().tolist()
    assert len(np.concatenate(folds(d, 3, seed=seed))) == N
    assert len(sample(d, 5, seed)) == 5


def test_classes_are_weighted_by_pixels():
    counts = np.bincount(NUMBERS.ravel())
    weights = class_weights(open_dataset(X, labels=MASKS))
    for i in range(3):
        assert weights[i] == pytest.approx(counts.sum() / (3 * counts[i]))


def test_a_rare_class_is_in_both_parts_by_share():
    mask = np.zeros((40, 4, 4), np.uint8)
    mask[::10, 0, 0] = 1
    d = open_dataset(np.zeros((40, 4, 4, 1), np.uint8), labels=mask)
    for part in split(d, [0.5, 0.5], seed=1):
        assert part.label_counts()[1] == 2


def test_real_patches(shared):
    path = shared / "bigearthnet_s1s2" / "patches.h5"
    d = open_dataset(path)
    with h5py.File(path) as file:
        label = file["label"][()]
    assert d.target.shape == (120, 120) and d.class_names[10] == "water"
    np.testing.assert_array_equal(d.label_counts(), np.bincount(label.ravel()))
    rows = [95, 0, 40]
    np.testing.assert_array_equal(d.read_targets(rows), label[rows])


@pytest.mark.parametrize("form", ["h5", "declared", "whole numbers", "npz", "arrays"])
def test_pixels_without_data_are_ignored_as_in_scenes(form, tmp_path):
    """One rule for all readers: where an input has data in none of its bands."""
    pixels, missing = X + 10, np.zeros((N, 4, 4), bool)
    missing[0, 1, 2], missing[5, 3], missing[11] = True, True, True
    value = np.nan if form in ("h5", "npz", "arrays") else 7
    pixels[missing], pixels[1, 0, 0, 1] = value, value  # and one band of a pixel
    source, how = tmp_path / f"a.{form}", {}
    if form == "arrays":
        source, how = pixels, {"labels": MASKS}
    elif form == "npz":
        np.savez(source, image=pixels, mask=MASKS)
    else:
        source = write(tmp_path / "a.h5")
        with h5py.File(source, "a") as file:
            del file["image"]
            kind = "int16" if form == "whole numbers" else "float32"
            file["image"] = pixels.astype(kind)
            if form == "declared" or form == "whole numbers":
                file["image"].attrs["_FillValue"] = 7
    d = open_dataset(source, **how)
    known = np.delete(np.arange(N), 11)  # nothing is known of the last
    assert len(d) == len(known)
    found = d.read_targets(np.arange(len(d)))
    expected = np.where(missing, -1, NUMBERS)[known]
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(
        d.label_counts(), np.bincount(NUMBERS[~missing], minlength=3)
    )
    (told,) = [note for note in d.notes if "have no data in one of the inputs" in note]
    assert told.startswith("masks: 21 pixels (10.94%)") and "are ignored" in told
    copy = pickle.loads(pickle.dumps(d))
    np.testing.assert_array_equal(copy.read_targets([4, 0]), expected[[4, 0]])


def test_missing_pixels_of_another_resolution_are_those_around(tmp_path):
    """As `resampling.on_grid` reads them: an input that is NaN there is ignored."""
    coarse, fine = np.zeros((N, 2, 2, 1)), np.zeros((N, 8, 8, 1))
    coarse[0, 0, 1] = np.nan  # rows 0 and 1, columns 2 and 3
    fine[1, 2:4, 4:6] = np.nan  # row 1, column 2
    fine[2, 0, 0] = np.nan  # a quarter of a pixel
    inputs = {"coarse": coarse, "fine": fine, "image": X}
    d = open_dataset(inputs, labels=MASKS)
    ignored = d.read_targets(np.arange(N)) == -1
    expected = np.zeros((N, 4, 4), bool)
    expected[0, :2, 2:], expected[1, 1, 2] = True, True
    np.testing.assert_array_equal(ignored, expected)
    pixels = d.read(np.arange(N))
    gone = [np.isnan(one).all(axis=-1) for one in pixels.values()]
    np.testing.assert_array_equal(np.logical_or.reduce(gone), expected)
    only = open_dataset(inputs, labels=MASKS, inputs=["fine", "image"])
    assert (only.read_targets([0]) >= 0).all()


def test_whole_numbers_are_not_read_for_missing_pixels(tmp_path, monkeypatch):
    """Users rely on: a file that cannot lack data opens without reading its pixels."""
    path = write(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        del file["image"]
        file["image"] = X.astype("uint16")
    monkeypatch.setattr("autoai4eo.data.readers.so2sat.read_rows", None)
    assert open_dataset(path).label_counts().sum() == MASKS.size
