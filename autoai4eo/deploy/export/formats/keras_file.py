"""Keras's own file, for further training on any backend of Keras."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from autoai4eo.deploy.export.formats.base import Calibration, Format
from autoai4eo.networks.saving import save_model


class KerasFile(Format):
    """A ``.keras`` file; blocks of this package consist of Keras's own layers."""

    name = "keras"
    suffix = ".keras"
    tolerances: Mapping[str | None, float] = {None: 1e-4}
    backend = None
    framework = "Keras"
    distribution = "keras"
    artifact_type = "tf.keras.Model.save"
    media_type = "application/vnd.keras"
    load = "import keras\n\nmodel = keras.models.load_model({path!r}, compile=False)"
    call = "model.predict_on_batch(pixels)"

    def write(
        self,
        model: keras.Model,
        out: Path,
        data: Mapping[str, Any],
        quantize: str | None,
        calibration: Calibration | None,
    ) -> None:
        """See `Format.write`."""
        save_model(model, out)
