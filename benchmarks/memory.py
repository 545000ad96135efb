"""Whether memory stays flat: peak of a fit on 60,000 patches against 2,000.

Writes So2Sat files of float32 patches 32×32 with 8 + 10 bands (4.4 GB and 0.15 GB) to a
temporary folder, fits a tiny Keras model on each for one epoch through
`Dataset.batches`, in a process of its own, and prints the peak resident memory. Aim:
less than 1 GB more on the large file.

    python benchmarks/memory.py
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

BANDS = {"sen1": 8, "sen2": 10}


def write(path: Path, samples: int) -> None:
    """Write the file, 1,000 samples at a time."""
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        for name, bands in BANDS.items():
            data = file.create_dataset(name, (samples, 32, 32, bands), "float32")
            for i in range(0, samples, 1000):
                n = min(1000, samples - i)
                data[i : i + n] = rng.random((n, 32, 32, bands), dtype=np.float32)
        file["label"] = np.eye(17, dtype=np.float32)[rng.integers(0, 17, samples)]


def fit(path: str) -> None:
    """Fit on the file and print seconds and the peak in MB."""
    import keras

    from autoai4eo.data.readers.opening import open_dataset
    from autoai4eo.data.stream import Batches

    dataset = open_dataset(path)
    inputs = {s.name: keras.Input(s.shape, name=s.name) for s in dataset.inputs}
    x = keras.layers.Concatenate()(list(inputs.values()))
    x = keras.layers.Conv2D(8, 3, strides=4, activation="relu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, keras.layers.Dense(17, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy")
    start = time.perf_counter()
    model.fit(Batches(dataset, 64, shuffle=True), epochs=1, verbose=0)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{seconds:.1f} {peak:.0f}")


def main() -> None:
    """Measure both in processes of their own and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, nargs=2, default=(2000, 60000))
    parser.add_argument("--fit", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.fit:
        fit(given.fit)
        return
    peaks = []
    print("| patches | file, GB | fit, s | peak, MB |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for samples in given.samples:
            path = Path(folder) / "patches.h5"
            write(path, samples)
            size = path.stat().st_size / 1e9
            command = [sys.executable, __file__, "--fit", str(path)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            seconds, peak = (float(v) for v in done.stdout.split())
            peaks.append(peak)
            print(f"| {samples:,} | {size:.2f} | {seconds:.1f} | {peak:,.0f} |")
    print(f"\nThe large one takes {peaks[1] - peaks[0]:,.0f} MB more (aim: < 1,000).")


if __name__ == "__main__":
    main()
