"""One candidate, tried."""
