"""What attacks share: the command line, and a user who named nothing yet."""

import pytest
from commands import run

from autoai4eo.runs import databases

__all__ = ["run"]


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch):
    """A user who has named no database yet."""
    monkeypatch.setattr(databases, "_given", {})
    monkeypatch.delenv(databases.VARIABLE, raising=False)
