"""A run's finalist in every format: size, difference, scores, latency.

python benchmarks/formats.py RUN DATA --out DIR

Each is run by its own runtime in a fresh process, on all of DATA in batches of 64 and,
for the latency, on one patch at a time: the median of 50 passes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.deploy import export, load_finalist
from autoai4eo.deploy.export.checking import FreshProcess
from autoai4eo.deploy.export.formats import FORMATS
from autoai4eo.learning.classification import scores
from autoai4eo.learning.evaluation import open_for


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("data")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    network = load_finalist(arguments.run)
    names = [node.name for node in network.inputs]
    data = open_for(network, None, open_dataset(arguments.data, inputs=names))
    blocks = np.array_split(np.arange(len(data)), -(-len(data) // 64))
    keras_says = np.concatenate(
        [np.asarray(network(data.read(rows), training=False)) for rows in blocks]
    )
    print("| format | bytes | differs by | same class | OA | kappa | ms, one patch |")
    print("|---|---|---|---|---|---|---|")
    for kind in FORMATS.values():
        for way in kind.tolerances:
            name = " ".join(filter(None, (kind.name, way)))
            out = arguments.out / f"{name.replace(' ', '_')}{kind.suffix}"
            done = export(arguments.run, out, kind.name, quantize=way, overwrite=True)
            with FreshProcess(kind, out) as fresh:
                found = np.concatenate(
                    [fresh.predict(data.read(rows)) for rows in blocks]
                )
                latency = fresh.latency_ms(data.read([0]))
            found_classes = found.argmax(axis=1)
            difference = np.abs(found - keras_says).max()
            same = (found_classes == keras_says.argmax(axis=1)).mean()
            told = scores(data.labels, found_classes, data.class_names)
            print(
                f"| {name} | {done.size_bytes:,} | {difference:.1e} | {same:.1%} | "
                f"{told['accuracy']:.4f} | {told['cohen_kappa']:.4f} | {latency:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
