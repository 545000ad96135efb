"""The contract of readers: each form of `opening.READERS`, and one from outside."""

import os
import pickle
import zipfile

import numpy as np
import plot_list_reader
import pytest
import rasterio
from scenes import digits, write_scene

from autoai4eo.data.lcz42 import LCZ42_CLASSES
from autoai4eo.data.masks.tiles import TILE
from autoai4eo.data.readers import opening
from autoai4eo.data.readers.arrays import ArraysReader
from autoai4eo.data.readers.base import DEFAULTS, InputSpec, ReadOptions
from autoai4eo.data.readers.cache import CachedReader
from autoai4eo.data.readers.joined import joined
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.data.target import KINDS, strata

N = 12
HOT = (np.arange(N)[:, None] + np.arange(3)) % 4 < 2
NAMES = ["forest", "water", "city"]
MASKS = np.arange(N * 16, dtype=np.uint8).reshape(N, 4, 4) % 3
VALUES = np.linspace(0, 1, 2 * N).reshape(N, 2)


def _npz(build, folder, **arrays):
    pixels = np.arange(N * 32, dtype=np.uint16).reshape(N, 4, 4, 2)
    np.savez(folder / "a.npz", sen2=pixels, **arrays)
    return folder / "a.npz"


def _tiles(folder):
    pixels = digits(3 * TILE, 4 * TILE)
    write_scene(folder / "a.tif", pixels)
    mask = pixels[..., :1] % len(NAMES)
    write_scene(folder / "m.tif", mask.astype(np.uint8), None)
    with rasterio.open(folder / "m.tif", "r+") as file:
        file.update_tags(class_names=",".join(NAMES))
    (folder / "a.csv").write_text("image,mask\na.tif,m.tif\n")
    return folder / "a.csv"


def _zip(build, folder):
    images = build.class_folders(folder / "images", N // 2)
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        for file in sorted(images.rglob("*.png")):
            archive.write(file, file.relative_to(images))
    return folder / "a.zip"


#: By name: a function that writes a source. Each registered reader needs one.
SOURCES = {
    "h5 class": lambda build, folder: build.write_h5(
        folder / "a.h5", N, attrs={"class_names": LCZ42_CLASSES}
    ),
    "h5 labels": lambda build, folder: build.write_h5(
        folder / "a.h5",
        N,
        label=HOT,
        city=np.arange(N) // 3,
        attrs={"class_names": NAMES},
    ),
    "h5 value": lambda build, folder: build.write_h5(
        folder / "a.h5",
        N,
        label=None,
        value=VALUES,
        attrs={"value_names": ["forest", "height"]},
    ),
    "h5 none": lambda build, folder: build.write_h5(folder / "a.h5", N, label=None),
    "npz class": lambda build, folder: _npz(
        build, folder, label=np.arange(N) % 3, class_names=NAMES
    ),
    "npz labels": lambda build, folder: _npz(
        build, folder, label=HOT, class_names=NAMES
    ),
    "npz value": lambda build, folder: _npz(build, folder, values=VALUES[:, 0]),
    "h5 mask": lambda build, folder: build.write_h5(
        folder / "a.h5", N, label=None, mask=MASKS, attrs={"class_names": NAMES}
    ),
    "npz mask": lambda build, folder: _npz(
        build, folder, mask=MASKS, class_names=NAMES
    ),
    "tiles": lambda build, folder: _tiles(folder),
    "images": lambda build, folder: build.class_folders(folder / "a", N // 2),
    "images zipped": _zip,
    "bigearthnet 1": lambda build, folder: build.write_bigearthnet(folder / "a", N),
    "outside": lambda build, folder: plot_list_reader.write(folder, N),
}
WRAPPED = ("arrays", "cached", "joined")


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    forms = [plot_list_reader.FORM, *opening.READERS]
    monkeypatch.setattr(opening, "READERS", forms)


def form_of(path):
    return next(form for form in opening.READERS if form.accepts(path))


@pytest.fixture(params=[*SOURCES, *WRAPPED])
def reader(request, build, tmp_path):
    if request.param == "arrays":
        pixels = np.arange(N * 16, dtype=np.float64).reshape(N, 4, 4, 1)
        return ArraysReader({"sen2": pixels}, np.arange(N) % 2)
    if request.param == "joined":
        path = build.write_h5(tmp_path / "a.h5", N // 2)
        return joined(open_dataset(path), open_dataset(path))._reader
    source = "h5 class" if request.param == "cached" else request.param
    path = SOURCES[source](build, tmp_path)
    found = form_of(path).opens(path, DEFAULTS)
    return CachedReader(found) if request.param == "cached" else found


def test_every_registered_form_runs_through_this_file(build, tmp_path):
    seen = set()
    for name, write in SOURCES.items():
        (tmp_path / name).mkdir()
        seen.add(form_of(write(build, tmp_path / name)).words)
    assert seen == {form.words for form in opening.READERS}


def test_attributes_are_of_the_kinds_that_callers_rely_on(reader):
    assert isinstance(reader.path, str)
    assert reader.inputs and all(isinstance(s, InputSpec) for s in reader.inputs)
    assert all(isinstance(note, str) and "\n" not in note for note in reader.notes)
    assert reader.chunk_rows >= 1 and reader.pixel_bytes in (1, 2, 4)
    assert isinstance(reader.whole, bool)
    for group in reader.groups.values():
        assert group.shape == (N,) and group.dtype.kind in "iuUSO"
    if reader.names is not None:
        assert len(reader.names) == len(set(reader.names)) == N
    found = reader.coordinates()
    assert found is None or (found.shape == (N, 2) and found.dtype == np.float64)


def test_pixels_have_the_promised_shape_and_type(reader):
    names = [spec.name for spec in reader.inputs]
    rows = np.array([0, 3, N - 1])
    found = reader.read(rows, names)
    assert list(found) == names
    for spec in reader.inputs:
        assert found[spec.name].shape == (3, *spec.shape)
        assert found[spec.name].dtype != np.float64
    assert reader.read(rows, names[:1]).keys() == {names[0]}


def test_samples_read_together_are_those_read_alone(reader):
    name = reader.inputs[0].name
    everything = reader.read(np.arange(N), [name])[name]
    for row in (0, 1, 5, N - 1):
        alone = reader.read(np.array([row]), [name])[name]
        np.testing.assert_array_equal(alone[0], everything[row])
    assert len(reader.read(np.array([], dtype=np.int64), [name])[name]) == 0


def test_targets_are_of_their_kind_and_match_the_rows(reader):
    target = reader.target
    assert target.kind in KINDS
    everything = reader.read_targets(np.arange(N))
    assert everything.shape == (N, *target.shape)
    dtypes = {"labels": np.uint8, "value": np.float32, "mask": np.int16}
    dtype = dtypes.get(target.kind, np.int64)
    assert everything.dtype == dtype
    rows = np.array([7, 2, 2])
    np.testing.assert_array_equal(reader.read_targets(rows), everything[rows])
    if target.kind == "class":
        assert target.shape == () and everything.max() < len(target.classes)
    elif target.kind == "mask":
        for i in range(len(target.classes)):
            counts = (everything == i).sum(axis=(1, 2))
            np.testing.assert_array_equal(reader.class_pixels[:, i], counts)
    elif target.kind != "none":
        assert target.shape == (len(target.classes),)
        assert len(strata(target, everything)) == N


def test_every_reader_has_class_names_and_labels(reader):
    assert reader.class_names == reader.target.classes
    assert reader.labels.shape == (N,) and reader.labels.dtype == np.int64
    if reader.target.kind != "class":
        assert (reader.labels == -1).all()


def test_a_copy_in_another_process_reads_the_same(reader):
    copy = pickle.loads(pickle.dumps(reader))
    name, rows = reader.inputs[0].name, np.array([1, 4])
    np.testing.assert_array_equal(
        copy.read(rows, [name])[name], reader.read(rows, [name])[name]
    )
    np.testing.assert_array_equal(copy.read_targets(rows), reader.read_targets(rows))


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
@pytest.mark.parametrize("source", SOURCES)
def test_no_file_stays_open_after_a_reader_is_deleted(source, build, tmp_path):
    path = SOURCES[source](build, tmp_path)
    reader = form_of(path).opens(path, DEFAULTS)
    reader.read(np.arange(2), [reader.inputs[0].name])
    del reader
    links = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
    opened = {os.path.realpath(link) for link in links}
    assert not [name for name in opened if name.startswith(str(tmp_path))]


@pytest.mark.parametrize("source", [s for s in SOURCES if s != "h5 none"])
def test_known_names_put_targets_in_their_order(source, build, tmp_path):
    """Validation data are matched by the names of the training data."""
    path = SOURCES[source](build, tmp_path)
    found = open_dataset(path)
    names = found.class_names[::-1]
    options = ReadOptions(class_names=names)
    again = form_of(path).opens(path, options)
    assert again.target.classes == names
    targets = again.read_targets(np.arange(N))
    if found.target.kind == "class":
        np.testing.assert_array_equal(targets, len(names) - 1 - found.targets)
    elif found.target.kind == "mask":
        before = found.read_targets(np.arange(N))
        turned = np.where(before < 0, -1, len(names) - 1 - before)
        np.testing.assert_array_equal(targets, turned)
    else:
        np.testing.assert_array_equal(targets, found.targets[:, ::-1])


def test_a_reader_from_outside_is_opened_as_any_other(build, tmp_path):
    d = open_dataset(plot_list_reader.write(tmp_path, N))
    assert d.target.kind == "value" and d.class_names == ("biomass",)
    assert d.read([3])["sar"].min() == -3 and d.groups["plot"][2] == "plot1"
