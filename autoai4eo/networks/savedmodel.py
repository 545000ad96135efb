"""TensorFlow's SavedModel with one signature."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras

from autoai4eo.networks.compiled import named_outputs


def write_signature(model: keras.Model, out: Path, output: str) -> None:
    """Writes a SavedModel with the one signature ``serving_default``.

    The signature takes a float32 tensor (N, H, W, bands) for each input, by its name,
    and gives a float32 tensor (N, outputs) of the name `output`.

    Raises:
        OSError: the disk is full, or nothing may be written there.
    """
    import tensorflow as tf

    archive = keras.export.ExportArchive()
    archive.track(model)
    signature = {
        node.name: tf.TensorSpec((None, *node.shape[1:]), tf.float32, name=node.name)
        for node in model.inputs
    }
    archive.add_endpoint(
        "serving_default",
        lambda pixels: named_outputs(model, [pixels[n] for n in signature], output),
        input_signature=[signature],
    )
    try:
        with _silent():
            archive.write_out(str(out), verbose=False)
    except tf.errors.OpError as error:
        # TensorFlow's own errors of the disk are no OSErrors
        raise OSError(error.message.rsplit("; ", 1)[-1]) from error


@contextmanager
def _silent() -> Iterator[None]:
    """Hides that TensorFlow wrote files, which have temporary names."""
    log = logging.getLogger("tensorflow")
    level = log.level
    log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(level)
