"""What the attacks need: the command line, in this process."""

from __future__ import annotations

import sys
import warnings
from typing import NamedTuple

import pytest

from autoai4eo.cli import main
from autoai4eo.search import named


class Result(NamedTuple):
    """What the shell would see."""

    status: int
    out: str
    err: str


@pytest.fixture
def run(monkeypatch, capfd):
    def call(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["autoai4eo", *map(str, arguments)])
        with warnings.catch_warnings(), pytest.raises(SystemExit) as end:
            main()
        captured = capfd.readouterr()
        return Result(end.value.code or 0, captured.out, captured.err)

    return call


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch):
    """A user who has named no database yet."""
    monkeypatch.setattr(named, "_given", {})
    monkeypatch.delenv(named.VARIABLE, raising=False)
