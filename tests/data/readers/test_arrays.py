"""Arrays in memory and in .npz files; choosing inputs and bands."""

import numpy as np
import pytest

from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.data.stream import Batches
from autoai4eo.errors import UserError

X = np.arange(6 * 4 * 5 * 3, dtype=np.float64).reshape(6, 4, 5, 3)
Y = np.array([0, 1, 2, 0, 1, 2])


def test_array_with_labels():
    d = open_dataset(X, labels=Y)
    assert d.inputs[0].name == "image" and d.inputs[0].shape == (4, 5, 3)
    assert d.class_names == ("class 0", "class 1", "class 2")
    assert d.read([5, 0, 5])["image"].dtype == np.float32
    np.testing.assert_array_equal(d.read([5, 0, 5])["image"], X[[5, 0, 5]])
    one_hot = open_dataset(X, labels=np.eye(3)[Y], class_names=["a", "b", "c"])
    np.testing.assert_array_equal(one_hot.labels, Y)
    assert open_dataset(d) is d


def test_eight_bit_colours():
    d = open_dataset(X.astype(np.uint8), labels=Y[:, None])
    assert d.inputs[0].sensor == "RGB"


def test_unlabelled_arrays_can_be_read():
    d = open_dataset({"sen2": X})
    assert (d.labels == -1).all() and d.num_classes == 0
    (pixels, labels) = Batches(d, 4)[1]
    assert pixels["sen2"].shape == (2, 4, 5, 3) and labels.tolist() == [-1, -1]


def test_bands_are_named_then_chosen():
    d = open_dataset(X, labels=Y, bands=["B2", "B3", "B4"])
    assert d.inputs[0].sensor == "Sentinel-2"
    again = open_dataset(d, bands={"image": ["B04", "B02"]})
    np.testing.assert_array_equal(again.read([1])["image"], X[[1]][..., [2, 0]])
    last = open_dataset(again, bands=["B02"])
    np.testing.assert_array_equal(last.read([1])["image"], X[[1]][..., [0]])
    assert len(d.inputs[0].bands) == 3
    with pytest.raises(UserError, match="expected a band B08 in image, found B02, B03"):
        open_dataset(d, bands=["B8"])


def test_a_list_of_bands_is_looked_up_in_all_inputs(build, tmp_path):
    d = open_dataset(build.write_h5(tmp_path / "a.h5"), bands=["B04", "VV_intensity"])
    assert [s.shape for s in d.inputs] == [(4, 4, 1), (4, 4, 1)]
    d = open_dataset(tmp_path / "a.h5", bands=["B04", "B03"])
    assert [s.name for s in d.inputs] == ["sen2"]


def test_select_and_subset_do_not_change_the_original(build, tmp_path):
    d = open_dataset(build.write_h5(tmp_path / "a.h5", city=np.arange(60)))
    part = d.subset(np.array([7, 3])).select(["sen2"])
    assert len(part) == 2 and len(d) == 60 and len(d.inputs) == 2
    np.testing.assert_array_equal(part.labels, [7, 3])
    np.testing.assert_array_equal(part.groups["city"], [7, 3])
    np.testing.assert_array_equal(part.read([1])["sen2"], d.read([3])["sen2"])
    mask = d.subset(d.labels == 2)
    assert set(mask.labels) == {2}


def test_fingerprint_distinguishes_data():
    base = open_dataset(X, labels=Y).fingerprint()
    assert base == open_dataset(X.copy(), labels=list(Y)).fingerprint()
    changed = X.copy()
    changed[5, 0, 0, 0] += 1
    others = [
        open_dataset(changed, labels=Y),
        open_dataset(X, labels=Y[::-1]),
        open_dataset(X, labels=Y, bands=["R", "G", "B"]),
        open_dataset(X, labels=Y, class_names=["a", "b", "c"]),
        open_dataset(X[:5], labels=Y[:5]),
        open_dataset({"sen2": X}, labels=Y),
    ]
    prints = [d.fingerprint() for d in others]
    assert len({base, *prints}) == 7


def test_npz(tmp_path):
    path = tmp_path / "d.npz"
    np.savez(path, sen2=X, sen1=X[..., :2], label=Y, class_names=["a", "b", "c"])
    d = open_dataset(path, inputs=["sen2"])
    assert d.class_names == ("a", "b", "c") and [s.name for s in d.inputs] == ["sen2"]
    np.savez(path, x=Y)
    with pytest.raises(UserError, match="and label, found x"):
        open_dataset(path)
    path.write_bytes(b"PK no zip")
    with pytest.raises(UserError, match=r"expected a whole \.npz file"):
        open_dataset(path)


def test_several_labels_of_a_sample():
    rows = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0], [1, 1, 1], [0, 0, 1], [1, 0, 0]])
    d = open_dataset(X, labels=rows, class_names=["a", "b", "c"])
    assert (d.target.kind, d.target.classes) == ("labels", ("a", "b", "c"))
    assert d.targets.dtype == np.uint8 and d.known.all()  # a row of zeros counts
    np.testing.assert_array_equal(d.subset([3, 0]).targets, rows[[3, 0]])
    assert d.label_counts().tolist() == [3, 2, 3]
    turned = d.with_classes(["c", "d", "b", "a"])
    np.testing.assert_array_equal(turned.targets, rows[:, [2, 2, 1, 0]] * [1, 0, 1, 1])
    with pytest.raises(UserError, match="unknown: c"):
        d.with_classes(["a", "b"])
    assert (d.labels == -1).all()


def test_numbers_of_a_sample(tmp_path):
    values = np.arange(12.0).reshape(6, 2)
    values[1], values[2, 0] = np.nan, np.nan
    d = open_dataset(X, labels=values, kind="value", class_names=["height", "biomass"])
    assert (d.target.kind, d.target.shape) == ("value", (2,))
    # a sample of which nothing is known is left out
    np.testing.assert_array_equal(d.targets, values[[0, 2, 3, 4, 5]])
    assert len(open_dataset(X, labels=values, kind="value", unlabelled=True)) == 6
    np.savez(tmp_path / "a.npz", image=X, value=values[:, 1])
    assert open_dataset(tmp_path / "a.npz").targets.shape == (5, 1)


def test_bad_arrays():
    with pytest.raises(UserError, match="found 5 labels and 6 images in image"):
        open_dataset(X, labels=Y[:5])
    with pytest.raises(UserError, match=r"found float32 of shape \(6, 4\)"):
        open_dataset(X[:, :, 0, 0], labels=Y)
    with pytest.raises(UserError, match=r"rows of 0 and 1 where.*found 2"):
        open_dataset(X, labels=np.full((6, 3), 2))
    with pytest.raises(UserError, match="expected a path, a dataset, an array"):
        open_dataset(3)
    with pytest.raises(UserError, match=r"expected 3 class names.*found 2"):
        open_dataset(X, labels=np.eye(3)[Y], class_names=["a", "b"])


def test_some_other_file(tmp_path):
    (tmp_path / "a.txt").write_text("a,b\n")
    with pytest.raises(UserError, match="found none of these"):
        open_dataset(tmp_path / "a.txt")
