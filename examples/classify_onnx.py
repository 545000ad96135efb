"""Classify raw So2Sat pixels with an exported ONNX file: onnxruntime and h5py alone.

python examples/classify_onnx.py out/lcz.onnx testing.h5
"""

import json
import sys
from pathlib import Path

import h5py
import onnxruntime


def main(network: str, patches: str) -> None:
    model = onnxruntime.InferenceSession(network)
    told = json.loads(Path(network).with_name("model.json").read_text())["properties"]
    classes = told["mlm:output"][0]["classification:classes"]
    with h5py.File(patches) as file:
        inputs = [given["name"] for given in told["mlm:input"]]
        pixels = {name: file[name][:16].astype("float32") for name in inputs}
    (probabilities,) = model.run(["probabilities"], pixels)
    for row in probabilities:
        print(f"{classes[row.argmax()]['name']:28} {row.max():.3f}")


if __name__ == "__main__":
    if len(sys.argv) <= 2 or "--help" in sys.argv:
        sys.exit(__doc__)
    main(*sys.argv[1:])
