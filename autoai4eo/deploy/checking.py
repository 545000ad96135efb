"""A SavedModel tried where it will be used: in a process that knows TensorFlow only."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

_SCRIPT = """
import sys
import numpy as np
import tensorflow as tf
model = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
pixels = {k: tf.constant(v) for k, v in np.load(sys.argv[2]).items()}
np.save(sys.argv[3], model(**pixels)["probabilities"].numpy())
assert not any(m.split(".")[0] in ("autoai4eo", "autokeras") for m in sys.modules)
"""


def fresh_predictions(
    savedmodel: str | Path, pixels: Mapping[str, np.ndarray]
) -> np.ndarray:
    """What a SavedModel answers in a fresh TensorFlow process.

    Args:
        savedmodel: its folder.
        pixels: float32 (N, H, W, bands) by input name.

    Returns:
        Class probabilities, float32 (N, classes).

    Raises:
        RuntimeError: the process failed; its last line is told.
    """
    with tempfile.TemporaryDirectory() as folder:
        given, answer = Path(folder, "pixels.npz"), Path(folder, "answer.npy")
        np.savez(given, **dict(pixels))  # type: ignore[arg-type]
        done = subprocess.run(
            # -I: nothing from the current folder or the user's environment
            [sys.executable, "-I", "-c", _SCRIPT, savedmodel, given, answer],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(
                f"{savedmodel} did not run in a fresh TensorFlow process: "
                f"{done.stderr.strip().splitlines()[-1]}"
            )
        return np.asarray(np.load(answer))
