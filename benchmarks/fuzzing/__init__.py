"""Fuzzing of readers, run folders and the command line; see `benchmarks/fuzz.py`."""
