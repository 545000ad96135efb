"""Odd shells: closed streams, broken pipes, full disks, no home, no folder.

Whatever the shell is like, a command ends with one line or none, and with a status.
"""

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

HELP = "autoai4eo --help"


@pytest.fixture
def shell(tmp_path):
    """Runs a line of bash, in which ``autoai4eo`` is ours; gives what it ended with."""

    def call(line, environment=None):
        script = f'autoai4eo() {{ "{sys.executable}" -m autoai4eo "$@"; }}\n{line}'
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", script],
            cwd=tmp_path,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=120,
        )

    return call


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_changes_neither_status_nor_the_others(shell, closed):
    done = shell(f"{HELP} {closed}")
    assert done.returncode == 0 and done.stderr == b""
    assert (b"Usage" in done.stdout) == (" >&-" not in f" {closed}")
    done = shell(f"autoai4eo trials no_such_run {closed}")
    assert done.returncode == 2 and done.stdout == b""
    assert done.stderr.count(b"\n") == ("2>&-" not in closed)


def test_no_file_of_ours_gets_the_number_of_a_closed_stream(shell, tmp_path):
    script = (
        "import os, sys; from autoai4eo.cli.main import _open_streams; "
        "_open_streams(); mine = os.open('mine', os.O_CREAT | os.O_RDWR); "
        "os.write(1, b'text'); os.write(2, b'text'); print('text', flush=True); "
        "sys.exit(mine if all(map(os.get_inheritable, range(3))) else 1)"
    )
    done = shell(f'"{sys.executable}" -c "{script}" <&- >&- 2>&-')
    assert done.returncode > 2
    assert (tmp_path / "mine").read_bytes() == b""


@pytest.mark.parametrize("pipe", ["|", "2>&1 |"])
def test_a_pipe_that_nobody_reads_is_left_quietly(shell, pipe):
    # bash's `true` is gone before a word is written
    done = shell(f"(sleep 0.3; {HELP}) {pipe} true")
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b"")


def test_a_full_disk_behind_standard_output_is_one_line(shell):
    done = shell(f"{HELP} > /dev/full")
    assert done.returncode == 1 and done.stderr.count(b"\n") == 1
    assert b"No space left on device" in done.stderr and b"make room" in done.stderr
    assert done.stderr.startswith(b"error: a file or the output: cannot be")


@pytest.mark.parametrize(
    "setting",
    [
        {"COLUMNS": "1", "TERM": ""},
        {"COLUMNS": "²", "TERM": "dumb", "FORCE_COLOR": "1"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=str,
)
def test_an_odd_environment_is_no_traceback(shell, setting):
    done = shell("autoai4eo trials 'Gewässer ×'", environment=setting)
    assert done.returncode == 2 and done.stderr.count(b"\n") == 1
    assert done.stderr.count(b"error: ") == 1


def test_nothing_in_the_environment_and_no_home(shell):
    nothing = f'env -i "{sys.executable}" -m autoai4eo'
    path = f"PYTHONPATH={os.environ.get('PYTHONPATH', os.getcwd())}"
    done = shell(nothing.replace("env -i", f"env -i {path}") + " trials '~/none'")
    assert done.returncode == 2 and done.stderr.count(b"\n") == 1


def test_bytes_that_are_no_text_in_an_argument(shell):
    done = shell("autoai4eo trials $'no\\xffrun\\x1b[31m'")
    assert done.returncode == 2 and done.stderr.count(b"\n") == 1
    assert b"no\\udcffrun\\x1b[31m: expected" in done.stderr


def test_the_folder_of_the_shell_was_deleted(shell, tmp_path):
    done = shell("mkdir gone; cd gone; rmdir ../gone; autoai4eo trials run")
    assert done.returncode == 2 and done.stderr.count(b"\n") == 1
    assert b"the current folder was deleted; change to one that exists" in done.stderr


@pytest.mark.parametrize(
    "words",
    ["check r", "demo", "report r", "inspect a.tif", "map r s.tif o.tif", "fit a.h5"],
)
def test_every_command_says_that_its_folder_was_deleted(
    run, tmp_path, monkeypatch, words
):
    """Users rely on: a file may not be found because of where the shell is."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    done = run(*words.split(), *(["--out", "r"] if words.startswith("fit") else []))
    assert done.status == 2 and done.err.count("\n") == 1
    assert "the current folder was deleted; change to one that exists" in done.err
    assert f"{tmp_path}/none: expected a run" in run("check", tmp_path / "none").err


def test_what_nobody_foresaw_is_a_line_and_a_private_file(run, tmp_path, monkeypatch):
    def breaks(*_):
        raise TypeError("two\nlines \x1b[31m")

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("autoai4eo.report.page.write_report", breaks)
    names = set()
    for _ in range(2):
        result = run("report", "a_run")
        assert result.status == 1 and result.err.count("\n") == 1
        assert result.err.startswith("internal error: TypeError: two")
        assert "\x1b" not in result.err
        names.add(result.err.rsplit(" ", 1)[1].strip())
    assert len(names) == 2
    for name in names:
        status = os.stat(name)
        assert stat.S_IMODE(status.st_mode) == 0o600
        assert stat.S_IMODE(os.stat(os.path.dirname(name)).st_mode) == 0o700
        text = Path(name).read_text("utf-8")
        assert "Traceback" in text and "in breaks" in text


def test_a_traceback_without_a_folder_for_it_is_still_one_line(run, monkeypatch):
    def breaks(*_):
        raise TypeError("why")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("autoai4eo.report.page.write_report", breaks)
    monkeypatch.setattr("autoai4eo.cli.failures.tempfile.mkstemp", full)
    result = run("report", "a_run")
    assert (result.status, result.out) == (1, "")
    assert result.err == (
        "internal error: TypeError: why; its traceback could not be saved\n"
    )


@pytest.mark.parametrize(
    ("raised", "line"),
    [
        (EOFError("cut"), "internal error: EOFError: cut; a file may be cut off"),
        (MemoryError(), "error: expected more memory than this machine"),
        (  # ulimit -v, at the import of a library
            ImportError("libtensorflow_cc.so.2: failed to map segment from shared"),
            "error: expected more memory than this machine",
        ),
        (
            OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
            "error: expected more memory than this machine",
        ),
        (
            RuntimeError("can't start new thread"),
            "error: expected more memory than this machine",
        ),
        (RecursionError("deep"), "internal error: RecursionError: deep; something"),
        (
            UnicodeDecodeError("utf-8", b"\xff", 0, 1, "start"),
            "internal error: UnicodeDecodeError: ",
        ),
        (
            OSError(errno.ENOSPC, "full"),
            "error: a file or the output: cannot be read or",
        ),
        (
            PermissionError(errno.EACCES, "denied", b"a\xff\n"),
            "error: a\\udcff\\n: cannot be read or written (denied); check",
        ),
        (OSError("a library's own"), "internal error: OSError: a library's own; "),
        (BrokenPipeError(errno.EPIPE, "of a worker"), "internal error: BrokenPipeEr"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_kind_has_its_line(run, monkeypatch, tmp_path, raised, line):
    def breaks(*_):
        raise raised

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr("autoai4eo.report.page.write_report", breaks)
    result = run("report", "a_run")
    assert result.status == 1 and result.err.startswith(line)
    assert result.err.count("\n") == 1 and result.out == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fit", "a.npz", "--val", "b.npz", "--out", "loop"], "found the file loop"),
        (["simulate", "t.csv", "--choices", "a", "--maximize", "v"], "got none"),
    ],
)
def test_odd_arguments_are_a_line(run, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "t.csv").write_text("a,v\n1,0.5\n2,0.7\n")
    more = ["--tuners", " ", "--out", "o"] if arguments[0] == "simulate" else []
    result = run(*arguments, *more)
    assert result.status == 2 and words in result.err
    assert result.err.count("\n") == 1
