"""What the order of axes in an ONNX file costs: latency with channels last and first.

    python benchmarks/onnx_layout.py ../shared/data [--threads 1]

The default networks of the So2Sat layout (both sensors), of the fires and of the land
cover of BigEarthNet, and a small one of the fires, are written as ONNX files twice: as
tf2onnx writes them, with the channels last in front of the first convolution and behind
the last one, and as `export` and `fit` write them. The passes of the two files
alternate, in ONNX Runtime, one patch each; the medians of 400 and their ratio are
printed, and the largest difference of the two outputs.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np
import segmentation

import autoai4eo as ae
from autoai4eo.data.statistics import statistics
from autoai4eo.runtimes.onnx import ONNX
from autoai4eo.runtimes.onnx_graph import write_graph
from autoai4eo.search.space.graph import build
from autoai4eo.tasks.configuration import configure

PASSES = 400
SMALL = {
    "feature_pyramid_1/width": 8,
    "decoder_block_1/decoder": "lraspp",
}


def network(task: Any, dataset: Any, values: dict[str, Any]) -> Any:
    """Returns a network of the default space of a task, with new weights."""
    graph, _ = task.search_space(dataset)
    configure(graph, dataset, statistics(dataset), None)
    hp = keras_tuner.HyperParameters()
    hp.values = dict(values)
    return build(graph, hp, 0, 1)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("shared", type=Path, help="the folder shared/data")
    parser.add_argument("--threads", type=int)
    given = parser.parse_args()
    so2sat = ae.open_dataset(given.shared / "so2sat_layout" / "validation.h5")
    fires, _ = segmentation.fires(given.shared)
    cover, _ = segmentation.landcover(given.shared)
    cases = {
        "So2Sat layout, both sensors": (ae.ImageClassifier(), so2sat, {}),
        "fires, U-Net": (ae.ImageSegmenter(), fires, {}),
        "fires, LR-ASPP of width 8": (ae.ImageSegmenter(), fires, SMALL),
        "land cover, U-Net": (ae.ImageSegmenter(), cover, {}),
    }
    print("| network | channels last, ms | first, ms | ratio | differ by |")
    print("|---|---|---|---|---|")
    for name, case in cases.items():
        model = network(*case)
        rng = np.random.default_rng(0)
        pixels = {
            node.name: rng.random((1, *node.shape[1:]), "float32")
            for node in model.inputs
        }
        with tempfile.TemporaryDirectory() as folder:
            runs = []
            for reorder in (False, True):
                file = Path(folder) / f"{reorder}.onnx"
                write_graph(model, file, "output", reorder)
                runs.append(ONNX().load(file, threads=given.threads))
            outputs = [run(pixels) for run in runs]
            taken: list[list[float]] = [[], []]
            for _ in range(PASSES):
                for run, times in zip(runs, taken, strict=True):
                    begun = time.perf_counter()
                    run(pixels)
                    times.append(1e3 * (time.perf_counter() - begun))
        last, first = (float(np.median(times)) for times in taken)
        apart = float(np.abs(outputs[0] - outputs[1]).max())
        print(
            f"| {name} | {last:.2f} | {first:.2f} | {last / first:.2f} | {apart:.0e} |"
        )


if __name__ == "__main__":
    main()
