"""An HDF5 file shows no file of the user's that lies outside of its own folder."""

from __future__ import annotations

import os

import h5py
import numpy as np
import pytest

from autoai4eo import UserError, open_dataset

SHAPE = (4, 2, 2, 10)
SECRET = 77.0
REFUSED = "allow_remote=True"


def samples(path, sen2=True):
    """A small file in So2Sat's layout, with or without pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file["label"] = np.eye(2)[[0, 1, 0, 1]]
        if sen2:
            file["sen2"] = np.full(SHAPE, SECRET, "f4")
    return path


@pytest.fixture
def private(tmp_path):
    """A folder of the user's, with the same pixels as HDF5 and as raw bytes."""
    samples(tmp_path / "private" / "secret.h5")
    samples(tmp_path / "private" / "secret0.h5")
    (tmp_path / "private" / "secret.bin").write_bytes(np.full(SHAPE, SECRET, "f4"))
    return tmp_path / "private"


@pytest.fixture
def shared(tmp_path):
    """A file from elsewhere, in a folder of its own."""
    return samples(tmp_path / "shared" / "a.h5", sen2=False)


def external_link(file, private):
    file["sen2"] = h5py.ExternalLink(str(private / "secret.h5"), "/sen2")


def relative_link(file, private):
    file["sen2"] = h5py.ExternalLink("../private/secret.h5", "/sen2")


def soft_link_to_external(file, private):
    file["there"] = h5py.ExternalLink(str(private / "secret.h5"), "/")
    file["sen2"] = h5py.SoftLink("/there/sen2")


def virtual(file, private, name="secret.h5", dataset="sen2"):
    layout = h5py.VirtualLayout(SHAPE, "f4")
    layout[:] = h5py.VirtualSource(str(private / name), dataset, SHAPE)
    file.create_virtual_dataset("sen2", layout)


def virtual_by_pattern(file, private):
    """As detectors write it: files 0, 1, 2, … as far as there are any."""
    s, unlimited = h5py.h5s, h5py.h5s.UNLIMITED
    there = s.create_simple(SHAPE, (unlimited, *SHAPE[1:]))
    there.select_hyperslab((0,) * 4, (unlimited, 1, 1, 1), SHAPE, SHAPE)
    made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    name = str(private / "secret%b.h5").encode()
    made.set_virtual(there, name, b"/sen2", s.create_simple(SHAPE))
    h5py.h5d.create(file.id, b"sen2", h5py.h5t.IEEE_F32LE, there, dcpl=made)


def raw(file, private):
    place = [(str(private / "secret.bin"), 0, 640)]
    file.create_dataset("sen2", SHAPE, "f4", external=place)


def raw_of_a_name(file, private):
    file["sen2"] = np.zeros(SHAPE, "f4")
    place = [(str(private / "secret.bin"), 0, 32)]
    file.create_dataset("city", (4,), "i8", external=place)


def other(file):
    return h5py.File(os.path.join(os.path.dirname(file.filename), "b.h5"), "w")


def raw_behind_a_link(file, private):
    with other(file) as second:
        raw(second, private)
    file["sen2"] = h5py.ExternalLink("b.h5", "/sen2")


def raw_behind_a_virtual(file, private):
    with other(file) as second:
        raw(second, private)
    virtual(file, type(private)(file.filename).parent, "b.h5")


def link_behind_a_virtual(file, private):
    with other(file) as second:
        external_link(second, private)
    virtual(file, type(private)(file.filename).parent, "b.h5")


def link_out_of_the_folder(file, private):
    folder = os.path.dirname(file.filename)
    os.symlink(private / "secret.h5", os.path.join(folder, "b.h5"))
    file["sen2"] = h5py.ExternalLink("b.h5", "/sen2")


WAYS = [
    external_link,
    relative_link,
    soft_link_to_external,
    virtual,
    virtual_by_pattern,
    raw,
    raw_of_a_name,
    raw_behind_a_link,
    raw_behind_a_virtual,
    link_behind_a_virtual,
    link_out_of_the_folder,
]


@pytest.mark.parametrize("way", WAYS)
def test_no_pixels_from_elsewhere(shared, private, way):
    with h5py.File(shared, "r+") as file:
        way(file, private)
    with pytest.raises(UserError, match=REFUSED) as refused:
        open_dataset(shared)
    assert "\n" not in str(refused.value)
    allowed = open_dataset(shared, allow_remote=True)
    if way is not raw_of_a_name:
        assert (allowed.read([0, 3])["sen2"] == SECRET).all()


def test_a_text_file_is_not_read_as_pixels(shared):
    with h5py.File(shared, "r+") as file:
        place = [("/etc/passwd", 0, 160)]
        file.create_dataset("sen2", SHAPE, "u1", external=place)
    with pytest.raises(UserError, match=rf"/etc/passwd.*{REFUSED}"):
        open_dataset(shared)


@pytest.mark.parametrize("by", ["link", "virtual"])
def test_parts_in_the_files_own_folder_are_read(shared, tmp_path, by):
    """So2Sat is often split."""
    folder = shared.parent
    samples(folder / "parts" / "one.h5")
    with h5py.File(shared, "r+") as file:
        if by == "link":
            file["sen2"] = h5py.ExternalLink("parts/one.h5", "/sen2")
        else:
            virtual(file, type(folder)("parts"), "one.h5")
    assert (open_dataset(shared).read([1])["sen2"] == SECRET).all()
    linked = tmp_path / "linked.h5"
    linked.symlink_to(shared)
    assert (open_dataset(linked).read([1])["sen2"] == SECRET).all()


def test_where_the_user_told_hdf5_to_look_is_allowed(shared, private, monkeypatch):
    monkeypatch.setenv("HDF5_EXT_PREFIX", str(private))
    with h5py.File(shared, "r+") as file:
        file["sen2"] = h5py.ExternalLink("secret.h5", "/sen2")
    dataset = open_dataset(shared)
    # HDF5 itself reads the variable once, when it is loaded
    assert dataset.inputs[0].name == "sen2"


@pytest.mark.parametrize("kind", ["link", "raw", "virtual"])
def test_a_pipe_is_not_waited_for(shared, kind):
    pipe = shared.parent / "pipe"
    os.mkfifo(pipe)
    with h5py.File(shared, "r+") as file:
        if kind == "link":
            file["sen2"] = h5py.ExternalLink(str(pipe), "/sen2")
        elif kind == "raw":
            file.create_dataset("sen2", SHAPE, "f4", external=[(str(pipe), 0, 640)])
        else:
            virtual(file, pipe.parent, "pipe")
    with pytest.raises(UserError, match="found a pipe"):
        open_dataset(shared, allow_remote=kind == "raw")


def test_external_storage_beside_the_file_is_refused(shared, monkeypatch):
    """It shows a file of any kind: a folder of downloads holds more than data."""
    monkeypatch.chdir(shared.parent)
    (shared.parent / "notes.txt").write_bytes(np.full(SHAPE, SECRET, "f4"))
    with h5py.File(shared, "r+") as file:
        file.create_dataset("sen2", SHAPE, "f4", external="notes.txt")
    with pytest.raises(UserError, match=r"external storage.*allow_remote=True"):
        open_dataset(shared)
    allowed = open_dataset(shared, allow_remote=True)
    assert (allowed.read([1])["sen2"] == SECRET).all()


@pytest.mark.parametrize("name", ["sen2", "label", "city"])
def test_links_in_a_ring_end(shared, name):
    with h5py.File(shared, "r+") as file:
        if name in file:
            del file[name]
        file[name] = h5py.SoftLink("/turn")
        file["turn"] = h5py.SoftLink(f"/{name}")
    with pytest.raises(UserError, match="in a ring"):
        open_dataset(shared)


def test_files_in_a_ring_end(shared):
    with h5py.File(shared, "r+") as file, other(file) as second:
        file["sen2"] = h5py.ExternalLink("b.h5", "/sen2")
        second["sen2"] = h5py.ExternalLink("a.h5", "/sen2")
    with pytest.raises(UserError, match="in a ring"):
        open_dataset(shared)


@pytest.mark.parametrize("of", [".", "b.h5"])
def test_a_data_set_that_is_its_own_source_ends(shared, of):
    folder = type(shared)("")
    with h5py.File(shared, "r+") as file:
        virtual(file, folder, of)
        with other(file) as second:
            virtual(second, folder, "a.h5")
    with pytest.raises(UserError, match="found itself among them"):
        open_dataset(shared)


def test_a_link_that_goes_nowhere_is_named(shared):
    with h5py.File(shared, "r+") as file:
        file["sen2"] = h5py.SoftLink("/no/where")
    with pytest.raises(UserError, match="sen2 is a link to /no/where"):
        open_dataset(shared)
