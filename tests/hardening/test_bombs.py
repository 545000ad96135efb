"""What a file declares to be huge is refused before memory is asked for.

Every call is made in this process with a limit on its memory: one that asked for what
is declared would end in a MemoryError, not in a line.
"""

from __future__ import annotations

import io
import json
import os
import resource
import zipfile

import h5py
import numpy as np
import pytest

from autoai4eo import UserError, open_dataset
from autoai4eo.data.readers.labels import read_labels
from autoai4eo.files import MAX_GIB, check_regular, read_csv, read_json, read_npz
from autoai4eo.runs.folder import Run

ROOM = 6 * 2**30


@pytest.fixture(autouse=True)
def little_memory():
    """This process may take 6 GiB more than it has."""
    with open("/proc/self/statm") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (now + ROOM, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def h5(path, **declared):
    """Chunked data sets of any size that were never written take no room."""
    with h5py.File(path, "w", libver="latest") as file:
        for name, (shape, kind, chunks) in declared.items():
            file.create_dataset(name, shape, kind, chunks=chunks)
    return path


PIXELS = ((4, 2, 2, 10), "f4", (1, 2, 2, 10))
HUGE_H5 = {
    "labels": {"sen2": PIXELS, "label": ((2**40,), "i8", (2**20,))},
    "one-hot": {"sen2": PIXELS, "label": ((4, 2**38), "f4", (1, 2**20))},
    "samples": {"sen2": ((2**40, 2, 2, 10), "f4", (1, 2, 2, 10))},
    "a sample": {"sen2": ((4, 2**20, 2**20, 10), "f4", (1, 16, 16, 10))},
    "bands": {"sen2": ((4, 1, 1, 2**29), "f4", (1, 1, 1, 2**16))},
    "groups": {
        "sen2": ((2**13, 1, 1, 10), "u1", (2**13, 1, 1, 10)),
        "city": ((2**13,), f"S{2**20}", (1,)),
    },
    "names": {"sen2": PIXELS, "class_names": ((2**40,), "S8", (2**20,))},
}


@pytest.mark.parametrize("what", HUGE_H5)
def test_declared_sizes_of_hdf5(tmp_path, what):
    path = h5(tmp_path / "a.h5", **HUGE_H5[what])
    assert path.stat().st_size < 10**6
    with pytest.raises(UserError, match=r"expected .*at most .*found") as refused:
        open_dataset(path)
    assert "\n" not in str(refused.value)


def test_chunks_of_many_samples_are_read_in_parts(tmp_path):
    """A chunk of 2²⁰ samples, one value wide, does not make 16 GiB of a read."""
    shape, chunks = (2**20, 32, 32, 4), (2**20, 1, 1, 1)
    path = h5(tmp_path / "a.h5", sen2=(shape, "f4", chunks))
    dataset = open_dataset(path)
    assert dataset.read([0, 2**20 - 1])["sen2"].shape == (2, 32, 32, 4)
    assert max(map(len, dataset.blocks(64))) <= 2**13


def test_so2sat_of_52_gb_is_opened_and_read(tmp_path):
    """What the user relies on: data sets of this size are read sample by sample."""
    path = h5(
        tmp_path / "a.h5",
        sen1=((352_366, 32, 32, 8), "f8", (1, 32, 32, 8)),
        sen2=((352_366, 32, 32, 10), "f8", (1, 32, 32, 10)),
    )
    with h5py.File(path, "r+") as file:
        file["label"] = np.eye(17)[np.arange(352_366) % 17]
    dataset = open_dataset(path)
    assert (len(dataset), dataset.num_classes) == (352_366, 17)
    assert dataset.read([352_365])["sen2"].shape == (1, 32, 32, 10)


def test_one_hot_labels_of_400_000_samples():
    labels = np.eye(17)[np.arange(400_000) % 17]
    indices, names, _ = read_labels(labels, None, None, "x")
    assert (len(indices), len(names)) == (400_000, 17)


@pytest.mark.parametrize(
    "label",
    [2**32, 2**41, 2**63 - 1, np.uint64(2**64 - 1), 1e18, 1e300, 3.0e38],
)
def test_a_label_that_is_a_huge_number(tmp_path, label):
    pixels = np.zeros((3, 2, 2, 3), np.uint8)
    labels = np.array([0, 1, label])
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["sen2"], file["label"] = np.zeros((3, 2, 2, 10), "f4"), labels
    np.savez(tmp_path / "a.npz", image=pixels, label=labels)
    for source in (tmp_path / "a.h5", tmp_path / "a.npz"):
        with pytest.raises(UserError, match="expected class numbers from 0, found"):
            open_dataset(source)
    with pytest.raises(UserError, match="expected class numbers from 0, found"):
        open_dataset(pixels, labels=labels)


@pytest.mark.parametrize("kind", ["one-hot", "names", "told", "long"])
def test_too_many_classes_and_too_long_names(kind):
    count = 60_000
    told = None
    if kind == "one-hot":
        labels = np.eye(1, count, dtype=bool)
    elif kind == "names":  # such as the file of each sample
        labels = np.array([f"tile {i}" for i in range(count)])
    else:
        labels = np.array([0, 1])
        told = [f"class {i}" for i in range(count)]
        told = ["a", "b" * 10**6] if kind == "long" else told
    with pytest.raises(UserError, match=r"expected .*at most") as refused:
        read_labels(labels, told, None, "x")
    assert len(str(refused.value)) < 500


def npz(path, header, content=b"", packed=0):
    """A .npz file of one array `image`; its header can say anything."""
    text = header.encode() + b" " * (-(len(header) + 11) % 64) + b"\n"
    begin = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("image.npy", "w") as file,
    ):
        file.write(begin + content)
        for _ in range(packed):
            file.write(bytes(2**20))
    return path


def of(shape):
    return f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}"


def test_a_header_of_a_terabyte(tmp_path):
    path = npz(tmp_path / "a.npz", of((2**20, 512, 512, 3)))
    with pytest.raises(UserError, match=r"arrays of at most 4 GiB, found .* 3,072"):
        open_dataset(path)


def test_a_zip_bomb(tmp_path, monkeypatch):
    monkeypatch.setenv(MAX_GIB, "0.01")
    path = npz(tmp_path / "a.npz", of((1, 2, 2, 1)), packed=16)
    assert path.stat().st_size < 2**20 / 4
    with pytest.raises(UserError, match=r"arrays of at most 0.01 GiB.*max_gib"):
        open_dataset(path)


def test_more_is_allowed_by_one_number(tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    np.savez(path, image=np.zeros((8, 64, 64, 3), np.float32), label=np.arange(8) % 2)
    monkeypatch.setenv(MAX_GIB, "0.0001")
    with pytest.raises(UserError, match="max_gib"):
        open_dataset(path)
    monkeypatch.setenv(MAX_GIB, "0.001")
    assert len(open_dataset(path)) == 8
    monkeypatch.setenv(MAX_GIB, "much")
    with pytest.raises(UserError, match="AUTOAI4EO_MAX_GIB: expected a number"):
        open_dataset(path)


def test_a_header_of_damaged_python(tmp_path):
    for header in ("{'descr': (", "{'descr': '<f4'\n  'x", "\0", "9" * 5000, "(" * 300):
        with pytest.raises(UserError, match="damaged"):
            open_dataset(npz(tmp_path / "a.npz", header))


@pytest.mark.parametrize("read", [read_json, read_csv, read_npz])
def test_a_file_with_a_hole_is_not_read(tmp_path, read):
    """It takes no room on disk, and a terabyte in memory."""
    path = tmp_path / "run.json"
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(UserError, match=r"run.json: expected"):
        read(path, "restore it")


@pytest.mark.parametrize("name", ["a.h5", "a.npz", "a.zip", "a.tif", "a"])
def test_a_pipe_or_device_is_not_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / name)
    (tmp_path / f"zero{name}").symlink_to("/dev/zero")
    for path in (tmp_path / name, tmp_path / f"zero{name}"):
        with pytest.raises(UserError, match="found a pipe, a device or a socket"):
            open_dataset(path)


@pytest.mark.parametrize("name", ["run.json", "statistics.json", "best/mistakes.npz"])
def test_a_pipe_in_a_run_is_not_waited_for(tmp_path, name):
    (tmp_path / "best").mkdir()
    sample = {"path": "x", "samples": 1, "fingerprint": "", "classes": [], "inputs": []}
    told = {"arguments": {}, "data": {"training": sample}, "versions": {}, "device": ""}
    (tmp_path / "run.json").write_text(json.dumps(told))
    (tmp_path / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / name)
    if name == "run.json":
        with pytest.raises(UserError, match="found a pipe"):
            Run(tmp_path).read()
    else:
        with pytest.raises(UserError, match="found a pipe"):
            read_json(tmp_path / name, "")


def test_nothing_and_files_are_no_pipes(tmp_path):
    check_regular(tmp_path)
    check_regular(tmp_path / "nothing" / "there")
    (tmp_path / "a").write_bytes(io.BytesIO(b"1").read())
    check_regular(tmp_path / "a")
