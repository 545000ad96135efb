"""Classify raw So2Sat pixels with an exported SavedModel: TensorFlow and h5py alone.

python examples/serve_savedmodel.py out/savedmodel testing.h5
"""

import sys
from pathlib import Path

import h5py
import numpy as np
import tensorflow as tf


def main(savedmodel: str, patches: str) -> None:
    model = tf.saved_model.load(savedmodel).signatures["serving_default"]
    names = Path(savedmodel, "assets", "class_names.txt").read_text().splitlines()
    with h5py.File(patches) as file:
        inputs = model.structured_input_signature[1]
        pixels = {n: tf.constant(file[n][:16].astype("float32")) for n in inputs}
    probabilities = model(**pixels)["probabilities"].numpy()
    for number, row in zip(probabilities.argmax(axis=1), probabilities, strict=True):
        print(f"{names[number]:28} {np.max(row):.3f}")


if __name__ == "__main__":
    if len(sys.argv) <= 2 or "--help" in sys.argv:
        sys.exit(__doc__)
    main(*sys.argv[1:])
