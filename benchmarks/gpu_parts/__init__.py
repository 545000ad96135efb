"""The parts of `benchmarks/gpu.py`, each a function that writes its rows as it goes."""
