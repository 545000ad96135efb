"""The databases that searches are tested on."""

from databases import database, server

__all__ = ["database", "server"]
