"""HDF5 in So2Sat's layout, good and bad."""

import os
import pickle
import subprocess
import sys
from subprocess import PIPE

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoai4eo.data.lcz42 import LCZ42_CLASSES
from autoai4eo.data.readers import hdf5, hdf5_pixels
from autoai4eo.data.readers.hdf5_pixels import runs
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.data.readers.so2sat import So2SatReader
from autoai4eo.data.statistics import statistics
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


def test_inputs_of_other_names(build, tmp_path):
    """As `autoai4eo patches --input` writes them; odd ones are one line of error."""

    def write(inputs):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.h5"
        arrays = {n: np.ones((10, 4, 4, 3), np.float32) for n in ("thermal", "rgb")}
        with h5py.File(path, "w") as file:
            for name, values in {**arrays, "label": np.arange(10) % 2}.items():
                file[name] = values
            file.attrs["rgb_bands"] = ["R", "G", "B"]
            file.attrs["inputs"] = inputs
        return path

    for inputs in ('["thermal", "rgb"]', ["thermal", "rgb"], "thermal,rgb,none"):
        d = open_dataset(write(inputs))
        assert [spec.name for spec in d.inputs] == ["thermal", "rgb"]
        assert [b.name for b in d.inputs[1].bands] == ["R", "G", "B"]
    with pytest.raises(UserError, match="expected the data sets none, and label"):
        open_dataset(write("none"))
    for inputs in ("rgb,rgb", "a b,rgb", "rgb,"):
        with pytest.raises(UserError, match=r"input names|names of letters"):
            open_dataset(write(inputs))


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
def test_read_returns_the_requested_rows_in_order(build, tmp_path_factory, rows, chunk):
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
    found = runs(rows, chunk, row_bytes)
    assert [i for a, b in found for i in range(a, b)] == list(range(len(rows)))
    for a, b in found:
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


def test_rows_without_a_class_are_left_out_and_reported(build, tmp_path):
    label = np.eye(17)[np.arange(60) % 17]
    label[[3, 8]] = 0
    d = open_dataset(build.write_h5(tmp_path / "a.h5", label=label))
    assert len(d) == 58 and 3 not in d.read(np.arange(58))["sen2"][:, 0, 0, 0].round()
    assert "2 of 60 label rows are not one-hot" in d.notes[0]


LABEL = np.eye(17, dtype=np.float32)[np.arange(60) % 17]
BAD = {
    "sen2 and sen1 missing": (
        {"sen1": None, "sen2": None, "other": [1]},
        r"the data sets sen1 or sen2, or image, and label or mask, found label, other",
    ),
    "counts differ": (
        {"label": LABEL[:50]},
        "found 50 labels and 60 images in sen1",
    ),
    "shares of classes": (
        {"label": np.maximum(LABEL, LABEL[::-1]) / 2},
        "expected rows of 0 and 1 where samples have several labels, found 0.5",
    ),
    "no class at all": ({"label": LABEL * 0}, "no label row names a class"),
    "pixel labels": (
        {"label": np.zeros((60, 4, 4))},
        "two classes or more, found one only",
    ),
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


def test_a_damaged_chunk_is_reported(build, tmp_path):
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


DECIBELS = np.full((60, 4, 4, 2), -9.0, np.float32)


@pytest.mark.parametrize("missing", ["nan", "declared"])
def test_decibels_stay_decibels_where_the_first_patches_are_missing(
    build, tmp_path, missing
):
    sen1 = DECIBELS.copy()
    sen1[:40] = np.nan if missing == "nan" else 7
    path = build.write_h5(tmp_path / "a.h5", sen1=sen1)
    if missing == "declared":
        declare(path, "sen1", _FillValue=np.float32(7))
    assert {b.quantity for b in open_dataset(path).inputs[0].bands} == {"decibel"}


def test_intensity_is_seen_behind_nodata_and_beside_a_complex_band(build, tmp_path):
    sen1 = np.full((60, 4, 4, 3), 0.1, np.float32)
    sen1[..., 2] = -3  # a real part may well be
    sen1[::2] = -9999
    sen1[1, 0, 0, 0] = -1e-4  # as interpolation leaves it
    attrs = {"sen1_bands": "VV,VH,VV_real"}
    path = build.write_h5(tmp_path / "a.h5", sen1=sen1, attrs=attrs)
    declare(path, "sen1", nodata=-9999)
    d = open_dataset(path)
    quantities = [b.quantity for b in d.inputs[0].bands]
    assert quantities == ["intensity", "intensity", "complex"]
    assert any("taken for intensity" in note for note in d.notes)


def test_each_radar_band_is_looked_at(build, tmp_path):
    sen1 = np.full((60, 4, 4, 2), -12, np.float32)
    sen1[..., 1] = 0.01
    path = build.write_h5(tmp_path / "a.h5", sen1=sen1, attrs={"sen1_bands": "VV,VH"})
    d = open_dataset(path)
    assert [b.quantity for b in d.inputs[0].bands] == ["decibel", "intensity"]
    assert any("VH is taken for intensity" in note for note in d.notes)


def test_no_finite_value_means_decibels_and_is_reported(build, tmp_path):
    path = build.write_h5(tmp_path / "a.h5", sen1=DECIBELS * np.nan)
    d = open_dataset(path)
    assert {b.quantity for b in d.inputs[0].bands} == {"decibel"}
    assert any("no finite value" in note for note in d.notes)


def test_decibels_are_recognised_from_a_sample_of_the_whole_file(
    build, tmp_path, monkeypatch
):
    path = build.write_h5(
        tmp_path / "a.h5", 4000, sen1=np.repeat(DECIBELS, 67, 0)[:4000]
    )
    read = []
    real = hdf5_pixels.read_rows
    monkeypatch.setattr(
        hdf5_pixels,
        "read_rows",
        lambda d, rows, n: read.append(rows) or real(d, rows, n),
    )
    So2SatReader(path)
    rows = np.concatenate(read)
    assert len(rows) < 1500
    assert rows.min() < 1000 and rows.max() > 3000


def declare(path, name, **attributes):
    with h5py.File(path, "r+") as file:
        file[name].attrs.update(attributes)


@settings(max_examples=40, deadline=None)
@given(
    kind=st.sampled_from(["uint8", "int16", "uint16", "float32", ">f4", "float64"]),
    attribute=st.sampled_from(hdf5.NODATA),
    per_band=st.booleans(),
    chunk=st.sampled_from([None, (1, 4, 4, 4), (16, 2, 2, 3)]),
    rows=st.lists(st.integers(0, 19), min_size=1, max_size=30),
)
def test_values_declared_missing_are_nan(
    build, tmp_path_factory, kind, attribute, per_band, chunk, rows
):
    values = np.random.default_rng(0).integers(1, 6, (20, 4, 4, 4)).astype(kind)
    missing = np.array([1, 2, 3, 4]) if per_band else 3
    path = tmp_path_factory.mktemp("h5") / "a.h5"
    build.write_h5(
        path, 20, chunks=chunk, sen1=None, sen2=values, label=np.arange(20) % 2
    )
    declare(path, "sen2", **{attribute: missing})
    expected = np.where(values == missing, np.nan, values).astype("float32")
    reader = So2SatReader(path)
    wanted = np.unique(rows)
    np.testing.assert_array_equal(
        reader.read(wanted, ["sen2"])["sen2"], expected[wanted]
    )
    d = open_dataset(path)
    np.testing.assert_array_equal(d.read(rows)["sen2"], expected[rows])
    np.testing.assert_allclose(
        statistics(d)["sen2"].nan, np.isnan(expected).mean(axis=(0, 1, 2))
    )
    assert any("declared missing" in note for note in d.notes)


@pytest.mark.parametrize(
    ("declared", "kind"), [(-9999.0, "uint16"), (np.nan, "float32"), (2.5, "int16")]
)
def test_a_value_that_no_pixel_has_changes_nothing(build, tmp_path, declared, kind):
    values = np.arange(60 * 64).reshape(60, 4, 4, 4).astype(kind)
    path = build.write_h5(tmp_path / "a.h5", sen1=None, sen2=values)
    declare(path, "sen2", _FillValue=declared)
    found = open_dataset(path).read(range(60))["sen2"]
    np.testing.assert_array_equal(found, values)


def test_nodata_as_text_and_of_the_wrong_number(build, tmp_path):
    path = build.write_h5(tmp_path / "a.h5", sen1=None)
    declare(path, "sen2", nodata="none")
    with pytest.raises(UserError, match=r"expected numbers in the attribute nodata"):
        open_dataset(path)
    declare(path, "sen2", nodata=[1, 2, 3])
    with pytest.raises(UserError, match=r"one number or 10, one per band.*found 3"):
        open_dataset(path)


def test_a_class_number_that_is_declared_missing_is_no_class(build, tmp_path):
    label = np.arange(60, dtype="uint8") % 3
    label[7] = 255
    path = build.write_h5(tmp_path / "a.h5", label=label)
    declare(path, "label", _FillValue=np.uint8(255))
    d = open_dataset(path)
    assert len(d) == 59 and d.num_classes == 3


def test_scale_and_offset_are_reported_and_not_applied(build, tmp_path):
    path = build.write_h5(tmp_path / "a.h5", sen1=None)
    before = open_dataset(path).read([1])["sen2"]
    declare(path, "sen2", scale_factor=1e-4, add_offset=[-0.1])
    d = open_dataset(path)
    np.testing.assert_array_equal(d.read([1])["sen2"], before)
    (note,) = d.notes
    assert "scale_factor 0.0001, add_offset [-0.1], which is not applied" in note
    same = build.write_h5(tmp_path / "b.h5", sen1=None)
    declare(same, "sen2", scale_factor=1.0, add_offset=0)
    assert open_dataset(same).notes == ()


def test_patches_that_were_never_written_are_reported(build, tmp_path):
    path = build.write_h5(tmp_path / "a.h5", sen1=None, sen2=None)
    # as a conversion that was interrupted leaves it
    with h5py.File(path, "r+") as file:
        data = file.create_dataset("sen2", (60, 4, 4, 10), "f4", chunks=(1, 4, 4, 10))
        data[:45] = 1
    (note,) = open_dataset(path).notes
    assert "sen2: 25.0% of it was never written and is read as 0" in note


@pytest.mark.parametrize("filters", [32001, 32015])
def test_a_missing_filter_is_named(build, tmp_path, filters):
    path = build.write_h5(tmp_path / "a.h5", sen1=None, sen2=None)
    with h5py.File(path, "r+") as file:
        made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        made.set_chunk((60, 4, 4, 10))
        made.set_filter(filters, h5py.h5z.FLAG_OPTIONAL)
        space = h5py.h5s.create_simple((60, 4, 4, 10))
        data = h5py.h5d.create(file.id, b"sen2", h5py.h5t.NATIVE_FLOAT, space, made)
        data.write_direct_chunk((0, 0, 0, 0), b"compressed")
    with pytest.raises(UserError, match=rf"filter {filters}.*pip install hdf5plugin"):
        open_dataset(path).read([0])


def test_hdf5plugin_is_imported_if_it_is_installed(build, tmp_path, monkeypatch):
    (tmp_path / "hdf5plugin.py").write_text("imported = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "hdf5plugin", raising=False)
    open_dataset(build.write_h5(tmp_path / "a.h5"))
    assert sys.modules.pop("hdf5plugin").imported


WRITER = """
import sys, h5py
with h5py.File(sys.argv[1], "r+") as file:
    print("open", flush=True)
    sys.stdin.read()
"""


def test_a_file_that_another_program_writes(build, tmp_path):
    path = build.write_h5(tmp_path / "a.h5")
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True) as writer:
        assert writer.stdout.readline() == "open\n"
        with pytest.raises(UserError) as refused:
            open_dataset(path)
        writer.stdin.close()
    assert "another program has open for writing" in str(refused.value)
    assert "HDF5_USE_FILE_LOCKING" in str(refused.value)
    assert len(open_dataset(path)) == 60


@pytest.mark.parametrize("name", ["sen2", "label", "city"])
def test_a_lost_link_is_named(build, tmp_path, name):
    path = build.write_h5(tmp_path / "a.h5", **{name: None})
    with h5py.File(path, "r+") as file:
        file[name] = h5py.ExternalLink("other.h5", "/there")
    with pytest.raises(UserError, match=rf"{name} is a link to /there in the file oth"):
        open_dataset(path)
    with h5py.File(path, "r+") as file:
        del file[name]
        file[name] = h5py.SoftLink("/nowhere")
    with pytest.raises(UserError, match=rf"{name} is a link to /nowhere, which cannot"):
        open_dataset(path)


def test_a_link_that_is_whole_is_followed(build, tmp_path):
    build.write_h5(tmp_path / "other.h5")
    path = build.write_h5(tmp_path / "a.h5", sen2=None)
    with h5py.File(path, "r+") as file:
        file["sen2"] = h5py.ExternalLink("other.h5", "/sen2")
    expected = open_dataset(tmp_path / "other.h5").read([5])["sen2"]
    np.testing.assert_array_equal(open_dataset(path).read([5])["sen2"], expected)


@pytest.mark.parametrize("lost", ["file", "data set"])
def test_a_virtual_data_set_without_a_source_is_refused(build, tmp_path, lost):
    part = build.write_h5(tmp_path / "part.h5", 30)
    layout = h5py.VirtualLayout((60, 4, 4, 10), "f4")
    for half in (0, 1):
        rows = slice(30 * half, 30 * half + 30)
        layout[rows] = h5py.VirtualSource("part.h5", "sen2", (30, 4, 4, 10))
    path = build.write_h5(tmp_path / "a.h5", sen1=None, sen2=None)
    with h5py.File(path, "r+") as file:
        file.create_virtual_dataset("sen2", layout, fillvalue=0)
    expected = open_dataset(part).read([5])["sen2"]
    np.testing.assert_array_equal(open_dataset(path).read([35])["sen2"], expected)
    if lost == "file":
        part.unlink()
    else:
        with h5py.File(part, "r+") as file:
            del file["sen2"]
    with pytest.raises(UserError, match=r"sen2 in part.h5 cannot be opened"):
        open_dataset(path)


def test_an_external_file_that_is_lost_or_short(build, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = build.write_h5(tmp_path / "a.h5", sen1=None, sen2=None)
    with h5py.File(path, "r+") as file:
        whole = (60, 4, 4, 10)
        data = file.create_dataset("sen2", whole, "f4", external="raw.bin")
        data[:] = 1
    assert open_dataset(path, allow_remote=True).read([59])["sen2"].min() == 1
    raw = tmp_path / "raw.bin"
    raw.write_bytes(raw.read_bytes()[:-4000])
    with pytest.raises(
        UserError, match=r"stored in the file raw.bin, expected 38,400 by"
    ):
        open_dataset(path, allow_remote=True)
    raw.unlink()
    with pytest.raises(
        UserError, match=r"stored in the file raw.bin, which is missing"
    ):
        open_dataset(path, allow_remote=True).read([0])


def test_names_in_latin_1(build, tmp_path):
    cities = np.array(["São Paulo".encode("latin-1")] * 30 + [b"Berlin"] * 30)
    d = open_dataset(build.write_h5(tmp_path / "a.h5", city=cities))
    assert set(d.groups["city"]) == {"São Paulo", "Berlin"}


def test_guessed_names_are_told_until_the_user_names_the_bands(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, bands in (("sen1", 2), ("sen2", 4)):
            file[name] = np.random.default_rng(0).normal(size=(4, 4, 4, bands))
        file["label"] = np.arange(4) % 2
    guessed = [n for n in open_dataset(tmp_path / "a.h5").notes if "taken for" in n]
    assert [note.split(":")[0] for note in guessed] == ["sen1", "sen2"]
    names = {"sen1": ["VV", "VH"], "sen2": ["B08", "B04", "B03", "B02"]}
    named = open_dataset(tmp_path / "a.h5", bands=names)
    assert [band.name for band in named.inputs[1].bands] == names["sen2"]
    assert not [note for note in named.notes if "taken for" in note]
