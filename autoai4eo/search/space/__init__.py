"""The candidates of a search."""
