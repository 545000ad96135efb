"""TensorFlow's SavedModel: a folder that TensorFlow and TensorFlow Serving run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import keras

from autoai4eo.deploy.export.formats.base import Calibration, Format
from autoai4eo.text import line


class SavedModel(Format):
    """With ``assets/class_names.txt`` and ``assets/bands.json``."""

    name = "savedmodel"
    suffix = ""
    tolerances: ClassVar[Mapping[str | None, float]] = {None: 1e-4}
    framework = "TensorFlow"
    distribution = "tensorflow"
    artifact_type = "tf.keras.Model.export"
    media_type = "application/vnd.tensorflow.savedmodel"
    load = "import tensorflow as tf\n\nmodel = tf.saved_model.load({path!r})"
    call = (
        'model.signatures["serving_default"](\n'
        "    **{name: tf.constant(patches) for name, patches in pixels.items()}\n"
        ')["probabilities"].numpy()'
    )

    def write(
        self,
        model: keras.Model,
        out: Path,
        data: Mapping[str, Any],
        quantize: str | None,
        calibration: Calibration | None,
    ) -> None:
        """See `Format.write`."""
        write_signature(model, out)
        assets = out / "assets"
        assets.mkdir(exist_ok=True)
        # a line for each class, whatever is in its name
        names = "".join(f"{line(name)}\n" for name in data["classes"])
        (assets / "class_names.txt").write_text(names, "utf-8")
        bands = {spec["name"]: spec["bands"] for spec in data["inputs"]}
        (assets / "bands.json").write_text(json.dumps(bands, indent=2) + "\n")


def write_signature(model: keras.Model, out: Path) -> None:
    """Writes a SavedModel of the one signature ``serving_default``.

    From a float32 tensor (N, H, W, bands) for each input, named as the input, to
    ``probabilities``, float32 (N, classes).

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
        lambda pixels: {"probabilities": model(pixels, training=False)},
        input_signature=[signature],
    )
    try:
        archive.write_out(str(out), verbose=False)
    except tf.errors.OpError as error:
        # TensorFlow's own errors of the disk are no OSErrors
        raise OSError(error.message.rsplit("; ", 1)[-1]) from error
