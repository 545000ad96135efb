"""The command line, called as the shell does but in this process."""

import signal
import sys
import warnings
from typing import NamedTuple

import pytest

from autoai4eo.cli import main


class Result(NamedTuple):
    """What the shell would see."""

    status: int
    out: str
    err: str


@pytest.fixture
def run(monkeypatch, capfd, tmp_path):
    # where tracebacks of internal errors go
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / ".state"))

    if "tensorflow" in sys.modules:
        # where a test imported it, it would say here that there is no GPU
        sys.modules["tensorflow"].config.list_physical_devices()
        capfd.readouterr()

    def call(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["autoai4eo", *map(str, arguments)])
        with warnings.catch_warnings(), pytest.raises(SystemExit) as end:
            main()
        captured = capfd.readouterr()
        return Result(end.value.code or 0, captured.out, captured.err)

    before = signal.getsignal(signal.SIGINT)
    yield call
    signal.signal(signal.SIGINT, before)  # an interrupted command changes it
