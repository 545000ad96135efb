"""The processes that work on a search."""
