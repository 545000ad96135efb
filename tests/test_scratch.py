"""Temporary folders: removed at the end, and after a kill by the next process."""

import os
import signal
import subprocess
import sys
import tempfile
import time

import pytest

from autoai4eo.files import scratch, scratch_folder

_HOLDS = (
    "import signal\nfrom autoai4eo.files import scratch_folder\n"
    "with scratch_folder() as folder:\n"
    "    (folder / 'network.onnx').write_text('large')\n"
    "    print(folder, flush=True)\n"
    "    signal.pause()\n"
)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A place of its own for temporary files, where nothing was removed yet."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    scratch._remove_abandoned.cache_clear()
    return tmp_path


def grow_old(folder):
    os.utime(folder, (time.time() - 3600,) * 2)


def test_a_folder_is_there_and_goes(place):
    with pytest.raises(RuntimeError), scratch_folder() as folder:
        assert folder.is_dir() and folder.parent == place
        (folder / "network.onnx").write_text("large")
        raise RuntimeError
    assert not list(place.iterdir())


def test_a_folder_of_a_killed_process_goes_and_that_of_a_living_one_stays(place):
    command = [sys.executable, "-c", _HOLDS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        found = place / other.stdout.readline().strip()
        grow_old(found)
        with scratch_folder():
            assert (found / "network.onnx").exists()
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
    scratch._remove_abandoned.cache_clear()
    with scratch_folder():
        assert not found.exists()


def test_only_old_folders_of_ours_are_removed(place):
    young, other = (place / f"{name}x" for name in (scratch._PREFIX, "autoai4eo-"))
    for folder in (young, other):
        folder.mkdir()
    home = place / "home"
    home.mkdir()
    (home / "thesis.txt").write_text("years")
    link = place / f"{scratch._PREFIX}link"
    link.symlink_to(home)
    for folder in (other, home):
        grow_old(folder)
    with scratch_folder():
        assert young.exists() and other.exists() and link.is_symlink()
    assert (home / "thesis.txt").read_text() == "years"


def test_what_is_written_while_the_folder_is_removed_goes_too(tmp_path, monkeypatch):
    """As a process does that looks for a place for its temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    rmdir, late = os.rmdir, []

    def written_to(path, **how):
        if not late:
            late.append(folder / "late")
            late[0].write_text("")
        rmdir(path, **how)

    with pytest.raises(KeyboardInterrupt), scratch_folder() as folder:
        monkeypatch.setattr(os, "rmdir", written_to)
        raise KeyboardInterrupt
    assert late and list(tmp_path.iterdir()) == []
