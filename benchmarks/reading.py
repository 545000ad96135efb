"""How fast patches come out of an HDF5 file, and against what.

Patches per second through `Batches(shuffle=True)`, with nothing kept in
memory, against

(a) the plain loop: open the file and index one sample at a time, shuffled, as
    TorchGeo's So2Sat data set does in ``__getitem__``;
(b) h5py's own sequential speed: ``data[i:i + 1024]`` from start to end;

on one file of random float32 patches (sen1 N×32×32×8, sen2 N×32×32×10), contiguous and
in several chunk shapes. The file lies in the page cache after the first run: what is
compared is the way of reading, not the disk. Medians of several runs. Aims: 8 × (a),
0.5 × (b).

    python benchmarks/reading.py --samples 6000 --runs 9
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from autoai4eo.data.readers import cache
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.data.stream import Batches

BANDS = {"sen1": 8, "sen2": 10}
SEQUENTIAL = 1024


def layouts() -> dict[str, Callable[[int], object]]:
    """Chunk shapes by name, given the number of bands."""
    return {
        "contiguous": lambda bands: None,
        "(1, 32, 32, C)": lambda bands: (1, 32, 32, bands),
        "(16, 32, 32, C)": lambda bands: (16, 32, 32, bands),
        "(256, 32, 32, 1)": lambda bands: (256, 32, 32, 1),
        "h5py's own choice": lambda bands: True,
    }


def write(path: Path, samples: int, chunks: Callable[[int], object]) -> None:
    """Write the file, 512 samples at a time."""
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        for name, bands in BANDS.items():
            shape = (samples, 32, 32, bands)
            data = file.create_dataset(name, shape, "float32", chunks=chunks(bands))
            for i in range(0, samples, 512):
                n = min(512, samples - i)
                data[i : i + n] = rng.random((n, *shape[1:]), dtype=np.float32)
        file["label"] = np.eye(17, dtype=np.float32)[rng.integers(0, 17, samples)]


def plain_loop(path: Path, samples: int, limit: int) -> float:
    """Patches per second one at a time, opening the file for each."""
    order = np.random.default_rng(0).permutation(samples)[:limit]
    start = time.perf_counter()
    for i in order:
        with h5py.File(path, "r") as file:
            for name in (*BANDS, "label"):
                np.array(file[name][i])
    return len(order) / (time.perf_counter() - start)


def sequential(path: Path, samples: int) -> float:
    """Patches per second from start to end."""
    start = time.perf_counter()
    with h5py.File(path, "r") as file:
        for i in range(0, samples, SEQUENTIAL):
            for name in (*BANDS, "label"):
                file[name][i : i + SEQUENTIAL]
    return samples / (time.perf_counter() - start)


def streamed(path: Path, samples: int, batch_size: int) -> float:
    """Patches per second, shuffled, as training sees them."""
    batches = Batches(open_dataset(path), batch_size, shuffle=True)
    start = time.perf_counter()
    for i in range(len(batches)):
        batches[i]
    return samples / (time.perf_counter() - start)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=6000)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--loop-samples", type=int, default=200)
    given = parser.parse_args()
    cache.CACHE_BYTES = 0
    print("| stored | plain loop (a) | h5py sequential (b) | data | × (a) | × (b) |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "patches.h5"
        for name, chunks in layouts().items():
            write(path, given.samples, chunks)
            # A loop over wide chunks reads nearly all of the file for each sample.
            limit = given.loop_samples if name != "h5py's own choice" else 10
            runs = [
                (
                    plain_loop(path, given.samples, limit),
                    sequential(path, given.samples),
                    streamed(path, given.samples, given.batch_size),
                )
                for _ in range(given.runs)
            ]
            loop, straight, data = (
                statistics.median(column) for column in zip(*runs, strict=True)
            )
            print(
                f"| {name} | {loop:,.0f} | {straight:,.0f} | {data:,.0f} "
                f"| {data / loop:.1f} | {data / straight:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
