"""LiteRT (TensorFlow Lite): a small file for phones, drones and microcontrollers."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import keras

from autoai4eo.deploy.export.formats.base import Calibration, Format, output_of
from autoai4eo.deploy.export.formats.savedmodel import write_signature

#: These stay float32 in an int8 network. They are few, and their results (standardised
#: pixels, index channels, masks of missing pixels) lose too much in 256 levels for all
#: bands of an input together: on the So2Sat layout the largest difference fell from
#: 0.22 to 0.07, the file grew by 1 % (benchmarks/README.md).
FLOAT = ("ADD", "SUB", "MUL", "DIV", "SELECT_V2")


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
        import tensorflow as tf

        with tempfile.TemporaryDirectory() as folder:
            write_signature(model, Path(folder, "savedmodel"), output_of(data))
            converter = tf.lite.TFLiteConverter.from_saved_model(
                str(Path(folder, "savedmodel"))
            )
            if quantize is not None:
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
            if quantize == "float16":
                converter.target_spec.supported_types = [tf.float16]
            with warnings.catch_warnings():
                # TensorFlow's converter uses the interpreter that it deprecates
                warnings.filterwarnings("ignore", message=r"(?s).*tf\.lite\.Interp")
                if quantize == "int8":
                    content = _int8(converter, calibration)
                else:
                    content = converter.convert()
        out.write_bytes(content)


def _int8(converter: Any, calibration: Calibration | None) -> bytes:
    import tensorflow as tf

    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
        tf.lite.OpsSet.TFLITE_BUILTINS,
    ]
    converter.representative_dataset = calibration
    # the one public way to leave operations in float32
    debugger = tf.lite.experimental.QuantizationDebugger(
        converter=converter,
        debug_dataset=calibration,
        debug_options=tf.lite.experimental.QuantizationDebugOptions(
            denylisted_ops=list(FLOAT)
        ),
    )
    content: bytes = debugger.get_nondebug_quantized_model()
    return content
