"""Classes are matched by name wherever both sides name them."""

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoai4eo.data.readers.labels import by_name, read_labels
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.errors import UserError

X = np.zeros((4, 4, 4, 1), np.uint8)
TRAINED = ("Forest", "Pasture", "River")


def named(dataset):
    """The class of each sample, by name."""
    return [dataset.class_names[i] for i in dataset.labels]


@given(
    names=st.lists(st.text("abcDE", min_size=1), min_size=1, max_size=6, unique=True),
    data=st.data(),
)
def test_a_sample_keeps_the_name_of_its_class(names, data):
    """Whatever the order and number of classes on the two sides."""
    some = st.sampled_from(names)
    mine = data.draw(st.lists(some, min_size=1, max_size=5, unique=True))
    labels = np.array(data.draw(st.lists(st.integers(-1, len(mine) - 1), min_size=1)))
    found = by_name(labels, mine, names, "x")
    expected = [None if i < 0 else mine[i] for i in labels]
    assert [None if i < 0 else names[i] for i in found] == expected


@pytest.mark.parametrize(
    ("mine", "wanted"),
    [
        (["forest "], ["Forest", "River"]),
        (["Foe\u0302t"], ["River", "Fo\u00eat"]),  # macOS writes accents apart
    ],
)
def test_the_same_name_written_otherwise(mine, wanted):
    found = by_name(np.zeros(2, int), mine, wanted, "x")
    assert wanted[found[0]].casefold()[:2] == "fo"


def test_case_tells_apart_where_it_must():
    assert by_name(np.array([0, 1]), ["b", "B"], ["B", "b"], "x").tolist() == [1, 0]
    with pytest.raises(UserError, match="unknown: bB"):
        by_name(np.array([0]), ["bB"], ["BB", "bb"], "x")


def test_an_unknown_class_lists_both_sides():
    with pytest.raises(UserError) as caught:
        by_name(np.array([0, 1]), ["Forest", "Water"], TRAINED, "there")
    message = str(caught.value)
    assert message.startswith("there: expected the classes Forest, Pasture, River")
    assert "found Forest, Water; unknown: Water" in message and "\n" not in message


def test_names_in_place_of_numbers():
    labels, names, _ = read_labels(np.array(["b", "a", "", "b"]), None, None, "x")
    assert names == ("a", "b") and labels.tolist() == [1, 0, -1, 1]
    labels, names, _ = read_labels(np.array([b"b", b"a"]), None, ["b", "a"], "x")
    assert names == ("b", "a") and labels.tolist() == [0, 1]


# Folders, HDF5 files, arrays and npz files --------------------------------------------


def folders(build, root, names):
    for i, name in enumerate(names):
        build.write_image(root / name / "1.png", np.full((4, 4, 3), i, np.uint8))
    return root


def h5(path, labels, names):
    with h5py.File(path, "w") as file:
        file["sen2"] = np.zeros((len(labels), 4, 4, 10), np.float32)
        file["label"] = labels
        if names:
            file.attrs["class_names"] = names
    return path


def test_folders_of_other_classes_are_no_shifted_labels(build, tmp_path):
    other = folders(build, tmp_path / "v", ["Forest", "River"])
    d = open_dataset(other, class_names=TRAINED)
    assert d.class_names == TRAINED and named(d) == ["Forest", "River"]
    other = folders(build, tmp_path / "w", ["Forest", "River", "Water"])
    with pytest.raises(UserError, match="unknown: Water"):
        open_dataset(other, class_names=TRAINED)
    one = folders(build, tmp_path / "o", ["River"])
    assert named(open_dataset(one, class_names=TRAINED)) == ["River"]


@pytest.mark.parametrize("one_hot", [False, True])
def test_hdf5_names_its_classes(tmp_path, one_hot):
    labels = np.array([0, 1, 1])
    labels = np.eye(2)[labels] if one_hot else labels
    path = h5(tmp_path / "a.h5", labels, ["River", "Forest"])
    assert named(open_dataset(path)) == ["River", "Forest", "Forest"]
    d = open_dataset(path, class_names=TRAINED)
    assert d.class_names == TRAINED and named(d) == ["River", "Forest", "Forest"]
    path = h5(tmp_path / "b.h5", labels, ["River", "Water"])
    with pytest.raises(UserError, match="unknown: Water"):
        open_dataset(path, class_names=TRAINED)
    # a class without samples needs not be known
    path = h5(tmp_path / "c.h5", np.array([0, 0]), ["River", "Water"])
    assert named(open_dataset(path, class_names=TRAINED)) == ["River"] * 2


def test_hdf5_with_names_for_labels(tmp_path):
    path = h5(tmp_path / "a.h5", np.array([b"River", b"Forest"]), None)
    assert named(open_dataset(path, class_names=TRAINED)) == ["River", "Forest"]


def test_npz_and_arrays_name_their_classes(tmp_path):
    np.savez(
        tmp_path / "a.npz", sen2=X, label=[0, 1, 0, 1], class_names=["River", "Forest"]
    )
    d = open_dataset(tmp_path / "a.npz", class_names=TRAINED)
    assert named(d) == ["River", "Forest"] * 2
    d = open_dataset(X, labels=["River", "Forest"] * 2, class_names=TRAINED)
    assert named(d) == ["River", "Forest"] * 2
    d = open_dataset(X, labels=[0, 2, 0, 2], class_names=TRAINED)  # numbers are places
    assert named(d) == ["Forest", "River"] * 2


def test_a_dataset_that_is_open_is_matched_too(build, tmp_path):
    d = open_dataset(folders(build, tmp_path, ["Forest", "River"]))
    again = open_dataset(d, class_names=TRAINED)
    assert named(again) == ["Forest", "River"] == named(again.subset([0, 1]))
    assert again.fingerprint() != d.fingerprint()
    with pytest.raises(UserError, match="unknown: River"):
        open_dataset(d, class_names=["Forest", "Lake"])


def test_samples_without_labels_are_kept_to_predict(tmp_path):
    labels = np.eye(3)[[0, 1, 2]]
    labels[1] = 0
    path = h5(tmp_path / "a.h5", labels, None)
    assert len(open_dataset(path)) == 2
    assert open_dataset(path, unlabelled=True).labels.tolist() == [0, -1, 2]
    with h5py.File(path, "r+") as file:
        del file["label"]
    assert open_dataset(path).labels.tolist() == [-1, -1, -1]
    np.savez(tmp_path / "a.npz", sen2=X)
    assert (open_dataset(tmp_path / "a.npz").labels == -1).all()


@pytest.mark.parametrize("kind", ["uint8", "uint16", "int64", "float32"])
def test_class_numbers_of_any_type(tmp_path, kind):
    path = h5(tmp_path / "a.h5", np.array([0, 2, 1, 2], kind), None)
    assert open_dataset(path).labels.tolist() == [0, 2, 1, 2]


def test_numbers_that_are_no_classes_are_refused_or_told():
    with pytest.raises(UserError, match="class numbers from 0, found 2147483647"):
        read_labels(np.array([0, 2**31 - 1]), None, None, "x")
    labels, _, notes = read_labels(np.array([1, 2, 3]), None, None, "x")
    assert labels.tolist() == [1, 2, 3] and "counted from 0" in notes[0]
    with pytest.raises(UserError, match="found a twice"):
        read_labels(np.array([0, 1]), ["a", "a"], None, "x")


def test_missing_labels_and_pixels_of_tables_and_masked_arrays():
    told = np.array(["a", None, float("nan")], object)
    labels, names, _ = read_labels(told, None, None, "x")
    assert names == ("a",) and labels.tolist() == [0, -1, -1]
    masked = np.ma.masked_less(np.array([[[[1.0], [-9999.0]]]] * 2, np.float32), -1)
    read = open_dataset(masked, labels=[0, 1]).read([0])["image"]
    assert read[0, 0, 0] == 1 and np.isnan(read[0, 0, 1])


def test_names_that_lie_elsewhere_in_the_file(tmp_path):
    path = h5(tmp_path / "a.h5", np.array([0, 1]), None)
    with h5py.File(path, "r+") as file:
        file["class_names"] = ["River", "Forest"]
        file["sen2"].attrs["bands"] = [f"B{i}" for i in range(12, 2, -1)]
    d = open_dataset(path)
    assert d.class_names == ("River", "Forest")
    assert d.inputs[0].bands[0].name == "B12" and d.inputs[0].named
    path = h5(tmp_path / "b.h5", np.array([0, 1]), None)
    with h5py.File(path, "r+") as file:
        file.attrs["class_names"] = '["Lake", "Wood"]'
        file["labels"] = [1, 0]
    d = open_dataset(path)
    assert d.class_names == ("Lake", "Wood") and "labels" not in d.groups
    assert any("labels is not used" in note for note in d.notes)


def test_arrays_of_npz_files_that_are_not_used_are_told(tmp_path):
    np.savez(tmp_path / "a.npz", sen2=X, y=[0, 1, 0, 1])
    (note,) = open_dataset(tmp_path / "a.npz").notes
    assert note.startswith("not used: y;")


def test_numbers_matched_to_names_by_their_order_are_told(tmp_path):
    """Nothing says that 0 is the first of the names of another data set."""
    pixels = np.zeros((4, 4, 4, 3), "float32")
    np.savez(tmp_path / "a.npz", image=pixels, label=np.array([0, 2, 2, 0]))
    d = open_dataset(tmp_path / "a.npz", class_names=["Forest", "Pasture", "River"])
    (note,) = d.notes
    assert "numbers without names: they are taken for 0 Forest, 1 Pasture" in note
    assert open_dataset(tmp_path / "a.npz").notes == ()
    told = open_dataset(
        tmp_path / "a.npz", class_names=[f"class {i}" for i in range(3)]
    )
    assert told.notes == ()
