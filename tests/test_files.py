"""Files that are read and written by this package: whole, or one line that helps."""

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoai4eo.errors import UserError
from autoai4eo.files import (
    check_can_write,
    check_can_write_into,
    check_not_input,
    folder_in_one_step,
    in_one_step,
    read_csv,
    read_json,
    read_npz,
    remove_leftovers,
    set_aside,
    write_json,
    written,
)

CURE = "restore it from a copy"


@pytest.fixture
def locked_folder():
    """A folder that may not be written to, also where the tests run as root."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield folder
    os.seteuid(user)
    folder.rmdir()


def test_what_was_written_is_read(tmp_path):
    write_json(tmp_path / "new" / "a.json", {"trial": 3, "path": "caf\udce9"})
    found = read_json(tmp_path / "new" / "a.json", CURE, {"trial": int})
    assert found == {"trial": 3, "path": "caf\udce9"}
    np.savez_compressed(tmp_path / "a.npz", truth=np.arange(3))
    np.testing.assert_array_equal(
        read_npz(tmp_path / "a.npz", CURE)["truth"], [0, 1, 2]
    )
    (tmp_path / "a.csv").write_text("epoch,loss\n1,0.5\n2,0.2\n3")
    assert read_csv(tmp_path / "a.csv", CURE) == [
        {"epoch": "1", "loss": "0.5"},
        {"epoch": "2", "loss": "0.2"},
    ]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "it is empty"),
        (b"\0" * 64, "it is empty"),  # what a power cut leaves
        (b'{"trial": 1', "Expecting ',' delimiter"),
        (b"[1, 2]", "a list where names and values should be"),
        (b'{"other": 1}', "no trial in it"),
        (b'{"trial": "\xe9"}', "'utf-8' codec can't decode"),
    ],
)
def test_damaged_json_is_one_line_with_the_file_and_the_cure(tmp_path, content, found):
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with pytest.raises(UserError) as refused:
        read_json(path, CURE, {"trial": int})
    told = str(refused.value)
    assert told.startswith(f"{path}: expected JSON, found a damaged file ({found}")
    assert told.endswith(CURE) and "\n" not in told


@settings(max_examples=150, deadline=None)
@given(
    place=st.floats(0, 1),
    change=st.sampled_from(["cut", "flip", "zeros"]),
    compressed=st.booleans(),
)
def test_a_damaged_npz_is_one_line_or_whole(
    tmp_path_factory, place, change, compressed
):
    path = tmp_path_factory.mktemp("npz") / "a.npz"
    values = np.random.default_rng(0).normal(size=(20, 5))
    (np.savez_compressed if compressed else np.savez)(path, values=values)
    content = bytearray(path.read_bytes())
    at = int(place * (len(content) - 1))
    if change == "cut":
        content = content[:at]
    elif change == "flip":
        content[at] ^= 0xFF
    else:
        content[at : at + 40] = bytes(len(content[at : at + 40]))
    path.write_bytes(content)
    try:
        found = read_npz(path, CURE, ("values",))
    except UserError as error:
        assert str(error).startswith(f"{path}: expected a whole .npz file")
        assert str(error).endswith(CURE) and "\n" not in str(error)
    else:
        np.testing.assert_array_equal(found["values"], values)


@pytest.mark.parametrize("read", [read_json, read_npz, read_csv])
def test_a_file_that_is_missing_or_a_folder(tmp_path, read):
    with pytest.raises(UserError, match=rf"nothing.*found no file; {CURE}"):
        read(tmp_path / "nothing", CURE)
    with pytest.raises(UserError, match=rf"cannot be read \(Is a directory\); {CURE}"):
        read(tmp_path, CURE)


def test_where_a_file_can_be_written(tmp_path):
    check_can_write(tmp_path / "new.csv")
    check_can_write(Path("/dev/null"))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UserError, match=r"expected a file to write, found a folder"):
        check_can_write(tmp_path)
    with pytest.raises(UserError, match=r"found no .*nowhere; make it, or correct"):
        check_can_write(tmp_path / "nowhere" / "x.csv")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"folder to write to, found the file .*file;"):
        check_can_write(tmp_path / "file" / "x.csv")


def test_where_a_folder_can_be_made(tmp_path):
    check_can_write_into(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"found the file .*file; choose another"):
        check_can_write_into(tmp_path / "file" / "run")
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"found the file .*lost; choose another"):
        check_can_write_into(tmp_path / "lost" / "run")


def test_a_read_only_folder_is_told_before_anything_is_done(locked_folder):
    for refused in (
        lambda: check_can_write_into(locked_folder),
        lambda: check_can_write_into(locked_folder / "a" / "b"),
        lambda: check_can_write(locked_folder / "x.csv"),
    ):
        with pytest.raises(UserError, match=r"cannot be written \(Permission denied\)"):
            refused()


def test_a_full_disk_is_one_line(tmp_path):
    with (
        pytest.raises(UserError, match=r"cannot be written \(No space left on device"),
        written(tmp_path),
        Path("/dev/full").open("w") as full,
    ):
        full.write("x" * 10)
        full.flush()


def test_a_link_is_replaced_and_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("years of work")
    (tmp_path / "a.json").symlink_to(victim)
    write_json(tmp_path / "a.json", {})
    assert victim.read_text() == "years of work"
    assert not (tmp_path / "a.json").is_symlink()


def test_temporary_names_cannot_be_guessed(tmp_path):
    names = set()
    for _ in range(2):
        with in_one_step(tmp_path / "a.json") as temporary:
            temporary.touch()
            names.add(temporary.name)
    assert len(names) == 2 and all(str(os.getpid()) != n.split("-")[1] for n in names)


def test_files_and_their_names_are_on_disk_before_we_go_on(tmp_path, monkeypatch):
    """A power cut after a rename leaves an empty file where only that was written."""
    done = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(
        os,
        "fsync",
        lambda f: (fsync(f), done.append(os.readlink(f"/proc/self/fd/{f}"))),
    )
    monkeypatch.setattr(os, "replace", lambda *a: (replace(*a), done.append("renamed")))
    write_json(tmp_path / "a.json", {})
    assert [Path(d).name.partition("-")[0] for d in done] == [
        ".writing",
        "renamed",
        tmp_path.name.partition("-")[0],
    ]


def test_a_folder_in_one_step(tmp_path):
    out = tmp_path / "saved[1]"
    for content in ("old", "new"):
        with folder_in_one_step(out) as temporary:
            temporary.mkdir()
            (temporary / "a").write_text(content)
    assert (out / "a").read_text() == "new"
    with pytest.raises(ValueError), folder_in_one_step(out) as temporary:
        temporary.mkdir()
        raise ValueError
    assert (out / "a").read_text() == "new" and list(tmp_path.iterdir()) == [out]


def test_a_folder_is_back_after_a_kill_between_the_renames(tmp_path):
    kept = tmp_path / ".old-0123456789abcdef-saved"
    left = tmp_path / ".writing-0123456789abcdef-saved"
    for folder, content in ((kept, "old"), (left, "half")):
        folder.mkdir()
        (folder / "a").write_text(content)
    with pytest.raises(ValueError), folder_in_one_step(tmp_path / "saved"):
        raise ValueError
    assert (tmp_path / "saved/a").read_text() == "old"
    assert list(tmp_path.iterdir()) == [tmp_path / "saved"]


def test_a_device_is_not_called_a_file():
    with pytest.raises(UserError, match="found the device, pipe or socket /dev/full"):
        check_can_write_into(Path("/dev/full/run"))


def test_leftovers_of_one_file_or_of_all(tmp_path):
    of_a = [f".{kind}-0123456789abcdef-a.tif" for kind in ("writing", "old")]
    of_a.append(f"{of_a[0]}-journal")  # SQLite's, of a GeoPackage
    of_b = ".writing-0123456789abcdef-b.tif"
    for name in (*of_a, of_b, "a.tif"):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path, "a.tif")
    assert {p.name for p in tmp_path.iterdir()} == {of_b, "a.tif"}
    remove_leftovers(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"a.tif"}


def test_files_of_others_with_names_like_leftovers_stay(tmp_path):
    kept = tmp_path / ".old-code-2020" / "thesis.tex"
    kept.parent.mkdir()
    kept.touch()
    remove_leftovers(tmp_path)
    with folder_in_one_step(tmp_path / "2020") as temporary:
        temporary.mkdir()
    assert kept.exists()


def test_what_is_set_aside_is_not_lost(tmp_path):
    names = []
    for content in "abc":
        (tmp_path / "state.npz").write_text(content)
        names.append(set_aside(tmp_path / "state.npz").name)
    assert names == [f"state.npz.damaged{n}" for n in ("", "-2", "-3")]
    assert [(tmp_path / n).read_text() for n in names] == list("abc")


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_an_input_is_no_output_under_whatever_name(tmp_path, link):
    scene, other = tmp_path / "scene.tif", tmp_path / "map.tif"
    scene.write_text("years of work")
    link(scene, other)
    check_not_input(tmp_path / "new.tif", [scene, tmp_path / "missing"])
    with pytest.raises(UserError, match=r"it is the input .*scene\.tif"):
        check_not_input(other, [scene])


def test_a_device_is_never_replaced():
    """Users rely on: root can name /dev/null, and it stays what it is."""
    before = os.lstat(os.devnull)
    with (
        pytest.raises(UserError, match="expected a file to write, found a device"),
        in_one_step(Path(os.devnull)),
    ):
        raise AssertionError("nothing is written")
    assert os.lstat(os.devnull).st_mode == before.st_mode
