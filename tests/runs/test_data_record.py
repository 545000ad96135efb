"""Where the data of a run are, as run.json tells."""

import numpy as np
import pytest

from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.errors import UserError
from autoai4eo.runs.data_record import check_same, check_validation_given, located

MASKS = {"masks": "water.tif", "tile": 64}


@pytest.fixture
def begun_in(tmp_path):
    """The folder that a search was started in, with the files that it took."""
    folder = tmp_path / "begun"
    folder.mkdir()
    for name in ("a.h5", "S1.tif", "S2.tif", "water.tif", "x,y.h5"):
        (folder / name).touch()
    return folder


def asked(folder, path, **known):
    starts = [{"folder": str(folder), "time": "", "device": "", "versions": {}}]
    return {"starts": starts, "data": {"training": {"path": path, **known}}}


@pytest.mark.parametrize("path", ["a.h5", "S2.tif,S1.tif", "x,y.h5"])
def test_paths_lead_to_the_data_from_any_folder(begun_in, path, monkeypatch, tmp_path):
    """Users rely on: README's `cd autoai4eo-demo` after the demo breaks nothing."""
    told = asked(begun_in, path)
    monkeypatch.chdir(begun_in)
    assert located(told, "training") == {"path": path}
    monkeypatch.chdir(tmp_path)
    parts = [path] if "x" in path else path.split(",")
    expected = ",".join(str(begun_in / part) for part in parts)
    assert located(told, "training") == {"path": expected}


def test_masks_are_found_with_their_scenes(begun_in, monkeypatch, tmp_path):
    told = asked(begun_in, "S2.tif,S1.tif", opened=MASKS)
    monkeypatch.chdir(tmp_path)
    found = located(told, "training")["opened"]
    assert found == {"masks": str(begun_in / "water.tif"), "tile": 64}
    (begun_in / "water.tif").unlink()
    assert located(told, "training") is None


def test_data_that_moved_with_the_run_are_those_of_this_folder(begun_in, monkeypatch):
    monkeypatch.chdir(begun_in)
    assert located(asked("/nowhere", "a.h5"), "training") == {"path": "a.h5"}
    assert located(asked("", "a.h5"), "training") == {"path": "a.h5"}
    assert located(asked("/nowhere", "b.h5"), "training") is None
    absolute = str(begun_in / "a.h5")
    assert located(asked("/nowhere", absolute), "training") == {"path": absolute}


def test_addresses_are_left_to_gdal(begun_in):
    path = "s3://bucket/scene.tif"
    assert located(asked(begun_in, path), "training") == {"path": path}


def test_validation_data_are_asked_for_before_anything_is_read(tmp_path):
    """Users rely on: a rerun without --val says so, and not what a split would lack."""
    known = {"training": {"path": "a.h5"}, "validation": {"path": "b.h5"}}
    with pytest.raises(UserError, match=r"found none; give validation_data b\.h5 as b"):
        check_validation_given(tmp_path, known, "a.h5")
    check_validation_given(tmp_path, known, "other.h5")  # told as other data
    known["validation"]["path"] = "a.h5"  # split off
    check_validation_given(tmp_path, known, "a.h5")


@pytest.mark.parametrize(
    ("validation", "told"),
    [
        ("val.h5", "; give validation_data val.h5 as before, choose"),
        ("arrays", "; choose"),
    ],
)
def test_forgotten_validation_data_are_named(tmp_path, validation, told):
    """Users rely on: the same file is not called other data without the cause."""
    pixels = np.random.default_rng(0).random((4, 8, 8, 2), "float32")
    part = open_dataset({"image": pixels}, labels=[0, 1, 0, 1])
    known = {
        "training": {"path": "arrays", "fingerprint": "of all", "samples": 6},
        "validation": {"path": validation, "fingerprint": "", "samples": 2},
    }
    with pytest.raises(UserError, match=rf"found other data \(arrays, 4.*\){told}"):
        check_same(tmp_path, known, {"training": part})
