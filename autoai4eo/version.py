"""The version of the package, which also runs where it is not installed."""

__version__ = "0.1.0"
