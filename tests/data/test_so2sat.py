"""HDF5 in So2Sat's layout, good and bad."""

import os
import pickle

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoai4eo.data.lcz42 import LCZ42_CLASSES
from autoai4eo.data.opening import open_dataset
from autoai4eo.data.so2sat import So2SatReader, _runs
from autoai4eo.errors import UserError


def test_bands_classes_and_groups(build, tmp_path):
    path = build.write_h5(tmp_path / "a.h5", city=np.arange(60) // 7)
    d = open_dataset(path)
    assert [s.name for s in d.inputs] == ["sen1", "sen2"]
    assert d.inputs[0].shape == (4, 4, 8) and d.inputs[1].shape == (4, 4, 10)
    assert d.inputs[0].sensor == "Sentinel-1 (So2Sat)"
    assert d.inputs[1].bands[7].name == "B8A"
    assert d.class_names == LCZ42_CLASSES
    assert d.labels.dtype == np.int64
    np.testing.assert_array_equal(d.labels, np.arange(60) % 17)
    np.testing.assert_array_equal(d.groups["city"], np.arange(60) // 7)
    assert d.label_counts().sum() == 60


def test_attributes_win(build, tmp_path):
    attrs = {
        "class_names": ["a", "b"],
        "sen2_bands": "B1, b2,B8A",
        "sen1_bands": [b"VV", b"VH"],
        "sen2_level": "Level-1C",
        "tile": np.array([b"x", b"y"] * 5),
    }
    path = build.write_h5(
        tmp_path / "a.h5",
        sen1=-np.ones((10, 4, 4, 2)),
        sen2=np.ones((10, 4, 4, 3), np.uint16),
        label=np.arange(10) % 2,
        city=np.array([f"c{i}".encode() for i in range(10)]),
        score=np.linspace(0, 1, 10),
        attrs=attrs,
    )
    d = open_dataset(path)
    assert d.class_names == ("a", "b")
    assert [b.name for b in d.inputs[1].bands] == ["B01", "B02", "B8A"]
    assert [b.quantity for b in d.inputs[0].bands] == ["decibel"] * 2
    assert [spec.level for spec in d.inputs] == [None, "L1C"]
    assert set(d.groups) == {"city", "tile"}
    assert d.groups["city"][3] == "c3" and d.groups["tile"][1] == "y"
    assert d.read([0])["sen2"].dtype == np.float32


@pytest.mark.parametrize(
    ("name", "bands", "expected"),
    [
        ("sen2", 4, ["B02", "B03", "B04", "B08"]),
        ("sen1", 2, ["VV", "VH"]),
        ("sen2", 7, [f"band{i}" for i in range(1, 8)]),
        ("sen1", 1, ["band1"]),
    ],
)
def test_usual_bands(build, tmp_path, name, bands, expected):
    other = "sen1" if name == "sen2" else "sen2"
    values = np.ones((60, 4, 4, bands), np.float32)
    path = build.write_h5(tmp_path / "a.h5", **{name: values, other: None})
    assert [b.name for b in open_dataset(path).inputs[0].bands] == expected


def test_power_is_not_taken_for_decibels(build, tmp_path):
    path = build.write_h5(tmp_path / "a.h5", sen1=np.full((60, 4, 4, 2), 0.1))
    assert {b.quantity for b in open_dataset(path).inputs[0].bands} == {"intensity"}


@pytest.mark.parametrize("kind", ["float64", "float16", ">f4", "int16", "uint8"])
def test_pixels_are_float32(build, tmp_path, kind):
    values = np.arange(60 * 4 * 4 * 10).reshape(60, 4, 4, 10) % 100
    path = build.write_h5(tmp_path / "a.h5", sen2=values.astype(kind))
    found = open_dataset(path).read([3, 1])["sen2"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, values[[3, 1]])


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(st.integers(0, 59), min_size=0, max_size=80),
    chunk=st.sampled_from([None, (1, 4, 4, 10), (16, 2, 2, 3), (60, 4, 4, 1)]),
)
def test_read_gives_what_was_asked_in_that_order(build, tmp_path_factory, rows, chunk):
    path = tmp_path_factory.mktemp("h5") / "a.h5"
    build.write_h5(path, chunks=chunk, sen1=None)
    with h5py.File(path) as file:
        expected = file["sen2"][()]
    found = So2SatReader(path)  # not the copy kept in memory
    wanted = np.unique(np.array(rows, dtype=np.int64))
    np.testing.assert_array_equal(
        found.read(wanted, ["sen2"])["sen2"], expected[wanted]
    )
    dataset = open_dataset(path)
    np.testing.assert_array_equal(dataset.read(rows)["sen2"], expected[rows])


@given(
    st.sets(st.integers(0, 10_000), min_size=1, max_size=50),
    st.integers(1, 300),
    st.integers(1, 10**7),
)
def test_runs_cover_all_and_stay_bounded(rows, chunk, row_bytes):
    rows = np.array(sorted(rows))
    runs = _runs(rows, chunk, row_bytes)
    assert [i for a, b in runs for i in range(a, b)] == list(range(len(rows)))
    for a, b in runs:
        span = rows[b - 1] - rows[a] + 1
        assert span <= max(chunk, 64 * 2**20 // row_bytes)


def test_pickled_without_its_handle(build, tmp_path):
    reader = So2SatReader(build.write_h5(tmp_path / "a.h5"))
    copy = pickle.loads(pickle.dumps(reader))
    rows = np.array([2, 5])
    np.testing.assert_array_equal(
        copy.read(rows, ["sen2"])["sen2"], reader.read(rows, ["sen2"])["sen2"]
    )


def test_opened_once_per_process(build, tmp_path, monkeypatch):
    reader = So2SatReader(build.write_h5(tmp_path / "a.h5"))
    opened = []
    real = h5py.File
    monkeypatch.setattr(h5py, "File", lambda *a, **k: opened.append(a) or real(*a, **k))
    for i in range(5):
        reader.read(np.array([i]), ["sen1", "sen2"])
    assert opened == []
    reader._opened_by = os.getpid() + 1  # as after a fork
    reader.read(np.array([0]), ["sen1"])
    reader.read(np.array([1]), ["sen1"])
    assert len(opened) == 1


def test_coordinates(build, tmp_path):
    lon, lat = np.linspace(11, 12, 60), np.linspace(48, 49, 60)
    d = open_dataset(build.write_h5(tmp_path / "a.h5", lon=lon, lat=lat))
    np.testing.assert_allclose(d.coordinates(), np.stack([lon, lat], 1))
    assert open_dataset(build.write_h5(tmp_path / "b.h5")).coordinates() is None


def test_rows_without_a_class_are_left_out_and_said(build, tmp_path):
    label = np.eye(17)[np.arange(60) % 17]
    label[[3, 8]] = 0
    d = open_dataset(build.write_h5(tmp_path / "a.h5", label=label))
    assert len(d) == 58 and 3 not in d.read(np.arange(58))["sen2"][:, 0, 0, 0].round()
    assert "2 of 60 label rows are not one-hot" in d.notes[0]


LABEL = np.eye(17, dtype=np.float32)[np.arange(60) % 17]
BAD = {
    "sen2 and sen1 missing": (
        {"sen1": None, "sen2": None, "other": [1]},
        r"expected the data sets sen1 or sen2, and label, found label, other",
    ),
    "counts differ": (
        {"label": LABEL[:50]},
        "found 50 labels and 60 images in sen1",
    ),
    "multi-label": (
        {"label": np.maximum(LABEL, LABEL[::-1])},
        "rows with several: multi-label data is not supported",
    ),
    "no class at all": ({"label": LABEL * 0}, "no label row names a class"),
    "pixel labels": ({"label": np.zeros((60, 4, 4))}, "not a patch label"),
    "fractions": ({"label": np.full(60, 0.5)}, "whole numbers"),
    "not images": ({"sen2": np.zeros((60, 4))}, r"expected sen2 .* found \(60, 4\)"),
    "names of bands": (
        {"attrs": {"sen2_bands": ["B02"]}},
        "expected 10 names in the attribute sen2_bands.*found 1",
    ),
    "names of classes": (
        {"attrs": {"class_names": ["a", "b"]}},
        "expected 17 class names, one per class, found 2",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_content(build, tmp_path, case):
    changes, message = BAD[case]
    path = build.write_h5(tmp_path / "a.h5", **{k: v for k, v in changes.items()})
    with pytest.raises(UserError, match=message) as caught:
        open_dataset(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_bad_files(build, tmp_path):
    with pytest.raises(UserError, match="no such file"):
        open_dataset(tmp_path / "no.h5")
    text = tmp_path / "text.h5"
    text.write_text("hello")
    with pytest.raises(UserError, match="expected an HDF5 file, found 5 bytes of som"):
        open_dataset(text)
    empty = tmp_path / "empty.h5"
    empty.touch()
    with pytest.raises(UserError, match="expected an HDF5 file, found 0 bytes"):
        open_dataset(empty)
    whole = build.write_h5(tmp_path / "a.h5").read_bytes()
    for share in (0.1, 0.5, 0.99):
        cut = tmp_path / "cut.h5"
        cut.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(UserError, match="cut off or damaged"):
            open_dataset(cut)
    with pytest.raises(UserError, match="expected an input called sen3, found sen1"):
        open_dataset(tmp_path / "a.h5", inputs=["sen3"])
    with pytest.raises(UserError, match="expected a band B10 in any input, found VH_r"):
        open_dataset(tmp_path / "a.h5", bands=["B10"])


def test_a_damaged_chunk_is_said(build, tmp_path):
    path = tmp_path / "a.h5"
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        data = file.create_dataset(
            "sen2",
            data=rng.random((20, 4, 4, 10)),
            chunks=(5, 4, 4, 10),
            fletcher32=True,
        )
        file["label"] = np.arange(20) % 3
        place = data.id.get_chunk_info(2).byte_offset
    content = bytearray(path.read_bytes())
    content[place + 10] ^= 255
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"cannot read samples .* damaged or cut off"):
        open_dataset(path).read([11])


def test_real_file(shared):
    d = open_dataset(shared / "so2sat_layout" / "training.h5")
    assert len(d) == 1396 and d.num_classes == 11
    assert d.inputs[0].sensor == "Sentinel-1 (dB)"
    assert d.class_names[-1] == "water"
    assert len(np.unique(d.groups["parent"])) > 10
    with h5py.File(d.path) as file:
        expected = file["sen2"][[5, 700]]
    np.testing.assert_array_equal(d.read([700, 5])["sen2"], expected[::-1])
