"""Networks on disk."""

from __future__ import annotations

from pathlib import Path

import keras

from autoai4eo.files import in_one_step


def save_model(model: keras.Model, path: Path) -> None:
    """Writes a network as ``.keras`` without its optimiser, in one step.

    Keras can open the file without this package if the network has only layers of
    Keras. The folder must exist.
    """
    with in_one_step(path) as temporary:
        keras.Model(model.inputs, model.outputs, name=model.name).save(temporary)
