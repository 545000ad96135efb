"""Windows of one scene in training and validation data."""

import h5py
import numpy as np
import pytest
import rasterio
import small

import autoai4eo as ae
from autoai4eo.data.splits import split
from autoai4eo.data.statistics import statistics
from autoai4eo.errors import UserError
from autoai4eo.search.settings import SearchSettings
from autoai4eo.tasks.training_data import (
    check_alike,
    check_unseen,
    names_of,
    open_both,
    told_of_validation,
    warn_of_problems,
)


def windows(stride):
    """Patches (N, 16, 16, 4) of one scene each `stride` pixels."""
    scene = np.random.default_rng(0).random((96, 96, 4)).astype("float32")
    places = range(0, 81, stride)
    found = np.stack([scene[i : i + 16, j : j + 16] for i in places for j in places])
    return ae.open_dataset({"sen2": found}, labels=np.arange(len(found)) % 3)


def test_a_random_split_of_windows_that_overlap_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"without common ground, found \d+ of \d+"):
        small.model(tmp_path).fit(windows(8), epochs=1, verbose=0)
    assert not (tmp_path / "run").exists()


def test_windows_side_by_side_are_divided(tmp_path):
    with pytest.raises(UserError, match="epochs"):  # what is looked at next
        small.model(tmp_path).fit(windows(16), epochs=0, verbose=0)


def test_validation_data_with_ground_of_the_training_data_are_told(tmp_path):
    training, validation = split(windows(8), (0.8, 0.2))
    with (
        small.in_this_process(),
        pytest.warns(UserWarning, match=r"validation data: \d+ patches share ground"),
    ):
        small.model(tmp_path, max_trials=1).fit(
            training, validation_data=validation, epochs=1, verbose=0
        )


def test_validation_data_need_the_inputs_of_the_training_data(tmp_path):
    """And the log names the file that is opened for training."""
    pixels = np.random.default_rng(0).normal(size=(6, 8, 8, 1)).astype("float32")
    for name, inputs in (("train", ("sen1", "sen2")), ("val", ("sen2",))):
        arrays = dict.fromkeys(inputs, pixels)
        np.savez(tmp_path / f"{name}.npz", label=np.arange(6) % 2, **arrays)
    told = []
    train, val = tmp_path / "train.npz", tmp_path / "val.npz"

    def opened(data, labels, like=None):
        return ae.open_dataset(data, **names_of(like))

    how = ("class", train, None, val, 0.2, SearchSettings(), told.append)
    with pytest.raises(UserError, match="found sen2; give data that have them"):
        open_both(opened, *how)
    assert told == [f"opening {train}", f"opening {val}"]


def test_other_bands_are_told_without_a_quantity_that_is_not_known():
    pixels = np.random.default_rng(0).integers(0, 10_000, (6, 8, 8, 2), np.uint16)

    def data(*bands):
        return ae.open_dataset(
            {"image": pixels}, labels=[0, 1, 2] * 2, bands={"image": [*bands]}
        )

    with pytest.raises(UserError, match=r"pixels, B02 B03\), found .*, B02 B04;"):
        check_alike(data("B02", "B03"), data("B02", "B04"))


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_bands_of_one_name_are_told_with_their_quantities(tmp_path):
    decibels = np.random.default_rng(0).normal(-12, 2, (2, 8, 8)).astype("float32")
    for name, pixels in (("decibel", decibels), ("intensity", 10 ** (decibels / 10))):
        for class_name in ("a", "b"):
            path = tmp_path / name / class_name / "0.tif"
            path.parent.mkdir(parents=True)
            like = {"driver": "GTiff", "height": 8, "width": 8, "count": 2}
            with rasterio.open(path, "w", dtype="float32", **like) as file:
                file.write(pixels)
                file.descriptions = ("VV", "VH")
    one, other = (ae.open_dataset(tmp_path / n) for n in ("intensity", "decibel"))
    with pytest.raises(UserError, match=r"VV \(intensity\).*, found .*VV \(decibel\)"):
        check_alike(one, other)


def test_a_split_that_leaves_one_class_is_told(tmp_path):
    """Users rely on: the cause is the split, and not the data."""
    path = tmp_path / "data.h5"
    with h5py.File(path, "w") as file:
        file["sen2"] = np.random.default_rng(0).random((24, 8, 8, 2), "float32")
        file["label"] = np.repeat([0, 1], 12)
        file["polygon"] = np.repeat([1, 2], 12)
    model = small.model(tmp_path, max_trials=1)
    with pytest.raises(UserError, match="if a split by groups left these"):
        model.fit(path, group="polygon", epochs=1, verbose=0)
    assert not (tmp_path / "run").exists()


def test_validation_data_of_one_class_choose_no_network():
    rng = np.random.default_rng(0)
    train, one = (
        ae.open_dataset(
            {"image": rng.random((8, 8, 8, 2), "float32")},
            labels=labels,
            class_names=["a", "b"],
        )
        for labels in ([0, 1] * 4, [0] * 8)
    )
    with pytest.warns(UserWarning) as told:
        warn_of_problems(train, one, statistics(train))
    every = [str(warning.message) for warning in told]
    assert any("kappa is 0 for every network" in text for text in every)
    assert any("no validation samples of b" in text for text in every)


def test_validation_data_that_are_training_data_are_refused(tmp_path):
    pixels = np.random.default_rng(0).random((12, 8, 8, 2), "float32")
    data = ae.open_dataset({"image": pixels}, labels=np.arange(12) % 2)
    model = small.model(tmp_path)
    match = "found the same: .* give others, or pass allow_overlap=True"
    with pytest.raises(UserError, match=match):
        model.fit(data, validation_data=data, epochs=1, verbose=0)
    assert not (tmp_path / "run").exists()
    # the same ground with other labels is a warning
    others = ae.open_dataset({"image": pixels}, labels=[1, 0] * 6)
    check_unseen(data, others)
    (told,) = told_of_validation(data, others)
    assert "12 patches are equal" in told
    other = ae.open_dataset({"image": pixels[::-1] * 0.9}, labels=np.arange(12) % 2)
    assert told_of_validation(data, other) == []


def test_one_input_in_common_is_no_reason_to_refuse():
    """Users rely on: heights may stay where the other images are of another day."""
    rng = np.random.default_rng(0)
    heights = rng.random((12, 8, 8, 1), "float32")
    train, validation = (
        ae.open_dataset(
            {"dem": heights, "sen2": rng.random((12, 8, 8, 2), "float32")},
            labels=np.arange(12) % 2,
        )
        for _ in range(2)
    )
    check_unseen(train, validation)
