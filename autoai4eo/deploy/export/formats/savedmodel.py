"""TensorFlow's SavedModel: a folder that TensorFlow and TensorFlow Serving run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from autoai4eo.deploy.export.formats.base import Calibration, Format, output_of
from autoai4eo.deploy.predictors.description import target_of, target_told
from autoai4eo.networks.savedmodel import write_signature
from autoai4eo.text import line


class SavedModel(Format):
    """A SavedModel whose folder ``assets`` describes its target and bands.

    The files are ``class_names.txt`` (of classes), ``target.json`` and ``bands.json``.
    """

    name = "savedmodel"
    suffix = ""
    contents = (
        r"saved_model\.pb|fingerprint\.pb|assets|variables|"
        r"assets/(class_names\.txt|bands\.json|target\.json)|"
        r"variables/variables\.[a-z0-9-]+"
    )
    tolerances: Mapping[str | None, float] = {None: 1e-4}
    framework = "TensorFlow"
    distribution = "tensorflow"
    artifact_type = "tf.keras.Model.export"
    media_type = "application/vnd.tensorflow.savedmodel"
    load = "import tensorflow as tf\n\nmodel = tf.saved_model.load({path!r})"
    call = (
        'model.signatures["serving_default"](\n'
        "    **{{name: tf.constant(patches) for name, patches in pixels.items()}}\n"
        ")[{output!r}].numpy()"
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
        write_signature(model, out, output_of(data))
        assets = out / "assets"
        assets.mkdir(exist_ok=True)
        target = target_of(data)
        if target.kind != "value":
            # `line` keeps a name with line breaks on one line
            names = "".join(f"{line(name)}\n" for name in target.classes)
            (assets / "class_names.txt").write_text(names, "utf-8")
        content = json.dumps(target_told(data), indent=2) + "\n"
        (assets / "target.json").write_text(content, "utf-8")
        bands = {spec["name"]: spec["bands"] for spec in data["inputs"]}
        (assets / "bands.json").write_text(json.dumps(bands, indent=2) + "\n")
