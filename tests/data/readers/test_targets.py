"""Several labels and numbers per sample, in HDF5 files, ``.npz`` files and arrays."""

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.errors import UserError

N = 6
X = np.zeros((N, 4, 4, 2), np.float32)
HOT = np.array([[1, 0, 1], [0, 1, 0], [1, 1, 0], [0, 0, 0], [0, 0, 1], [1, 1, 1]])


def write(path, **content):
    """An ``.h5`` or ``.npz`` file; names are attributes of the first."""
    path.unlink(missing_ok=True)
    if path.suffix == ".npz":
        np.savez(path, sen2=X, **content)
        return path
    with h5py.File(path, "w") as file:
        file["sen2"] = X
        for name, values in content.items():
            if name.endswith("_names"):
                file.attrs[name] = values
            else:
                file[name] = values
    return path


@pytest.fixture(params=["a.h5", "a.npz"])
def path(request, tmp_path):
    return tmp_path / request.param


# Several labels ---------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(hot=arrays(np.uint8, (N, 3), elements=st.integers(0, 1)))
def test_a_row_with_two_classes_makes_labels_of_all(hot):
    """One class at most in every row: classes, as ever; else several labels."""
    if not hot.any():
        return
    d = open_dataset(X, labels=hot, unlabelled=True)
    if (hot.sum(axis=1) > 1).any():
        assert d.target.kind == "labels" and d.target.shape == (3,)
        assert d.targets.dtype == np.uint8 and (d.labels == -1).all()
        np.testing.assert_array_equal(d.targets, hot)
    else:
        assert d.target.kind == "class"
        expected = np.where(hot.any(axis=1), hot.argmax(axis=1), -1)
        np.testing.assert_array_equal(d.targets, expected)


def test_labels_in_files(path):
    d = open_dataset(write(path, label=HOT, class_names=["forest", "water", "city"]))
    np.testing.assert_array_equal(d.targets, HOT)
    assert d.target.kind == "labels" and d.class_names == ("forest", "water", "city")
    (note,) = d.notes
    assert note.startswith("3 of 6 samples have several labels, 1 have none")
    known = open_dataset(path, class_names=["city", "soil", "forest", "water"])
    assert known.class_names == ("city", "soil", "forest", "water")
    np.testing.assert_array_equal(known.targets[:, [2, 3, 0]], HOT)
    assert not known.targets[:, 1].any()
    with pytest.raises(UserError, match="unknown: water"):
        open_dataset(path, class_names=["city", "forest"])


def test_17_labels_are_not_taken_for_local_climate_zones(path):
    hot = np.zeros((N, 17))
    hot[:, [3, 5]] = 1
    assert open_dataset(write(path, label=hot)).class_names[3] == "class 3"


def test_the_kind_decides_where_rows_happen_to_be_one_hot(path):
    write(path, label=np.eye(3)[[0, 1, 2, 2, 1, 0]])
    assert open_dataset(path).target.kind == "class"
    d = open_dataset(path, kind="labels")
    assert d.target.kind == "labels" and d.targets.sum(axis=1).tolist() == [1] * N
    named = open_dataset(X, labels=list("abcabc"), kind="labels")
    np.testing.assert_array_equal(named.targets, np.eye(3)[[0, 1, 2, 0, 1, 2]])
    write(path, label=HOT)
    with pytest.raises(UserError, match="one class per sample, found 3 of 6 rows"):
        open_dataset(path, kind="class")
    with pytest.raises(UserError, match=r"kind: expected one of class, .*found image"):
        open_dataset(path, kind="image")
    with pytest.raises(
        UserError, match=r"expected .*mask.* of shape .* for the kind mask"
    ):
        open_dataset(path, kind="mask")


def test_rows_that_are_no_labels_are_refused(path):
    for odd, told in ((0.5, "0.5"), (2, "2"), (np.nan, "nan")):
        labels = HOT.astype(float)
        labels[0, 0] = odd
        write(path, label=labels)
        with pytest.raises(UserError, match=f"rows of 0 and 1 .*found {told}"):
            open_dataset(path)


# Numbers ----------------------------------------------------------------------------


@pytest.mark.parametrize("called", ["value", "values"])
@pytest.mark.parametrize("shape", [(N,), (N, 1), (N, 2)])
def test_values_in_files(path, called, shape):
    values = np.arange(np.prod(shape), dtype=np.float64).reshape(shape) / 7
    d = open_dataset(write(path, **{called: values}))
    assert d.target.kind == "value" and d.targets.dtype == np.float32
    np.testing.assert_allclose(d.targets, values.reshape(N, -1), rtol=1e-6)
    count = d.target.shape[0]
    assert d.class_names == (("value",) if count == 1 else ("value 1", "value 2"))
    assert not d.notes and called not in d.groups


def test_values_have_names_and_are_matched_by_them(path):
    values = np.random.default_rng(0).random((N, 2), np.float32)
    write(path, value=values, value_names=["forest", "height"])
    assert open_dataset(path).class_names == ("forest", "height")
    d = open_dataset(path, class_names=["height"])
    np.testing.assert_array_equal(d.targets, values[:, 1:])
    with pytest.raises(UserError, match="found forest, height; biomass missing"):
        open_dataset(path, class_names=["biomass"])


def test_an_attribute_of_the_data_set_names_its_values(tmp_path):
    path = write(tmp_path / "a.h5", value=np.ones((N, 2)))
    with h5py.File(path, "r+") as file:
        file["value"].attrs["names"] = "forest, height"
        file["value"].attrs["_FillValue"] = -9999.0
        file["value"][2, 1] = -9999
    d = open_dataset(path, unlabelled=True)
    assert d.class_names == ("forest", "height") and np.isnan(d.targets[2, 1])


def test_samples_whose_value_is_not_known_are_left_out_and_told(path):
    values = np.arange(6.0)
    values[4] = np.nan
    d = open_dataset(write(path, value=values))
    assert d.targets[:, 0].tolist() == [0, 1, 2, 3, 5]
    assert d.notes == (
        "1 of 6 samples have a value that is not known (NaN): those without any that "
        "is known are left out",
    )
    assert len(open_dataset(path, unlabelled=True)) == 6


def test_label_comes_before_value_unless_the_kind_says_otherwise(path):
    write(path, label=[0, 1] * 3, value=np.arange(6.0))
    d = open_dataset(path)
    assert d.target.kind == "class" and "both label and value" in d.notes[0]
    d = open_dataset(path, kind="value")
    assert d.target.kind == "value" and not d.notes
    write(path, label=[0, 1] * 3)
    with pytest.raises(UserError, match=r"data set called value .* found labels only"):
        open_dataset(path, kind="value")


def test_arrays_with_values():
    d = open_dataset(X, labels=np.arange(6) / 3, kind="value")
    assert d.target.kind == "value" and d.targets[3, 0] == 1
    with pytest.raises(UserError, match="expected whole numbers as class indices"):
        open_dataset(X, labels=np.arange(6) / 3)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.full(N, np.nan), "found NaN for every sample"),
        (np.full(N, np.inf), "found 6 infinite ones"),
        (np.full(N, 1e300), "beyond 32 bits"),
        (np.zeros((N, 4, 4)), r"shape \(N,\) or \(N, values\), found float64 of shape"),
        (np.zeros(N - 1), "expected as many values as images, found 5 values and 6"),
    ],
)
def test_values_that_are_none(path, values, message):
    with pytest.raises(UserError, match=message):
        open_dataset(write(path, value=values))


def test_wrong_number_of_names(path):
    write(path, value=np.zeros((N, 2)), value_names=["a"])
    with pytest.raises(UserError, match="2 names of values, one per column, found 1"):
        open_dataset(path)


def test_a_folder_of_images_has_no_values(build, tmp_path):
    with pytest.raises(UserError, match="target of the kind value, found class"):
        open_dataset(build.class_folders(tmp_path), kind="value")
