"""The databases that searches are tested on."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from postgresql import Server

_numbers = itertools.count()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A running PostgreSQL; each worker of pytest-xdist has its own."""
    from postgresql import Server

    server = Server()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def database(server: Server) -> str:
    """The URL of a fresh PostgreSQL database."""
    name = f"test{next(_numbers)}"
    server.execute(f"CREATE DATABASE {name}")
    return server.url(name)
