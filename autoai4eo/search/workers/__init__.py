"""The worker processes of a search."""
