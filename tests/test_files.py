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
    read_csv,
    read_json,
    read_npz,
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
    found = read_json(tmp_path / "new" / "a.json", CURE, ("trial",))
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
        read_json(path, CURE, ("trial",))
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
