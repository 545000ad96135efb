"""What tests of the command line share."""

import signal

import pytest
from commands import run

__all__ = ["run"]


@pytest.fixture
def told_of_ctrl_c():
    """What a shell begins with & ignores Ctrl-C, and so would the commands here."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
