"""LiteRT (TensorFlow Lite): a small file for phones, drones and microcontrollers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import keras

from autoai4eo.deploy.export.formats.base import Calibration, Format, output_of
from autoai4eo.runtimes.base import FLOAT32
from autoai4eo.runtimes.litert import LiteRT as Runtime


class LiteRT(Format):
    """A ``.tflite`` file; inputs and output are float32 in every quantisation."""

    name = "litert"
    suffix = ".tflite"
    extra = "litert"
    needs = ("ai_edge_litert",)
    # int8: single patches may change class; the loss over many is measured
    tolerances: ClassVar[Mapping[str | None, float]] = {
        None: 1e-3,
        "float16": 0.05,
        "int8": 0.5,
    }
    framework = "LiteRT"
    distribution = "ai-edge-litert"
    artifact_type = "tf.lite.TFLiteConverter.convert"
    media_type = "application/vnd.tflite"
    load = (
        "from ai_edge_litert.interpreter import Interpreter\n\n"
        "model = Interpreter({path!r}).get_signature_runner()"
    )
    call = "model(**pixels)[{output!r}]"

    def write(
        self,
        model: keras.Model,
        out: Path,
        data: Mapping[str, Any],
        quantize: str | None,
        calibration: Calibration | None,
    ) -> None:
        """See `Format.write`."""
        Runtime().write(model, out, output_of(data), quantize or FLOAT32, calibration)
