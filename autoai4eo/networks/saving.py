"""Networks on disk."""

from __future__ import annotations

from pathlib import Path

import keras

from autoai4eo.files import in_one_step


def save_model(model: keras.Model, path: Path) -> None:
    """Writes a network as ``.keras`` without its optimiser, in one step.

    Such a file opens where this package was never imported, as long as the network is
    made of Keras's own layers. Its folder must be there.
    """
    with in_one_step(path) as temporary:
        keras.Model(model.inputs, model.outputs, name=model.name).save(temporary)
