"""Networks on disk."""

from __future__ import annotations

import os
from pathlib import Path

import keras


def save_model(model: keras.Model, path: Path) -> None:
    """Writes a network as ``.keras`` without its optimiser, in one step.

    Such a file opens where this package was never imported, as long as the network is
    made of Keras's own layers.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"writing-{os.getpid()}.keras")
    try:
        keras.Model(model.inputs, model.outputs, name=model.name).save(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
